"""The link that makes the first user; its token is kept in the data folder."""

from pathlib import Path

from service.runtime.secrets import stored_secret
from service.runtime.settings import Settings

_FILE = "welcome_token"


def welcome_link(settings: Settings) -> str:
    """The address at which the first user is made.

    Raises:
        OSError: nothing can be kept in the data folder.
    """
    token, _ = stored_secret(settings.data_dir, _FILE)
    return f"{settings.links}/welcome?token={token}"


def token_file(settings: Settings) -> Path:
    """The file with the link's token, which goes with its use."""
    return settings.data_dir / _FILE
