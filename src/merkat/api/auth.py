"""Who asks: `public/auth` and the three kinds of Authorization header."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Final, Literal, Protocol

import msgspec

from merkat.api.errors import invalid_credentials, missing_param, unauthorized
from merkat.api.limits import Limits
from merkat.api.registry import SCOPE_READ, SCOPE_TRADE, Client
from merkat.api.tokens import Grant, SeenSignatures, Tokens

HMAC_SCHEME: Final = "deri-hmac-sha256"
AUTHENTICATE: Final = "call public/auth again, or send an Authorization header"

_MILLISECONDS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_SCOPES: Final = {
    "read": {SCOPE_READ},
    "trade": {SCOPE_READ, SCOPE_TRADE},
    "account:read": {SCOPE_READ},
    "account:read_write": {SCOPE_READ},
    "trade:none": {SCOPE_READ},
    "trade:read": {SCOPE_READ},
    "trade:read_write": {SCOPE_READ, SCOPE_TRADE},
}
# Words of a scope that ask for no access: beside them a client gets all that it may.
_BESIDE: Final = re.compile(
    r"connection|mainaccount|(?:session|expires|ip):.*|(?!account:|trade:).+:none", re.DOTALL
)


class Clients(Protocol):
    """Who may authenticate, by client id."""

    def find(self, client_id: str) -> Client | None:
        """Return the client of an id, None where there is none."""
        ...


class AuthParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of public/auth."""

    grant_type: Literal["client_credentials", "client_signature", "refresh_token"]
    client_id: str | None = None
    client_secret: str | None = None
    refresh_token: str | None = None
    timestamp: int | None = None
    signature: str | None = None
    nonce: str = ""
    data: str = ""
    state: str | msgspec.UnsetType = msgspec.UNSET
    scope: str = ""


