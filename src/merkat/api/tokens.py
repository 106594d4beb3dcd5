"""Grants of authentication, the tokens that stand for them, and signatures seen before."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from merkat.api.errors import too_many_requests
from merkat.api.limits import Limits
from merkat.api.registry import Client

TOKEN_BYTES: Final = 32
SECOND_MS: Final = 1_000


@dataclass(slots=True, eq=False)
class Grant:
    """What a caller was given: who it is, what it may do and until when.

    Attributes:
        client: who it is.
        scopes: of "read" and "trade".
        name: of the session, "" where none was asked for.
        expires_ms: since 1970; None for a request that was authenticated by itself.
        revoked: whether it was ended before.
    """

    client: Client
    scopes: frozenset[str]
    name: str = ""
    expires_ms: int | None = None
    refresh_expires_ms: int = 0
    revoked: bool = False
    access_key: bytes = b""
    refresh_key: bytes = b""

    def why_ended(self, now_ms: int) -> str | None:
        """Return why it holds no more, None while it holds."""
        if self.revoked:
            return "it was ended by private/logout or exchanged for a newer one"
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            return f"it expired {(now_ms - self.expires_ms) // SECOND_MS} s ago"
        return None


class Tokens:
    """Grants by the hashes of their tokens; at most `limits.tokens` a client, oldest go first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_access: dict[bytes, Grant] = {}
        self._by_refresh: dict[bytes, Grant] = {}
        self._by_client: dict[str, OrderedDict[bytes, Grant]] = {}

    def issue(
        self, client: Client, scopes: frozenset[str], name: str, now_ms: int, seconds: int
    ) -> tuple[Grant, str, str]:
        """Return a new grant with its access token and its refresh token."""
        access = secrets.token_urlsafe(TOKEN_BYTES)
        refresh = secrets.token_urlsafe(TOKEN_BYTES)
        grant = Grant(
            client=client,
            scopes=scopes,
            name=name,
            expires_ms=now_ms + seconds * SECOND_MS,
            refresh_expires_ms=now_ms + self._limits.refresh_seconds * SECOND_MS,
            access_key=_key(access),
            refresh_key=_key(refresh),
        )
        kept = self._by_client.setdefault(client.client_id, OrderedDict())
        kept[grant.access_key] = grant
        self._by_access[grant.access_key] = grant
        self._by_refresh[grant.refresh_key] = grant
        if len(kept) > self._limits.tokens:
            self.forget(next(iter(kept.values())))
        return grant, access, refresh

    def by_access(self, token: str) -> Grant | None:
        """Return the grant of an access token, ended ones too."""
        return self._by_access.get(_key(token))

    def by_refresh(self, token: str) -> Grant | None:
        """Return the grant of a refresh token, ended ones too."""
        return self._by_refresh.get(_key(token))

    def forget(self, grant: Grant) -> None:
        """Drop the tokens of a grant; a connection that holds the grant keeps it."""
        self._by_access.pop(grant.access_key, None)
        self._by_refresh.pop(grant.refresh_key, None)
        self._by_client.get(grant.client.client_id, OrderedDict()).pop(grant.access_key, None)


class SeenSignatures:
    """Signatures that were used, as long as their timestamps would be taken again."""

    def __init__(self, limits: Limits) -> None:
        self._max = limits.nonces
        self._by_client: dict[str, OrderedDict[bytes, int]] = {}

    def use(self, client_id: str, signature: bytes, expires_ms: int, now_ms: int) -> bool:
        """Return whether this is its first use, and remember it.

        Raises ApiError 10028 when `limits.nonces` of one client are in the window: none that could
        be replayed is ever forgotten.
        """
        seen = self._by_client.setdefault(client_id, OrderedDict())
        while seen and (first := next(iter(seen.items())))[1] <= now_ms:
            del seen[first[0]]
        if signature in seen:
            return False
        if len(seen) >= self._max:
            raise too_many_requests(first[1] - now_ms, "signed requests")
        seen[signature] = expires_ms
        return True


def _key(token: str) -> bytes:
    """Return what a token is looked up by: neither the memory nor the time tells the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
