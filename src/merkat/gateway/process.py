"""`merkat gateway` as a process: starts, serves, and ends when told to or when it must."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from merkat.api.forwarding import Forwarder
from merkat.api.limits import Limits, Rate
from merkat.api.public import registry as public_registry
from merkat.api.registry import Registry
from merkat.api.server import build_app, serve
from merkat.gateway.addresses import api_url, link_url
from merkat.gateway.clock import VenueClock
from merkat.gateway.following import Following
from merkat.gateway.intents import IntentStore
from merkat.gateway.keys import KeyRing, read_keys
from merkat.gateway.methods import registry as private_registry
from merkat.gateway.methods import waiting
from merkat.gateway.service import Gateway
from merkat.link import Hello, LinkClient, LinkClosedError
from merkat.market import Replica
from merkat.sdk.commands import WALLET_SLOT

FIRST_CONNECT_S: Final = 10.0
CATCH_UP_S: Final = 600.0
HISTORY_FLUSH_S: Final = 0.2
EXPIRE_S: Final = 1.0
RENEW_S: Final = 30.0
SAVE_S: Final = 120.0
# A thread that signs gives way to the one that answers after so many seconds.
SWITCH_INTERVAL_S: Final = 0.0005
# Few objects here are cycles: looking for them less often keeps answers even.
COLLECT_AFTER: Final = (50_000, 20, 50)

_log = structlog.get_logger(__name__)


class GatewayRefusedError(Exception):
    """The gateway does not start like this; the text says what to change."""


class GatewayFailedError(Exception):
    """The gateway cannot go on."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a gateway is started: see `merkat gateway --help`."""

    venue: str
    keys: Path
    data: Path
    host: str
    port: int
    demo: bool
    as_json: bool
    orders_per_second: int | None


