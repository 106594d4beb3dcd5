"""Methods that every server of the dialect has: authentication, heartbeats, subscriptions."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any, Final

import msgspec

from merkat.api.auth import AuthParams, AuthResult
from merkat.api.connection import CLOSE_NORMAL, Connection
from merkat.api.describe import openrpc
from merkat.api.errors import (
    RAW_NEEDS_AUTHENTICATION,
    ApiError,
    forbidden,
    invalid_params,
    raw_needs_authentication,
)
from merkat.api.host import Host
from merkat.api.registry import FREE, READ, SCOPE_READ, Context, NoParams, Registry

CHANNEL_TEXT_MAX: Final = 128
VERSION: Final = version("merkat")

# A subscribe fails as a whole where a channel is there but not for this caller; what is no channel
# at all is only left out.
_FAILS_ALL: Final = frozenset({13009, 13021, RAW_NEEDS_AUTHENTICATION})

registry = Registry()

Text = Annotated[str, msgspec.Meta(max_length=128)]


class TestParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of public/test; "exception" makes it fail."""

    expected_result: Text | None = None


class HelloParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of public/hello: who the client is."""

    client_name: Text
    client_version: Text


class VersionResult(msgspec.Struct, kw_only=True):
    """The version of the server."""

    version: str


class HeartbeatParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of public/set_heartbeat: seconds."""

    interval: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class SubscribeParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of subscribe and unsubscribe; `label` and `scope` are taken and change nothing."""

    channels: list[str]
    label: Text | None = None
    scope: Text | None = None


class LogoutParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/logout: whether the tokens end too."""

    invalidate_token: bool = True


@registry.method("public/test", summary="Answers: the connection works.", cost=FREE)
def test(context: Context, params: TestParams) -> VersionResult:
    """Answer, also a test_request."""
    if params.expected_result == "exception":
        raise ApiError(11094, "expected_result is exception", "ask without it")
    return VersionResult(version=VERSION)


@registry.method("public/hello", summary="Names the client; answers with the version.", cost=FREE)
def hello(context: Context, params: HelloParams) -> VersionResult:
    """Take a client's name."""
    return VersionResult(version=VERSION)


@registry.method("public/auth", summary="Authenticates; on WebSocket the connection.", units=5)
def auth(context: Context, params: AuthParams) -> AuthResult:
    """Give tokens."""
    host = _host(context)
    grant, result = host.authenticator.grant(params)
    if context.connection is not None:
        try:
            context.connection.authenticate(grant)
        except ApiError:
            host.authenticator.revoke(grant)
            raise
    return result


@registry.method("private/logout", summary="Ends the authentication.", scope=SCOPE_READ, cost=FREE)
def logout(context: Context, params: LogoutParams) -> str:
    """End the tokens, and on WebSocket the connection (after the answer)."""
    grant = context.grant
    if grant is not None and params.invalidate_token:
        _host(context).authenticator.revoke(grant)
    if context.connection is not None:
        context.connection.close_after_answer(CLOSE_NORMAL, "logged out")
    return "ok"


@registry.method("public/set_heartbeat", summary="Starts heartbeats every so many seconds.")
def set_heartbeat(context: Context, params: HeartbeatParams) -> str:
    """Start heartbeats."""
    limits = _host(context).limits
    if params.interval < limits.heartbeat_minimum:
        expected = f"at least {limits.heartbeat_minimum} seconds"
        raise invalid_params("interval", params.interval, expected)
    _connection(context).set_heartbeat(params.interval * limits.heartbeat_second)
    return "ok"


@registry.method("public/disable_heartbeat", summary="Ends heartbeats.")
def disable_heartbeat(context: Context, params: NoParams) -> str:
    """End heartbeats."""
    _connection(context).set_heartbeat(None)
    return "ok"


@registry.method("public/subscribe", summary="Subscribes to channels; returns those it took.")
def subscribe(context: Context, params: SubscribeParams) -> list[str]:
    """Subscribe."""
    return _subscribe(context, params.channels)


@registry.method("private/subscribe", summary="Subscribes to channels; returns those it took.")
def private_subscribe(context: Context, params: SubscribeParams) -> list[str]:
    """Subscribe, authenticated."""
    return _subscribe(context, params.channels)


@registry.method("public/unsubscribe", summary="Ends subscriptions; returns those it ended.")
def unsubscribe(context: Context, params: SubscribeParams) -> list[str]:
    """Unsubscribe."""
    connection = _connection(context)
    return [name for name in params.channels if connection.unsubscribe(name)]


@registry.method("private/unsubscribe", summary="Ends subscriptions; returns those it ended.")
def private_unsubscribe(context: Context, params: SubscribeParams) -> list[str]:
    """Unsubscribe, authenticated."""
    connection = _connection(context)
    return [name for name in params.channels if connection.unsubscribe(name)]


@registry.method("public/unsubscribe_all", summary="Ends all subscriptions.")
def unsubscribe_all(context: Context, params: NoParams) -> str:
    """Unsubscribe from everything."""
    connection = _connection(context)
    for name in list(connection.subscriptions):
        connection.unsubscribe(name)
    return "ok"


@registry.method("private/unsubscribe_all", summary="Ends all subscriptions.")
def private_unsubscribe_all(context: Context, params: NoParams) -> str:
    """Unsubscribe from everything, authenticated."""
    return unsubscribe_all(context, params)


@registry.method("rpc.discover", summary="Returns the OpenRPC document of this server.", cost=READ)
def discover(context: Context, params: NoParams) -> dict[str, Any]:
    """Describe this server."""
    return openrpc(_host(context).registry)


def _subscribe(context: Context, channels: list[str]) -> list[str]:
    """Subscribe to those of the channels that there are. Raises ApiError where all must fail."""
    connection = _connection(context)
    if context.grant is not None and context.grant is not connection.grant:
        connection.authenticate(context.grant)  # it came as access_token
    asked = list(dict.fromkeys(channels))
    feeds = {}
    for name in asked:
        if name not in connection.subscriptions:
            feed = _feed(context, name)
            if feed is not None:
                feeds[name] = feed
    most = _host(context).limits.subscriptions
    if len(connection.subscriptions) + len(feeds) > most:
        reason = f"more than {most} subscriptions on one connection"
        raise ApiError(11052, reason, "unsubscribe or open another connection", field="channels")
    for name, feed in feeds.items():
        connection.subscribe(name, feed)
    return [name for name in asked if name in connection.subscriptions]


def _feed(context: Context, name: str) -> Any:
    """Return the feed of a channel, None where there is none."""
    words = name.split(".")
    channel = _host(context).registry.channels.get(words[0])
    if channel is None or len(name) > CHANNEL_TEXT_MAX:
        return None
    if words[-1] == "raw" and context.client is None:
        raise context.refusal or raw_needs_authentication(name)
    try:
        feed = channel.handler(context, name, words)
    except ApiError as error:
        if error.code in _FAILS_ALL:
            raise
        return None
    if feed.private and SCOPE_READ not in context.scopes:
        context.authenticated()
        raise forbidden(f"{name} needs the scope {SCOPE_READ}", "authenticate with that scope")
    return feed


def _host(context: Context) -> Host:
    assert context.host is not None, "a server gives each request its host"
    return context.host


def _connection(context: Context) -> Connection:
    """Return the connection. Raises ApiError 10030 over HTTP."""
    if context.connection is None:
        raise ApiError(10030, "this method is for WebSocket only", "connect to /ws/api/v2")
    return context.connection
