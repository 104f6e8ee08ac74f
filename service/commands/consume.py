"""``make consume``."""

import asyncio
import signal

import click

from service.commands.context import database, with_settings
from service.commands.migrations import capability_of
from service.kafka.consumer import Consumer
from service.kafka.source import connection_options
from service.kafka.status import telling
from service.runtime.recording import recording
from service.runtime.settings import Settings, SettingsError
from sql.roles import serving_url


@click.command()
@with_settings
def consume(settings: Settings) -> None:
    """Store the samples of Kafka topics until Ctrl-C or SIGTERM."""
    key = needed_key(settings)
    with database(settings) as url:
        capability_of(settings, url)
        topics = ", ".join(settings.kafka_topics)
        click.echo(f"Consuming {topics} as group {settings.kafka_group}; Ctrl-C stops.")
        asyncio.run(_consume(settings, serving_url(url), key))
    click.echo("Stopped.")


async def _consume(settings: Settings, url: str, key: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with recording(settings, url) as door:
        consumer = Consumer(settings, door, key)
        with telling(settings.host, settings.kafka_metrics_port, lambda: consumer.problems):
            await consumer.run(stop)


def needed_key(settings: Settings) -> str:
    """The key whose samples these are.

    Raises:
        SettingsError: something that consuming needs is missing or wrong.
    """
    missing = [
        name
        for name, value in (
            ("FATURE_KAFKA_BROKERS", settings.kafka_brokers),
            ("FATURE_KAFKA_TOPICS", settings.kafka_topics),
            ("FATURE_KAFKA_API_KEY", settings.kafka_api_key),
        )
        if not value
    ]
    if missing or settings.kafka_api_key is None:
        raise SettingsError(f"{', '.join(missing)}: needed to consume")
    _check(settings)
    return settings.kafka_api_key


def _check(settings: Settings) -> None:
    """Refuse settings that are wrong whatever the brokers say."""
    if settings.kafka_dead_letter_topic in settings.kafka_topics:
        raise SettingsError("FATURE_KAFKA_DEAD_LETTER_TOPIC: this topic is consumed itself")
    if settings.kafka_sasl and not (settings.kafka_user and settings.kafka_password):
        raise SettingsError(
            "FATURE_KAFKA_USER, FATURE_KAFKA_PASSWORD: needed for FATURE_KAFKA_SASL"
        )
    connection_options(settings)