def run(options: Options) -> None:
    """Run a gateway until SIGTERM or SIGINT.

    Raises:
        GatewayRefusedError: the options do not fit the venue.
        GatewayFailedError: the venue cannot be reached, or broke its word.
        AddressError, KeysFileError, IntentStoreError, HistoryError: address, keys or data folder
            cannot be used.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*COLLECT_AFTER)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(options))


def check_custody(keys: KeyRing, hello: Hello, demo: bool) -> list[str]:
    """Return what must be said loudly of these keys; refuse what is for demonstrations only.

    Raises GatewayRefusedError.
    """
    allowed = demo and hello.demo
    loud = []
    if len(keys.accounts) > 1:
        if not allowed:
            raise GatewayRefusedError(
                f"the keys file has {len(keys.accounts)} accounts: a gateway that holds keys of"
                " several owners is custody. One gateway for each, or --demo on a demo venue"
            )
        loud.append(
            f"HOSTED: this gateway holds the session keys of {len(keys.accounts)} accounts;"
            " for demonstrations only"
        )
    if any(client.slot == WALLET_SLOT for client in keys.clients):
        if not allowed:
            raise GatewayRefusedError(
                "the keys file has a wallet's own key (slot 0), which could withdraw: open a"
                " session with `merkat account create`, or --demo on a demo venue"
            )
        loud.append("WALLET KEY: this gateway signs with the wallet itself; demonstrations only")
    if allowed:
        loud.append("DEMO: burner keys of a demonstration venue; nothing here is worth anything")
    return loud


def limits_of(orders_per_second: int | None) -> Limits:
    """Return the limits of a gateway, wider where a number of orders a second is asked for."""
    if orders_per_second is None:
        return Limits()
    usual = Limits()
    wide = Rate(orders_per_second, 10 * orders_per_second)

    def wider(rate: Rate) -> Rate:
        return wide if wide.per_second > rate.per_second else rate

    return Limits(
        reads=wider(usual.reads), orders=wider(usual.orders), cancels=wider(usual.cancels)
    )


async def _run(options: Options) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    keys = read_keys(options.keys)
    url = link_url(options.venue)
    hello = await _hello(url)
    for line in check_custody(keys, hello, options.demo):
        _log.warning(line)
    store = IntentStore(options.data)
    try:
        replica = Replica(hello.domain, hello.sequencer, options.data / "replica")
        if replica.message is not None:
            _log.warning("replica_rebuilt", reason=replica.message)
        await _serve(options, url, hello, keys, store, replica, stopped)
    finally:
        store.close()


async def _hello(url: str) -> Hello:
    """Return who the venue is; waits a while for one that is just starting."""
    deadline = asyncio.get_running_loop().time() + FIRST_CONNECT_S
    while True:
        try:
            link = await LinkClient.connect(url)
        except LinkClosedError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise GatewayFailedError(str(error)) from error
            await asyncio.sleep(0.1)
            continue
        await link.close()
        return link.hello


async def _serve(
    options: Options,
    url: str,
    hello: Hello,
    keys: KeyRing,
    store: IntentStore,
    replica: Replica,
    stopped: asyncio.Event,
) -> None:
    clock = VenueClock(hello.virtual)
    clock.said(hello.time_ns)
    gateway = Gateway(replica, store, keys, clock.now_ns)
    restored = gateway.restore()
    if restored:
        _log.info("intents_unsettled", count=restored)
    forwarder = Forwarder(api_url(url))
    registry = Registry()
    for part in (public_registry, private_registry, waiting.registry):
        registry.merge(part)
    app = build_app(
        registry,
        gateway,
        clients=keys,
        limits=limits_of(options.orders_per_second),
        forward=forwarder,
        testnet=hello.demo,
    )
    following = Following(gateway, url, hello, clock, app.state.hub.wake)
    gateway.following = following
    gateway.sender.start()
    tasks = [
        asyncio.create_task(following.run()),
        asyncio.create_task(gateway.sender.wait_failed()),
        asyncio.create_task(_housekeeping(gateway)),
        asyncio.create_task(_renewing(gateway)),
    ]
    server = None
    try:
        await _first(asyncio.create_task(following.connected.wait()), tasks, stopped, CATCH_UP_S)
        if not stopped.is_set():
            store.prune(clock.now_ns())
            gc.collect()
            gc.freeze()
            server = await serve(app, options.host, options.port)
            _say_ready(options, server.url, server.ws_url, keys)
            await _first(asyncio.create_task(stopped.wait()), tasks, stopped, None)
    finally:
        if server is not None:
            await server.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.sender.close()
        await forwarder.close()
        replica.close()


async def _first(
    wanted: asyncio.Task[Any],
    tasks: list[asyncio.Task[None]],
    stopped: asyncio.Event,
    seconds: float | None,
) -> None:
    """Wait for what is wanted or for the order to stop; raises what ended one of the tasks."""
    stop = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait(
        {wanted, stop, *tasks}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    stop.cancel()
    wanted.cancel()
    for task in tasks:
        if task in done:
            error = task.exception()
            raise GatewayFailedError(f"{type(error).__name__}: {error}") from error
    if not done:
        raise GatewayFailedError(f"the venue's log was not followed to its head in {seconds:g} s")


async def _housekeeping(gateway: Gateway) -> None:
    """Write, expire, save: each in its time."""
    loop = asyncio.get_running_loop()
    due = dict.fromkeys(("expire", "save"), loop.time())
    periods = {"expire": EXPIRE_S, "save": SAVE_S}
    saved_at = gateway.replica.log_number
    due["save"] += SAVE_S
    while True:
        await asyncio.sleep(HISTORY_FLUSH_S)
        gateway.replica.history.flush()
        gateway.sender.flush()
        now_s = loop.time()
        ripe = [name for name, at in due.items() if at <= now_s]
        for name in ripe:
            due[name] = now_s + periods[name]
        if "expire" in ripe:
            gateway.sender.expire(gateway.replica.time_ns)
        if "save" in ripe and gateway.replica.log_number > saved_at:
            saved_at = gateway.replica.log_number
            gateway.save()


async def _renewing(gateway: Gateway) -> None:
    """Renew orders; a round waits for the venue, however long that is away."""
    while True:
        await asyncio.sleep(RENEW_S)
        if gateway.sender.is_up:
            await gateway.renewer.round()


def _say_ready(options: Options, url: str, ws_url: str, keys: KeyRing) -> None:
    names = [client.client_id for client in keys.clients]
    if options.as_json:
        ready = {"url": url, "ws_url": ws_url, "clients": names, "pid": os.getpid()}
        line = json.dumps(ready)
    else:
        line = f"gateway ready: {url} and {ws_url}, clients {', '.join(names)}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
