"""Starts and stops the server of a data folder."""

import logging
import re
import socket
import subprocess
import time
from collections.abc import Mapping

from sql.embedded.cluster import Cluster, previous_port, write_settings
from sql.embedded.errors import EmbeddedPostgresError
from sql.embedded.postmaster import forget_dead_postmaster, running_postmaster

logger = logging.getLogger(__name__)

_START_SECONDS = 300
_STOP_SECONDS = 120
# How long a killed server's processes may take to notice, and a stopping one to end.
_PATIENCE_SECONDS = 30
_LOG_TAIL_LINES = 20
_LOG_BYTES = 10_000_000

_PORT_TAKEN = "could not create any TCP/IP sockets"
_KILLED_SERVER_LINGERS = "pre-existing shared memory block"


def start(cluster: Cluster, settings: Mapping[str, str]) -> None:
    """Starts the server and returns when it accepts connections."""
    _refuse_shell_characters(cluster)
    _prepare_log(cluster)
    forget_dead_postmaster(cluster.pgdata)
    port = _usable_port(previous_port(cluster))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (failure := _try_start(cluster, port, settings)) is not None:
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(failure)
        if _PORT_TAKEN in failure and "port" not in settings:
            port = _usable_port(None)
        elif _KILLED_SERVER_LINGERS in failure:
            time.sleep(0.2)
        else:
            raise EmbeddedPostgresError(failure)


def stop(cluster: Cluster) -> None:
    """Stops the server, disconnecting whoever is left; a failure is logged, as data are safe."""
    if running_postmaster(cluster.pgdata) is None:
        return
    result = _pg_ctl(cluster, "stop", "--mode=fast", f"--timeout={_STOP_SECONDS}")
    if result.returncode != 0 and running_postmaster(cluster.pgdata) is not None:
        logger.error(
            "the embedded PostgreSQL did not stop (it is taken over at the next start): %s",
            _with_log(cluster, result.stderr.strip(), from_byte=0),
            extra={"action": "embedded_postgres_stop_failed"},
        )


def wait_until_settled(cluster: Cluster) -> int | None:
    """The port of a server that runs already, or None when none runs.

    One left starting or stopping by a killed process is waited for.
    """
    deadline = time.monotonic() + _START_SECONDS
    while (postmaster := running_postmaster(cluster.pgdata)) is not None:
        if postmaster.status == "ready" and postmaster.port is not None:
            return postmaster.port
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"A server (process {postmaster.pid}) has held {cluster.pgdata} for "
                f"{_START_SECONDS} s and is still {postmaster.status}: see {cluster.log}, or end "
                "that process."
            )
        time.sleep(0.1)
    return None


def _try_start(cluster: Cluster, port: int, settings: Mapping[str, str]) -> str | None:
    """None when started, otherwise what went wrong."""
    write_settings(cluster, port, settings)
    log_before = cluster.log.stat().st_size
    result = _pg_ctl(cluster, "start", f"--log={cluster.log}", f"--timeout={_START_SECONDS}")
    if result.returncode == 0:
        return None
    output = (result.stdout + result.stderr).strip()
    message = f"The embedded PostgreSQL in {cluster.pgdata} did not start: {output}"
    return cluster.account.explain(_with_log(cluster, message, from_byte=log_before))


def _pg_ctl(cluster: Cluster, action: str, *options: str) -> subprocess.CompletedProcess[str]:
    always = (f"--pgdata={cluster.pgdata}", "--wait", "--silent")
    return cluster.account.run([cluster.program("pg_ctl"), action, *always, *options])


def _with_log(cluster: Cluster, message: str, *, from_byte: int) -> str:
    text = cluster.log.read_bytes()[from_byte:].decode(errors="replace")
    tail = text.splitlines()[-_LOG_TAIL_LINES:]
    return "\n".join([message, f"The end of {cluster.log}:", *(f"    {line}" for line in tail)])


def _prepare_log(cluster: Cluster) -> None:
    if cluster.log.exists() and cluster.log.stat().st_size > _LOG_BYTES:
        cluster.log.replace(cluster.log.with_suffix(".log.1"))
    cluster.log.touch(mode=0o600)
    cluster.account.own(cluster.log)


def _usable_port(preferred: int | None) -> int:
    """A port that is free now; whether it still is when the server starts is seen then."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise EmbeddedPostgresError("No TCP port is free on 127.0.0.1 for the embedded PostgreSQL.")


def _refuse_shell_characters(cluster: Cluster) -> None:
    # pg_ctl puts both paths between double quotes into a shell command without escaping them.
    for path in (cluster.home, cluster.installation.bin):
        if re.search(r'["$`\\\n]', str(path)):
            raise EmbeddedPostgresError(
                f"{path}: PostgreSQL's pg_ctl cannot work in a folder whose name contains "
                'any of " $ ` \\: choose another FATURE_DATA_DIR or FATURE_POSTGRES_HOME.'
            )
