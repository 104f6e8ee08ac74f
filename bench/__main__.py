"""``python -m bench [--quick] [--write]``; `make bench` calls it."""

import logging
import signal
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

import click
import structlog

from bench.figures import Figures
from bench.report import DOCUMENT, document, text
from bench.run import measure
from bench.scale import QUICK, WHOLE, Kit, Scale
from bench.stack import BenchmarkError
from bench.traffic import LoadError, Outcome, Plan, drive
from service.runtime.settings import Settings, SettingsError, load_settings
from service.web.assets import AssetsMissing, load_assets
from sql.embedded import EmbeddedPostgresError, embedded_postgres
from sql.errors import DatabaseError

_LIMIT_SECONDS = 45 * 60
_TROUBLES = (
    AssetsMissing,
    BenchmarkError,
    LoadError,
    SettingsError,
    EmbeddedPostgresError,
    DatabaseError,
)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, about a minute.")
@click.option("--write", is_flag=True, help="Renew docs/benchmarks.md.")
def main(quick: bool, write: bool) -> None:
    """Measure the product on this machine; ratios in one run."""
    if quick and write:
        raise click.UsageError("--write needs the whole run, not --quick")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_LIMIT_SECONDS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        # Pages are measured last: that they are missing is better known now.
        load_assets()
        figures = _run(load_settings(), QUICK if quick else WHOLE)
    except _TROUBLES as error:
        raise click.ClickException(str(error)) from error
    click.echo(text(figures))
    if write:
        DOCUMENT.write_text(document(figures), encoding="utf-8")
        click.echo(f"\nwritten: {DOCUMENT}")


def _run(settings: Settings, scale: Scale) -> Figures:
    started = time.monotonic()

    def tell(step: str) -> None:
        click.echo(f"[{time.monotonic() - started:4.0f} s] {step}", err=True)

    with (
        tempfile.TemporaryDirectory(prefix="fature-bench-") as name,
        embedded_postgres(
            Path(name), postgres_home=settings.postgres_home, engine=settings.engine
        ) as server,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as loader,
    ):
        tell(server.installation.describe())

        def driven(plan: Plan) -> Outcome:
            return loader.submit(drive, plan).result()

        figures = measure(Kit(scale, driven, tell), server, Path(name))
        tell("done")
    return figures


def _stop(_: int, __: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that all that was started is ended."""
    sys.exit(143)


def _too_long(_: int, __: FrameType | None) -> None:
    raise BenchmarkError(f"this took longer than {_LIMIT_SECONDS // 60} minutes")


if __name__ == "__main__":
    main()
