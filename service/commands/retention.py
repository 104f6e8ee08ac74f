"""``make retention`` and ``make retention-apply``."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from retention.apply import accept_windows, delete_expired, reconcile
from retention.plan import describe, in_words
from retention.report import Line, report
from service.commands.context import database, operator, with_settings
from service.commands.migrations import capability_of
from service.language.sizes import size
from service.runtime.settings import Settings


@click.command()
@with_settings
def retention(settings: Settings) -> None:
    """Show declared against actual policies, chunks, sizes and next runs."""
    now = datetime.now(UTC)
    with database(settings) as url:
        capability = capability_of(settings, url)
        lines = report(url, capability.engine, settings.keep, now)
        ages = accept_windows(url, settings.keep, now)
    for age_of, age in ages.items():
        click.echo(f"{age_of} samples are accepted up to {in_words(age)} back")
    click.echo(table(lines))
    if capability.engine == "plain":
        click.echo("The service deletes what is past its time every night at 02:00.")
    elif not all(line.in_line for line in lines):
        click.echo("* differs from what is declared: run `make retention-apply`")


@click.command("retention-apply")
@with_settings
def retention_apply(settings: Settings) -> None:
    """Make the database's policies the declared ones."""
    now = datetime.now(UTC)
    with database(settings) as url:
        engine = capability_of(settings, url).engine
        changes = reconcile(url, engine, settings.keep, settings.zone, now, operator())
        deleted = delete_expired(url, engine, settings.keep, now)
    for found in changes.remove:
        was = describe(found.policy) if found.policy else "with open ends"
        click.echo(f"- {found.relation}: {found.kind}, {was}")
    for policy in changes.add:
        click.echo(f"+ {policy.relation}: {describe(policy)}")
    for relation, rows in deleted.items():
        if rows:
            click.echo(f"- {relation}: {rows} rows past their time")
    if not changes:
        click.echo("Policies are as declared.")


def table(lines: Sequence[Line]) -> str:
    """A line for each policy, with an asterisk where the database does something else."""
    header = ("relation", "declared", "actual", "chunks", "columns", "size", "oldest", "next run")
    rows = [header] + [
        (
            line.relation,
            line.declared,
            line.actual + ("" if line.in_line else " *"),
            str(line.chunks),
            str(line.columnstore_chunks),
            size(line.bytes),
            f"{line.oldest.astimezone(UTC):%Y-%m-%d}" if line.oldest else "",
            f"{line.next_run.astimezone(UTC):%Y-%m-%d %H:%M}Z" if line.next_run else "",
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
