"""Credentials, signatures and tokens with a clock that the test sets."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from merkat.api.auth import Authenticator, AuthParams
from merkat.api.errors import ApiError
from merkat.api.limits import Limits

START_MS = 1_790_000_000_000
SKEW_MS = 30_000
BOTH = frozenset({"read", "trade"})


@dataclass(frozen=True)
class Known:
    client_id: str
    secret: str
    account: int = 1
    scopes: frozenset[str] = BOTH


class Book:
    def __init__(self) -> None:
        known = (Known("alice", "a secret"), Known("bob", "another", 2, frozenset({"read"})))
        self.clients = {client.client_id: client for client in known}

    def find(self, client_id: str) -> Known | None:
        return self.clients.get(client_id)


class Desk:
    """An authenticator, its clock and signers that do it right."""

    def __init__(self, **limits: Any) -> None:
        self.now_ms = START_MS
        self.book = Book()
        self.limits = Limits(clock_skew_ms=SKEW_MS, **limits)
        self.authenticator = Authenticator(self.book, self.limits, lambda: self.now_ms)

    def grant(self, **params: Any) -> Any:
        return self.authenticator.grant(msgspec.convert(params, AuthParams))

    def credentials(self, client_id: str = "alice", secret: str = "a secret", **more: Any) -> Any:
        return self.grant(
            grant_type="client_credentials", client_id=client_id, client_secret=secret, **more
        )

    def signed(self, right: tuple[str, str] = ("n", ""), **changes: Any) -> Any:
        nonce, data = right
        text = f"{self.now_ms}\n{nonce}\n{data}"
        sent = {
            "grant_type": "client_signature",
            "client_id": "alice",
            "timestamp": self.now_ms,
            "nonce": nonce,
            "data": data,
            "signature": sign("a secret", text.encode()),
        }
        return self.grant(**{**sent, **changes})

    def header(
        self,
        method: str = "GET",
        uri: str = "/api/v2/private/x?a=1",
        body: bytes = b"",
        secret: str = "a secret",
        client_id: str = "alice",
        nonce: str = "n",
        ts: int | None = None,
    ) -> str:
        ts = self.now_ms if ts is None else ts
        text = f"{ts}\n{nonce}\n{method}\n{uri}\n".encode() + body + b"\n"
        return f"deri-hmac-sha256 id={client_id},ts={ts},sig={sign(secret, text)},nonce={nonce}"

    def by_header(
        self,
        header: str,
        method: str = "GET",
        uri: str = "/api/v2/private/x?a=1",
        body: bytes = b"",
    ) -> Any:
        return self.authenticator.by_header(header, method, uri, body)


def sign(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def refused(code: int, function: Any, *arguments: Any, **named: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        function(*arguments, **named)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return caught.value


def test_credentials_give_tokens_that_are_the_client() -> None:
    desk = Desk()
    grant, result = desk.credentials(state="mine")
    assert (grant.client.client_id, grant.scopes) == ("alice", BOTH)
    assert (result.token_type, result.expires_in, result.state) == ("bearer", 86_400, "mine")
    assert desk.authenticator.by_token(result.access_token) is grant
    assert desk.by_header(f"Bearer {result.access_token}") is grant
    assert desk.by_header(f"bearer {result.access_token}") is grant


def test_tokens_are_random_and_not_kept_as_they_are() -> None:
    desk = Desk()
    tokens = {desk.credentials()[1].access_token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43, "256 bits"
    assert not any(token in repr(vars(desk.authenticator._tokens)) for token in tokens)


@pytest.mark.parametrize(("client_id", "secret"), [("alice", "wrong"), ("carol", "a secret")])
def test_wrong_credentials_say_the_same_for_a_client_that_is_not_there(
    client_id: str, secret: str
) -> None:
    error = refused(13004, Desk().credentials, client_id, secret)
    assert str(error) == str(refused(13004, Desk().credentials, "alice", "x"))


@pytest.mark.parametrize("field", ["client_id", "client_secret"])
def test_a_grant_type_names_what_it_lacks(field: str) -> None:
    sent = {"grant_type": "client_credentials", "client_id": "alice", "client_secret": "a secret"}
    del sent[field]
    assert refused(-32602, Desk().grant, **sent).field == field


@pytest.mark.parametrize("field", ["client_id", "timestamp", "signature"])
def test_a_signature_grant_names_what_it_lacks(field: str) -> None:
    assert refused(-32602, Desk().signed, **{field: None}).field == field


def test_client_signature() -> None:
    desk = Desk()
    grant, _ = desk.signed(("n", "anything"))
    assert grant.client.client_id == "alice"
    assert desk.signed(("other", ""))[0].client.client_id == "alice"


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "00" * 32},
        {"signature": ""},
        {"signature": "\ud800"},
        {"signature": "é" * 64},
        {"nonce": "m"},
        {"data": "other"},
        {"client_id": "bob"},
        {"client_id": "carol"},
        {"timestamp": START_MS + 1},
    ],
)
def test_a_wrong_hmac_is_refused(changes: dict[str, Any]) -> None:
    error = refused(13004, Desk().signed, **changes)
    assert error.field == "signature"
    assert "HMAC-SHA256" in error.hint


def test_a_signature_is_taken_once() -> None:
    desk = Desk()
    assert desk.signed()
    assert "used before" in refused(13009, desk.signed).reason
    capitals = sign("a secret", f"{desk.now_ms}\nn\n".encode()).upper()
    assert "used before" in refused(13009, desk.signed, signature=capitals).reason


def test_signed_requests_over_get_and_post() -> None:
    desk = Desk()
    assert desk.by_header(desk.header()).client.client_id == "alice"
    body = b'{"jsonrpc":"2.0"}'
    header = desk.header("POST", "/api/v2", body)
    assert desk.by_header(header, "POST", "/api/v2", body).client.account == 1
    spaced = desk.header(nonce="2").replace(",", ", ")
    assert desk.by_header(spaced).expires_ms is None, "a signed request gives no token"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"uri": "/api/v2/private/x?a=2"},
        {"uri": "/api/v2/private/x"},
        {"body": b"x"},
    ],
)
def test_a_signature_is_over_everything_of_the_request(change: dict[str, Any]) -> None:
    desk = Desk()
    assert "over this request" in refused(13004, desk.by_header, desk.header(), **change).reason


@pytest.mark.parametrize(
    "change", [{"secret": "wrong"}, {"client_id": "carol"}, {"client_id": "bob"}]
)
def test_a_request_signed_by_somebody_else_is_refused(change: dict[str, Any]) -> None:
    desk = Desk()
    refused(13004, desk.by_header, desk.header(**change))


def test_a_signed_request_is_taken_once_whatever_its_nonce_says() -> None:
    desk = Desk()
    header = desk.header()
    assert desk.by_header(header)
    assert "used before" in refused(13009, desk.by_header, header).reason
    other = desk.header(uri="/api/v2/private/y")
    assert desk.by_header(other, uri="/api/v2/private/y"), (
        "clients use the time as nonce: another request of the same millisecond is none again"
    )


@pytest.mark.parametrize("late_ms", [SKEW_MS + 1, -SKEW_MS - 1, 10**15])
def test_clock_skew_is_named_with_the_time_of_the_server(late_ms: int) -> None:
    desk = Desk()
    desk.now_ms = START_MS + 10**6
    timestamp = max(0, desk.now_ms - late_ms)
    for error in (
        refused(13009, desk.by_header, desk.header(ts=timestamp)),
        refused(13009, desk.signed, timestamp=timestamp),
    ):
        assert "clock" in error.reason
        assert error.body()["data"]["server_time"] == desk.now_ms
        assert str(desk.now_ms) in error.hint


@pytest.mark.parametrize("late_ms", [SKEW_MS, -SKEW_MS])
def test_clocks_may_differ_as_far_as_allowed(late_ms: int) -> None:
    desk = Desk()
    desk.now_ms = START_MS + 10**6
    assert desk.by_header(desk.header(ts=desk.now_ms - late_ms))


def test_what_was_signed_before_the_start_could_be_a_replay() -> None:
    desk = Desk()
    assert "before the start" in refused(13009, desk.by_header, desk.header(ts=START_MS - 1)).reason
    assert desk.by_header(desk.header(ts=START_MS))


def test_a_signature_is_remembered_as_long_as_it_could_be_taken() -> None:
    desk = Desk()
    header = desk.header(ts=START_MS + SKEW_MS)
    assert desk.by_header(header)
    desk.now_ms += 2 * SKEW_MS
    assert "used before" in refused(13009, desk.by_header, header).reason
    desk.now_ms += 1
    assert "clock" in refused(13009, desk.by_header, header).reason


def test_the_memory_of_signatures_is_bounded_and_forgets_none_that_counts() -> None:
    desk = Desk(nonces=3)
    headers = [desk.header(nonce=str(number)) for number in range(3)]
    for header in headers:
        desk.by_header(header)
    error = refused(10028, desk.by_header, desk.header(nonce="3"))
    assert error.extra["wait"] > 0
    assert "used before" in refused(13009, desk.by_header, headers[0]).reason
    bob = desk.header(client_id="bob", secret="another")
    assert desk.by_header(bob).client.client_id == "bob", "one client's memory is its own"
    desk.now_ms += SKEW_MS + 1
    assert desk.by_header(desk.header(nonce="4"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer nothing",
        "Digest a=b",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "deri-hmac-sha256",
        "deri-hmac-sha256 id=alice",
        "deri-hmac-sha256 id=alice,ts=abc,sig=1,nonce=1",
        "deri-hmac-sha256 id=alice,ts=1e12,sig=1,nonce=1",
        "deri-hmac-sha256 id=alice,ts=" + "9" * 30 + ",sig=1,nonce=1",
        "deri-hmac-sha256 ,,,===",
    ],
)
def test_a_malformed_header_is_refused_with_what_is_expected(header: str) -> None:
    refused(13009, Desk().by_header, header)


def test_basic() -> None:
    desk = Desk()
    good = base64.b64encode(b"alice:a secret").decode()
    assert desk.by_header(f"Basic {good}").client.client_id == "alice"
    bad = base64.b64encode(b"alice:wrong").decode()
    refused(13004, desk.by_header, f"Basic {bad}")


def test_an_expired_token_says_since_when() -> None:
    desk = Desk(token_seconds=60)
    _, result = desk.credentials()
    desk.now_ms += 59_999
    assert desk.authenticator.by_token(result.access_token).client.account == 1
    desk.now_ms += 5_001
    error = refused(13009, desk.authenticator.by_token, result.access_token)
    assert "expired 5 s ago" in error.reason
    assert "refresh_token" in error.hint


def test_a_refresh_token_works_once_and_keeps_the_scopes() -> None:
    desk = Desk(token_seconds=60)
    _, first = desk.credentials(scope="session:bot trade:read")
    desk.now_ms += 3_600_000
    grant, second = desk.grant(grant_type="refresh_token", refresh_token=first.refresh_token)
    assert (grant.scopes, grant.name) == (frozenset({"read"}), "bot")
    assert desk.authenticator.by_token(second.access_token) is grant
    refused(13009, desk.grant, grant_type="refresh_token", refresh_token=first.refresh_token)
    refused(13009, desk.authenticator.by_token, first.access_token)


@pytest.mark.parametrize("token", ["", "unknown"])
def test_an_unknown_refresh_token_is_refused(token: str) -> None:
    refused(13009, Desk().grant, grant_type="refresh_token", refresh_token=token)


def test_an_expired_refresh_token_and_one_of_a_client_that_is_gone_are_refused() -> None:
    desk = Desk(refresh_seconds=100)
    _, result = desk.credentials()
    desk.now_ms += 100_000
    refused(13009, desk.grant, grant_type="refresh_token", refresh_token=result.refresh_token)
    _, result = desk.credentials()
    del desk.book.clients["alice"]
    refused(13009, desk.grant, grant_type="refresh_token", refresh_token=result.refresh_token)


def test_a_revoked_grant_holds_no_more_on_connections_that_keep_it() -> None:
    desk = Desk()
    grant, result = desk.credentials()
    desk.authenticator.revoke(grant)
    assert "logout" in refused(13009, desk.authenticator.check, grant).reason
    refused(13009, desk.authenticator.by_token, result.access_token)
    refused(13009, desk.grant, grant_type="refresh_token", refresh_token=result.refresh_token)


def test_tokens_of_a_client_are_bounded_and_the_oldest_go() -> None:
    desk = Desk(tokens=3)
    tokens = [desk.credentials()[1].access_token for _ in range(4)]
    bobs = desk.credentials("bob", "another")[1].access_token
    refused(13009, desk.authenticator.by_token, tokens[0])
    for token in [*tokens[1:], bobs]:
        assert not desk.authenticator.by_token(token).revoked
    kept = desk.authenticator._tokens
    assert len(kept._by_access) == len(kept._by_refresh) == 4


@pytest.mark.parametrize(
    ("scope", "scopes", "text"),
    [
        ("", BOTH, "connection account:read trade:read_write"),
        ("session:bot", BOTH, "session:bot account:read trade:read_write"),
        (
            "connection mainaccount wallet:none expires:60 ip:127.0.0.1",
            BOTH,
            "connection account:read trade:read_write",
        ),
        ("wallet:read_write foo session:x", frozenset(), "session:x"),
        ("foo", frozenset(), "connection"),
        ("trade:none", frozenset({"read"}), "connection account:read trade:read"),
        ("account:none", frozenset(), "connection"),
        ("foo trade:read", frozenset({"read"}), "connection account:read trade:read"),
        ("trade:read", frozenset({"read"}), "connection account:read trade:read"),
        ("account:read", frozenset({"read"}), "connection account:read trade:read"),
        ("account:read_write trade:read_write", BOTH, "connection account:read trade:read_write"),
        ("session:a\tsession:" + "x" * 65, BOTH, "session:a account:read trade:read_write"),
    ],
)
def test_scopes_narrow_and_unknown_ones_give_nothing(
    scope: str, scopes: frozenset[str], text: str
) -> None:
    grant, result = Desk().credentials(scope=scope)
    assert (grant.scopes, result.scope) == (scopes, text)


def test_a_scope_gives_no_more_than_the_client_has() -> None:
    grant, result = Desk().credentials("bob", "another", scope="trade:read_write")
    assert grant.scopes == frozenset({"read"})
    assert result.scope == "connection account:read trade:read"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("expires:60", 60), ("expires:0", 1), ("expires:9999999", 86_400), ("expires:x", 86_400)],
)
def test_a_shorter_life_can_be_asked_for(words: str, seconds: int) -> None:
    assert Desk().credentials(scope=words)[1].expires_in == seconds
