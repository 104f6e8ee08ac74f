"""``make demo``, ``replay`` and ``import``: clients of the running service."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from service.commands.context import database as installation
from service.commands.context import with_settings
from service.commands.demo.history import backtests, write_history
from service.commands.demo.live import go_on
from service.commands.demo.load import load_demo
from service.commands.demo.story import tell_story
from service.commands.importing.command import run_import
from service.commands.replay.mapping import SOURCE_TIMEZONE
from service.commands.replay.mapping import replay as replay_orders
from service.commands.replay.orders import BadFile
from service.commands.submission.answers import KeyRefused, SubmitError, Unreachable
from service.commands.submission.submit import Sample, Sent, Submitter
from service.commands.submission.windows import UnknownWindows, windows_of
from service.runtime.secrets import admin_key
from service.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Target:
    """The service that commands send to by default, and this installation's database; the
    context's ``obj``.
    """

    url: str
    api_key: str
    timezone: ZoneInfo
    database: Callable[[], AbstractContextManager[str]] | None = None


@click.group()
@click.pass_context
@with_settings
def client(settings: Settings, context: click.Context) -> None:
    """Clients of the running service."""
    key, _ = admin_key(settings.admin_key, settings.data_dir)
    context.obj = Target(settings.url, key, settings.zone, partial(installation, settings))


@client.command()
@click.option("--url", help="Address of the running service.")
@click.option("--api-key", help="Key with the right to write metrics.")
@click.option("--live", is_flag=True, help="Go on until Ctrl-C: samples and health as they come.")
@click.pass_obj
def demo(target: Target, url: str | None, api_key: str | None, live: bool) -> None:
    """Load 90 days of demo data into the running service."""
    # The past of another installation cannot be written from here.
    database = None if url or api_key else target.database
    run_demo(url or target.url, api_key or target.api_key, target.timezone, database, live)


@client.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file that says what the columns are.",
)
@click.option("--url", help="Address of the running service.")
@click.option("--api-key", help="Key with the right to correct metrics.")
@click.pass_obj
def import_file(
    target: Target, file: Path, map_file: Path | None, url: str | None, api_key: str | None
) -> None:
    """Import history of any age from CSV or JSON lines."""
    run_import(url or target.url, api_key or target.api_key, file, map_file)


@client.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--shift",
    metavar="now|TIME",
    help="Move the newest order to now, or to a time such as 2026-01-31T12:00:00Z.",
)
@click.option(
    "--source-timezone",
    default=SOURCE_TIMEZONE.key,
    show_default=True,
    help="Time zone of the file's local times.",
)
@click.option("--url", help="Address of the running service.")
@click.option("--api-key", help="Key with the right to write metrics.")
@click.pass_obj
def replay(
    target: Target,
    file: Path,
    shift: str | None,
    source_timezone: str,
    url: str | None,
    api_key: str | None,
) -> None:
    """Replay a CSV of real orders as metrics through the HTTP API."""
    run_replay(
        url or target.url,
        api_key or target.api_key,
        target.timezone,
        file,
        shift,
        _zone(source_timezone),
    )


def run_demo(
    url: str,
    api_key: str,
    timezone: ZoneInfo,
    database: Callable[[], AbstractContextManager[str]] | None = None,
    live: bool = False,
) -> None:
    """Load the demo data; with the database also alerts and health reports of the past.

    Raises:
        click.ClickException: with a message for the operator; exit code 1.
    """
    now = datetime.now(UTC)
    with _explained(url), Submitter(url, api_key) as submitter:
        windows = windows_of(submitter.health())
        load_demo(
            now=now,
            timezone=timezone,
            windows=windows,
            submit=submitter.submit,
            report_health=submitter.report_health,
        )
        _add_story(submitter, now, timezone)
        if database:
            _write_past(submitter, database, now, timezone)
        if live:
            click.echo("going on with samples and health reports; Ctrl-C stops")
            go_on(
                now,
                timezone=timezone,
                windows=windows,
                submit=submitter.submit_quietly,
                report_health=submitter.report_health,
            )
    click.echo(
        f"{url} has the morning, {url}/targets targets half reached, "
        f"{url}/explore?metric_name=revenue_hourly&forecast=month what the month will end with"
    )
    if not live:
        click.echo("`make demo LIVE=1` goes on with samples and health reports")


def _add_story(submitter: Submitter, now: datetime, timezone: ZoneInfo) -> None:
    try:
        tell_story(submitter, now, timezone)
    except KeyRefused:
        click.echo("targets, annotations and a rule were left out: the key may not set them")
        return
    click.echo("set targets, annotated sales and incidents, added a rule of what is unusual")


def _write_past(
    submitter: Submitter,
    database: Callable[[], AbstractContextManager[str]],
    now: datetime,
    timezone: ZoneInfo,
) -> None:
    events = backtests(submitter.entries("/api/alerts/rules"), submitter.test_rule, timezone)
    with database() as database_url:
        added = write_history(database_url, events, now, timezone)
    click.echo(f"added {added} alert events of the past and a week of health reports")


def run_replay(
    url: str,
    api_key: str,
    timezone: ZoneInfo,
    file: Path,
    shift: str | None,
    source_timezone: ZoneInfo = SOURCE_TIMEZONE,
) -> None:
    """Replay a file; ``shift`` is ``now``, a time with an offset, or None.

    Raises:
        click.ClickException: with a message for the operator; exit code 1.
    """
    now = datetime.now(UTC)
    shift_to = _shift_to(shift, now)
    with _explained(url), Submitter(url, api_key) as submitter:

        def submit(slices: Iterable[Sequence[Sample]], total: int) -> Sent:
            if shift == "now" and shift_to:
                click.echo(_how_to_continue(shift_to))
            return submitter.submit(slices, total)

        replay_orders(
            file,
            shift_to=shift_to,
            timezone=timezone,
            windows=windows_of(submitter.health()),
            submit=submit,
            now=now,
            source_timezone=source_timezone,
        )


def _how_to_continue(shift_to: datetime) -> str:
    return (
        "the newest order moves to now; should this run break, continue it within "
        f"10 minutes with SHIFT={shift_to:%Y-%m-%dT%H:%M:%SZ}: nothing is counted twice"
    )


def _shift_to(shift: str | None, now: datetime) -> datetime | None:
    if not shift:
        return None
    if shift == "now":
        # Whole seconds, so that the same instant can be typed to continue a broken run.
        return now.replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(shift)
    except ValueError as error:
        raise click.ClickException(f"SHIFT is now or a time, not {shift!r}") from error
    if moment.tzinfo is None:
        raise click.ClickException(f"SHIFT={shift} needs an offset, such as {shift}Z")
    return moment.astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.ClickException(f"{name!r} is not a time zone") from error


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Failures as a message for the operator."""
    try:
        yield
    except Unreachable as error:
        raise click.ClickException(
            f"{error}\nis `make run` running at {url}? Where it was started with another "
            "FATURE_PORT, this command needs the same"
        ) from error
    except KeyRefused as error:
        raise click.ClickException(
            f"{error}\n`make run` prints the admin key on its first start; "
            "`make key NAME=… ROLE=writer` makes another"
        ) from error
    except (SubmitError, BadFile, UnknownWindows) as error:
        raise click.ClickException(str(error)) from error
