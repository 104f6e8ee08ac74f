"""``make alerts``."""

import asyncio

import click
from prometheus_client import start_http_server

from alerts.keeping import Keeping
from alerts.loop import run_alerts
from service.commands.context import database, with_settings
from service.commands.migrations import capability_of
from service.runtime.notifications import delivering, message_context_of
from service.runtime.pools import POOL_SIZE
from service.runtime.settings import DEFAULT_ALERT_INTERVAL, Settings, SettingsError
from sql.database import create_pool
from sql.engine import Engine
from sql.roles import serving_url


@click.command()
@with_settings
def alerts(settings: Settings) -> None:
    """Judge alert rules and deliver, alone, beside services with FATURE_ALERT_INTERVAL=0."""
    interval = settings.alert_interval or DEFAULT_ALERT_INTERVAL
    with database(settings) as url:
        engine = capability_of(settings, url).engine
        _serve_metrics(settings)
        url = serving_url(url)
        click.echo(f"Judging alert rules every {interval:g} s; Ctrl-C stops.")
        asyncio.run(_judge(settings, url, interval, engine))


def _serve_metrics(settings: Settings) -> None:
    if settings.alert_metrics_port is None:
        return
    try:
        start_http_server(settings.alert_metrics_port, settings.host)
    except OSError as error:
        raise SettingsError(f"FATURE_ALERT_METRICS_PORT: {error.strerror or error}") from error


async def _judge(settings: Settings, url: str, interval: float, engine: Engine) -> None:
    """Without serving, until cancelled."""
    keeping = Keeping(settings.keep, engine == "timescale")
    async with create_pool(url, size=POOL_SIZE) as pool, delivering(pool, settings):
        context = message_context_of(settings)
        await run_alerts(url, settings.zone, context, interval, keeping=keeping)
