"""HTTP clients of the tests."""

import ssl
from typing import Any

import httpx2

# Making one reads every certificate authority, which takes longer than most requests.
TLS = ssl.create_default_context()


def http_client(base_url: httpx2.URL | str, **options: Any) -> httpx2.Client:
    """A client with that base URL and further options of `httpx2.Client`."""
    return httpx2.Client(base_url=base_url, verify=TLS, **options)
