"""What a command says where it was asked for something wrong."""

import click


def complaint(error: click.ClickException) -> str:
    """The error in the voice of all others. A value that is wrong goes by its name in ``make``:
    ``DAYS: …``.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    if type(error) is click.BadParameter and error.param is not None:
        return f"error: {error.param.human_readable_name.upper()}: {error.message}"
    return f"error: {error.format_message()}"
