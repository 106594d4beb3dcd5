"""Bounds of everything that somebody outside can make grow."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of credits: `burst` at most, refilled with `per_second`."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server. The buckets are per client, before authentication per address.

    Attributes:
        frame_bytes: of a WebSocket message and of an HTTP body.
        fragments: of one WebSocket message.
        header_bytes: request line and headers of an HTTP request.
        header_seconds: within which they must have come.
        body_seconds: within which the body must have come.
        connections: of all together.
        connections_per_address: HTTP and WebSocket.
        connections_per_client: authenticated WebSocket connections.
        subscriptions: of one connection.
        requests_in_flight: of one connection; cancels have a quarter more.
        requests_waiting: of all connections together.
        heartbeat_minimum: seconds between heartbeats.
        heartbeat_second: how long a second of heartbeats lasts; tests shorten it.
        ping_seconds: between WebSocket pings, and within which the pong must come.
        clock_skew_ms: of signed requests, both ways.
        token_seconds: lifetime of an access token.
        refresh_seconds: lifetime of a refresh token.
        tokens: access tokens kept of one client; the oldest go first.
        nonces: signatures of one client remembered against replay.
        buckets: of clients and addresses kept.
        reads, orders, cancels, free: credits; cancels never wait for orders.
    """

    frame_bytes: int = 64 * 1024
    fragments: int = 256
    header_bytes: int = 16 * 1024
    header_seconds: float = 5.0
    body_seconds: float = 10.0
    connections: int = 1_024
    connections_per_address: int = 128
    connections_per_client: int = 32
    subscriptions: int = 500
    requests_in_flight: int = 64
    requests_waiting: int = 4_096
    heartbeat_minimum: int = 10
    heartbeat_second: float = 1.0
    ping_seconds: float = 20.0
    clock_skew_ms: int = 30_000
    token_seconds: int = 86_400
    refresh_seconds: int = 604_800
    tokens: int = 256
    nonces: int = 65_536
    buckets: int = 16_384
    reads: Rate = field(default=Rate(200, 2_000))
    orders: Rate = field(default=Rate(500, 5_000))
    cancels: Rate = field(default=Rate(1_000, 10_000))
    free: Rate = field(default=Rate(1_000, 2_000))
