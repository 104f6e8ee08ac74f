"""Server settings for metrics on a machine that does other work as well."""

import os
from collections.abc import Mapping
from pathlib import Path

MIB = 1024 * 1024
GIB = 1024 * MIB

_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def tuned_settings(*, memory: int, wal_compression: str, timescaledb: bool) -> dict[str, str]:
    """Settings by name for `memory` bytes; durability stays at PostgreSQL's own defaults."""
    settings = {
        "listen_addresses": "127.0.0.1",
        # A socket's path may have about 100 bytes, which a deep data folder exceeds.
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": _mebibytes(min(memory // 4, GIB)),
        "effective_cache_size": _mebibytes(memory // 2),
        "maintenance_work_mem": _mebibytes(min(memory // 16, GIB // 4)),
        "max_wal_size": "4GB",
        "checkpoint_completion_target": "0.9",
        "wal_compression": wal_compression,
        # Queries mostly read recent samples, which are in memory, where a page costs little
        # beside the rows on it. At the usual costs the live part of a rollup is computed from the
        # newest samples of all series, by time, instead of from those that are asked for.
        "seq_page_cost": "0.2",
        "random_page_cost": "0.3",
        # Queries are short, so compiling them costs more than it saves.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return settings | (_timescaledb_settings() if timescaledb else {})


def _timescaledb_settings() -> dict[str, str]:
    return {
        "shared_preload_libraries": "timescaledb",
        "max_worker_processes": "32",
        # A query may touch every chunk, and each costs a lock on it and on its indexes.
        "max_locks_per_transaction": "256",
        "timescaledb.max_background_workers": "16",
        "timescaledb.telemetry_level": "off",
    }


def _mebibytes(size: int) -> str:
    return f"{max(size // MIB, 32)}MB"


def machine_memory() -> int:
    """Bytes this process may use: the machine's memory, or a container's limit below it."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [path.read_text().strip() for path in _MEMORY_LIMITS if path.is_file()]
    return min([memory, *(int(limit) for limit in limits if limit.isdigit())])


def rendered(settings: Mapping[str, str]) -> str:
    """The text of a configuration file."""
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "\n".join(["# Written at every start: changes made here are lost.", *lines, ""])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
