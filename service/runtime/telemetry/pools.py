"""The connection pools of this process."""

from collections.abc import Mapping

from prometheus_client import Gauge

from sql.database import Pool

_STATS = {
    "pool_size": Gauge(
        "fature_pool_connections",
        "Connections to the database.",
        ["pool"],
        multiprocess_mode="livesum",
    ),
    "pool_available": Gauge(
        "fature_pool_idle_connections",
        "Connections that wait for work.",
        ["pool"],
        multiprocess_mode="livesum",
    ),
    "requests_waiting": Gauge(
        "fature_pool_requests_waiting",
        "Who waits for a connection.",
        ["pool"],
        multiprocess_mode="livesum",
    ),
}


def note_pools(pools: Mapping[str, Pool]) -> None:
    """Set the gauges of the pools' states, for `GET /metrics`."""
    for name, pool in pools.items():
        stats = pool.get_stats()
        for stat, gauge in _STATS.items():
            gauge.labels(name).set(stats.get(stat, 0))