class AuthResult(msgspec.Struct, kw_only=True):
    """Tokens. `expires_in` in seconds; `state` as it was sent."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str
    token_type: str = "bearer"
    state: str | msgspec.UnsetType = msgspec.UNSET


class NoClients:
    """Of a server where nobody can authenticate."""

    def find(self, client_id: str) -> Client | None:
        """Return None."""
        return None


class Authenticator:
    """Checks credentials, signatures and tokens. Times are milliseconds since 1970."""

    def __init__(self, clients: Clients, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._clients = clients
        self._limits = limits
        self._now_ms = now_ms
        self._tokens = Tokens(limits)
        self._seen = SeenSignatures(limits)
        # What was signed before the start could have been used then: nobody remembers.
        self._started_ms = now_ms()
        self._nobody = secrets.token_hex(32)

    def grant(self, params: AuthParams) -> tuple[Grant, AuthResult]:
        """Do public/auth. Raises ApiError 13004, 13009 or -32602."""
        name = ""
        if params.grant_type == "refresh_token":
            old = self._refreshed(params)
            client, allowed, name = old.client, old.scopes, old.name
        elif params.grant_type == "client_credentials":
            client = self._by_secret(
                _given(params.client_id, "client_id"), _given(params.client_secret, "client_secret")
            )
            allowed = frozenset(client.scopes)
        else:
            client = self._by_signature(params)
            allowed = frozenset(client.scopes)
        scopes, asked_name, seconds = self._scopes(params.scope, allowed)
        grant, access, refresh = self._tokens.issue(
            client, scopes, asked_name or name, self._now_ms(), seconds
        )
        result = AuthResult(
            access_token=access,
            refresh_token=refresh,
            expires_in=seconds,
            scope=scope_text(grant),
            state=params.state,
        )
        return grant, result

    def by_token(self, token: str) -> Grant:
        """Return the grant of an access token. Raises ApiError 13009."""
        grant = self._tokens.by_access(token)
        if grant is None:
            raise unauthorized("no such access token: never given, too old or ended", AUTHENTICATE)
        self.check(grant)
        return grant

    def check(self, grant: Grant) -> None:
        """Raise ApiError 13009 if a grant holds no more."""
        why = grant.why_ended(self._now_ms())
        if why is not None:
            raise unauthorized(
                f"the access token holds no more: {why}",
                "call public/auth with grant_type refresh_token or your credentials",
            )

    def revoke(self, grant: Grant) -> None:
        """End a grant and its tokens."""
        grant.revoked = True
        self._tokens.forget(grant)

    def by_header(self, header: str, method: str, uri: str, body: bytes) -> Grant:
        """Return the grant of an Authorization header. Raises ApiError 13009 or 13004.

        `method`, `uri` (path and query as they were sent) and `body` are what a signature is over.
        """
        scheme, _, rest = header.strip().partition(" ")
        rest = rest.strip()
        match scheme.lower():
            case "bearer":
                return self.by_token(rest)
            case "basic":
                return self._by_basic(rest)
            case "deri-hmac-sha256":
                return self._by_signed_request(rest, method, uri, body)
        raise unauthorized(
            f"an Authorization header of scheme {scheme[:32]!r}",
            f"expected Bearer, Basic or {HMAC_SCHEME}",
        )

    def _by_basic(self, text: str) -> Grant:
        try:
            client_id, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if not colon:
            raise unauthorized("the Basic header is malformed", "send base64(client_id:secret)")
        client = self._by_secret(client_id, secret)
        return Grant(client, frozenset(client.scopes))

    def _by_secret(self, client_id: str, secret: str) -> Client:
        client = self._clients.find(client_id)
        expected = client.secret if client is not None else self._nobody
        right = hmac.compare_digest(_bytes(expected), _bytes(secret))
        if client is None or not right:
            raise invalid_credentials(
                "client_id and client_secret do not belong together",
                "check both; the keys file of the gateway has them",
                "client_secret",
            )
        return client

    def _by_signature(self, params: AuthParams) -> Client:
        """Check a client_signature grant: hex HMAC-SHA256 over timestamp, nonce and data."""
        client_id = _given(params.client_id, "client_id")
        signature = _given(params.signature, "signature")
        if params.timestamp is None:
            raise missing_param("timestamp", "milliseconds since 1970")
        signed = f"{params.timestamp}\n{params.nonce}\n{params.data}"
        self._check_clock(params.timestamp, "timestamp")
        client = self._clients.find(client_id)
        if not self._is_signed(client, signed.encode(), signature) or client is None:
            raise invalid_credentials(
                "the signature is not of this client over this timestamp, nonce and data",
                "hex HMAC-SHA256 with the client_secret over timestamp \\n nonce \\n data",
                "signature",
            )
        self._check_unused(client, signature, params.timestamp)
        return client

    def _by_signed_request(self, text: str, method: str, uri: str, body: bytes) -> Grant:
        """Check a signed request: hex HMAC-SHA256 over ts, nonce, METHOD, URI and body."""
        fields = dict(part.strip().partition("=")[::2] for part in text.split(","))
        for name in ("id", "ts", "sig", "nonce"):
            if not fields.get(name):
                raise unauthorized(
                    f"the {HMAC_SCHEME} header has no {name}", "send id=..,ts=..,sig=..,nonce=.."
                )
        if not _MILLISECONDS.fullmatch(fields["ts"]):
            raise unauthorized("ts is no time", "send milliseconds since 1970 in digits")
        timestamp = int(fields["ts"])
        self._check_clock(timestamp, "ts")
        head = f"{fields['ts']}\n{fields['nonce']}\n{method.upper()}\n{uri}\n"
        client = self._clients.find(fields["id"])
        signed = _bytes(head) + body + b"\n"
        if not self._is_signed(client, signed, fields["sig"]) or client is None:
            raise invalid_credentials(
                "the signature is not of this client over this request",
                "hex HMAC-SHA256 with the client_secret over ts \\n nonce \\n METHOD \\n URI"
                " (path and query as sent) \\n body \\n",
                "sig",
            )
        self._check_unused(client, fields["sig"], timestamp)
        return Grant(client, frozenset(client.scopes))

    def _is_signed(self, client: Client | None, signed: bytes, signature: str) -> bool:
        """Return whether a signature is right. It takes the same time for an unknown client."""
        secret = client.secret if client is not None else self._nobody
        expected = hmac.new(_bytes(secret), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(_bytes(expected), _bytes(signature.lower()))

    def _check_clock(self, timestamp_ms: int, field: str) -> None:
        now_ms = self._now_ms()
        behind_ms = now_ms - timestamp_ms
        hint = f"set your clock: the server has {now_ms} ms (public/get_time), sign with that"
        if abs(behind_ms) > self._limits.clock_skew_ms:
            side = "behind" if behind_ms > 0 else "ahead of"
            reason = (
                f"{field} {timestamp_ms} is {abs(behind_ms)} ms {side} the server's clock,"
                f" allowed are {self._limits.clock_skew_ms} ms"
            )
            raise unauthorized(reason, hint, server_time=now_ms)
        if timestamp_ms < self._started_ms:
            reason = f"{field} {timestamp_ms} is before the start of this server"
            raise unauthorized(reason, hint, server_time=now_ms)

    def _check_unused(self, client: Client, signature: str, timestamp_ms: int) -> None:
        """Refuse a signature that came before: a request in the same millisecond needs a nonce."""
        until_ms = timestamp_ms + self._limits.clock_skew_ms + 1
        digest = bytes.fromhex(signature)
        if not self._seen.use(client.client_id, digest, until_ms, self._now_ms()):
            raise unauthorized(
                "this signature was used before",
                "sign each request anew, with a nonce that you did not use",
            )

    def _refreshed(self, params: AuthParams) -> Grant:
        """Return the grant of a refresh token, ended: a refresh token works once."""
        grant = self._tokens.by_refresh(_given(params.refresh_token, "refresh_token"))
        if grant is None or grant.revoked or self._now_ms() >= grant.refresh_expires_ms:
            raise unauthorized(
                "no such refresh token: never given, used, ended or expired",
                "call public/auth with your credentials",
            )
        if self._clients.find(grant.client.client_id) is None:
            raise unauthorized("the client of this token is gone", "use another client")
        self._tokens.forget(grant)
        return grant

    def _scopes(self, text: str, allowed: frozenset[str]) -> tuple[frozenset[str], str, int]:
        """Return scopes, name and lifetime of what was asked for.

        A word that nobody knows, such as `wallet:read_write`, gives nothing: what is asked for can
        only make a token smaller.
        """
        asked: set[str] = set()
        narrowed = False
        name, seconds = "", self._limits.token_seconds
        for word in text.split():
            narrowed = narrowed or not _BESIDE.fullmatch(word)
            asked |= _SCOPES.get(word, set())
            kind, _, rest = word.partition(":")
            if kind == "session" and _NAME.fullmatch(rest):
                name = rest
            if kind == "expires" and rest.isascii() and rest.isdigit() and len(rest) < 10:
                seconds = max(1, min(int(rest), seconds))
        return (allowed & asked if narrowed else allowed), name, seconds


def scope_text(grant: Grant) -> str:
    """Return the scope of a grant in the dialect's words."""
    words = [f"session:{grant.name}" if grant.name else "connection"]
    if SCOPE_READ in grant.scopes:
        words.append("account:read")
    if SCOPE_TRADE in grant.scopes:
        words.append("trade:read_write")
    elif SCOPE_READ in grant.scopes:
        words.append("trade:read")
    return " ".join(words)


def _given(value: str | None, field: str) -> str:
    if value is None:
        raise missing_param(field, "this grant_type needs it")
    return value


def _bytes(text: str) -> bytes:
    """Return the bytes of a text that may come from a header in Latin-1 or be nonsense."""
    return text.encode("utf-8", "surrogatepass")
