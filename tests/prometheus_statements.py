"""The statements that a service has sent, from its own metrics."""

import httpx2
from prometheus_client.parser import text_string_to_metric_families


def statements(client: httpx2.Client) -> dict[str, float]:
    """How often each was sent, by its name."""
    return {
        one.labels["query"]: one.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for one in family.samples
        if one.name == "fature_query_seconds_count"
    }
