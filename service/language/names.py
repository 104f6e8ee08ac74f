"""Names of metrics for people, from the names that programs give them."""

# What is written otherwise than it is spelt.
_SPELT = {"api": "API", "cpu": "CPU", "id": "ID", "sla": "SLA", "url": "URL"}


def title_of(metric_name: str) -> str:
    """A metric's name in words."""
    words = [_SPELT.get(word, word) for word in metric_name.replace("_", " ").split(" ")]
    title = " ".join(words).strip()
    return title[:1].upper() + title[1:] or metric_name
