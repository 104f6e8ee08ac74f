"""Posts business metrics to the Fature platform: buffered, in the background, each exactly once."""

from fature_metrics.asynchronous import AsyncClient
from fature_metrics.client import Client, Stats

__all__ = ["AsyncClient", "Client", "Stats"]
