"""What a server can do: methods and channels, registered with their msgspec types."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from merkat.api.errors import ApiError, unauthorized
from merkat.api.feeds import Feed
from merkat.api.parameters import ParameterReader

if TYPE_CHECKING:
    from merkat.api.connection import Connection
    from merkat.api.host import Host
    from merkat.api.tokens import Grant


class Cost(Enum):
    """Which bucket of credits pays for a method."""

    READ = "read"
    ORDER = "order"
    CANCEL = "cancel"
    FREE = "free"


READ: Final = Cost.READ
ORDER: Final = Cost.ORDER
CANCEL: Final = Cost.CANCEL
FREE: Final = Cost.FREE

SCOPE_READ: Final = "read"
SCOPE_TRADE: Final = "trade"


class Client(Protocol):
    """Who may authenticate."""

    @property
    def client_id(self) -> str:
        """Its public name."""
        ...

    @property
    def secret(self) -> str:
        """What it proves that it knows."""
        ...

    @property
    def account(self) -> int:
        """The account whose private methods it may call."""
        ...

    @property
    def scopes(self) -> frozenset[str]:
        """Of "read" and "trade"."""
        ...


@dataclass(slots=True)
class Context:
    """One request.

    Attributes:
        service: what `build_app` was given.
        connection: the WebSocket connection, None over HTTP.
        client: who asks; None without authentication.
        scopes: what `client` may do: "read", "trade".
        grant: the authentication itself.
        request_id: `id` of the request, None over HTTP GET.
        received_us: when it came, microseconds since 1970.
        address: the peer's.
        host: the server: registry, limits, hub.
        refusal: why an authentication that this connection had does not hold any more.
    """

    service: Any
    connection: Connection | None = None
    client: Client | None = None
    scopes: frozenset[str] = frozenset()
    grant: Grant | None = None
    request_id: Any = None
    received_us: int = 0
    address: str = ""
    host: Host | None = None
    refusal: ApiError | None = None

    def take(self, grant: Grant) -> None:
        """Let a grant say who asks."""
        self.grant = grant
        self.client = grant.client
        self.scopes = grant.scopes

    def authenticated(self) -> Client:
        """Return who asks. Raises ApiError 13009 when nobody authenticated."""
        if self.client is None:
            raise self.refusal or unauthorized(
                "this method needs authentication",
                "call public/auth on this connection, or send an Authorization header: Bearer,"
                " Basic or deri-hmac-sha256",
            )
        return self.client


MethodHandler: TypeAlias = Callable[[Context, Any], Any | Awaitable[Any]]
ChannelHandler: TypeAlias = Callable[[Context, str, list[str]], Feed]
M = TypeVar("M", bound=Callable[..., Any])
C = TypeVar("C", bound=ChannelHandler)


@dataclass(frozen=True, slots=True)
class Method:
    """A registered method. `parameters` reads what was sent into the handler's Struct."""

    name: str
    handler: MethodHandler
    parameters: ParameterReader
    result_type: Any
    summary: str
    cost: Cost
    units: int
    scope: str | None
    is_async: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """Channels whose name starts with `word`; `pattern` is for people."""

    word: str
    handler: ChannelHandler
    summary: str
    pattern: str


@dataclass(slots=True)
class Registry:
    """Methods and channels by name. Fill one each for public, private, venue and `merge` them."""

    methods: dict[str, Method] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    def method(
        self,
        name: str,
        *,
        summary: str,
        cost: Cost = READ,
        units: int = 1,
        scope: str | None = None,
    ) -> Callable[[M], M]:
        """Register `handler(context, params)`, plain or async, under a name.

        `params` must be annotated with a msgspec Struct (`kw_only`, `forbid_unknown_fields`) and
        the result with any type msgspec encodes; both must be importable where the handler is
        defined, not only for type checkers. A plain handler must not wait for anything.

        Args:
            name: `public/...`, `private/...` (needs authentication) or `venue/...`.
            summary: one sentence for the generated documents.
            cost: the bucket that pays.
            units: credits of it.
            scope: of the token; by default "trade" for private orders and cancels, "read" for other
                private methods, none for all others.
        """

        def register(handler: M) -> M:
            if name in self.methods:
                raise ValueError(f"method {name} is registered already")
            params_type, result_type = _types(name, handler)
            needed = scope
            if needed is None and name.startswith("private/"):
                needed = SCOPE_TRADE if cost in (ORDER, CANCEL) else SCOPE_READ
            self.methods[name] = Method(
                name=name,
                handler=handler,
                parameters=ParameterReader(params_type),
                result_type=result_type,
                summary=summary,
                cost=cost,
                units=units,
                scope=needed,
                is_async=inspect.iscoroutinefunction(handler),
            )
            return handler

        return register

    def channel(self, word: str, *, summary: str = "", pattern: str = "") -> Callable[[C], C]:
        """Register `handler(context, name, words)` for channels whose first word is `word`.

        It returns the Feed of one subscription. ApiError 13009 or 13021 (a raw or a private channel
        without authentication) fails the whole subscribe, as the dialect does; any other ApiError
        leaves this channel out of the result. `words` is the name split at its dots.
        """

        def register(handler: C) -> C:
            if word in self.channels:
                raise ValueError(f"channel {word} is registered already")
            self.channels[word] = Channel(word, handler, summary, pattern or f"{word}...")
            return handler

        return register

    def merge(self, other: Registry) -> None:
        """Take over all of another registry. Raises ValueError for a name that both have."""
        twice = self.methods.keys() & other.methods.keys()
        twice |= self.channels.keys() & other.channels.keys()
        if twice:
            raise ValueError(f"registered in both: {', '.join(sorted(twice))}")
        self.methods.update(other.methods)
        self.channels.update(other.channels)


def _types(name: str, handler: Callable[..., Any]) -> tuple[type[msgspec.Struct], Any]:
    """Return the types of a handler's params and result. Raises TypeError if it has none."""
    hints = typing.get_type_hints(handler, include_extras=True)
    arguments = list(inspect.signature(handler).parameters)
    if len(arguments) != 2 or arguments[1] not in hints or "return" not in hints:
        raise TypeError(
            f"{name}: expected a handler (context, params: Struct) -> result, annotated"
        )
    params_type = hints[arguments[1]]
    if not (isinstance(params_type, type) and issubclass(params_type, msgspec.Struct)):
        raise TypeError(f"{name}: params is {params_type}, expected a msgspec Struct")
    if not params_type.__struct_config__.forbid_unknown_fields:
        raise TypeError(f"{name}: {params_type.__name__} needs forbid_unknown_fields=True")
    return params_type, hints["return"]


class NoParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of methods without parameters."""
