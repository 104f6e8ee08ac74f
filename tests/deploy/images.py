"""How images are named, wherever they run."""

import re

# A version, not a floating name such as latest or 3.
_PINNED = re.compile(r"[\w./-]+(:\d+)?/?[\w./-]*:v?(pg)?\d+\.\d+\.?\d*[\w.-]*$")


def is_pinned(image: str) -> bool:
    """Whether the tag names one version."""
    return bool(_PINNED.match(image)) and "latest" not in image and "-oss" not in image
