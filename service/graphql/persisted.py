"""Automatic persisted queries: a client sends the hash of a document, and the document where it is
not known yet.
"""

import hashlib
from collections import OrderedDict
from typing import Any

MAX_BYTES = 4 * 1024 * 1024


class NotPersisted(Exception):
    """The hash is not known here: the client sends the document along."""


class PersistedQueries:
    """The documents that were sent with their hashes, as many as fit, per process."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def document(self, query: str | None, extensions: dict[str, Any] | None) -> str | None:
        """The document that is meant; None where there is neither one nor a hash.

        Raises:
            NotPersisted: the hash is not known.
            ValueError: the hash is none, or that of another document.
        """
        given = (extensions or {}).get("persistedQuery")
        if given is None:
            return query
        digest = given.get("sha256Hash") if isinstance(given, dict) else None
        if not isinstance(digest, str):
            raise ValueError("extensions.persistedQuery needs a sha256Hash")
        if query is None:
            return self._found(digest.lower())
        if hashlib.sha256(query.encode()).hexdigest() != digest.lower():
            raise ValueError("extensions.persistedQuery.sha256Hash is that of another query")
        self._keep(digest.lower(), query)
        return query

    def _found(self, digest: str) -> str:
        if digest not in self._known:
            raise NotPersisted
        self._known.move_to_end(digest)
        return self._known[digest]

    def _keep(self, digest: str, query: str) -> None:
        if digest in self._known or len(query) > MAX_BYTES // 16:
            return
        self._known[digest] = query
        self._size += len(query)
        while self._size > MAX_BYTES:
            _, oldest = self._known.popitem(last=False)
            self._size -= len(oldest)
