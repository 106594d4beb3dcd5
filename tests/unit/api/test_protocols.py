"""Bytes on sockets: heads, fragments and connections without an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.api.limits import Limits
from tests.unit.api.small_server import SECONDS, UPGRADE, Small, small_server, until, with_server

HEAD = b"GET /api/v2/public/test HTTP/1.1\r\nHost: a\r\n"
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9


def frame(opcode: int, data: bytes, final: bool = True, masked: bool = True) -> bytes:
    """Return a frame of a client (with a mask of zeros)."""
    head = bytes([opcode | (0x80 if final else 0)])
    mask = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([mask | len(data)])
    elif len(data) < 65_536:
        head += bytes([mask | 126]) + struct.pack(">H", len(data))
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", len(data))
    return head + (bytes(4) if masked else b"") + data


def error_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_many_requests_on_one_connection_also_at_once() -> None:
    async def story(small: Small) -> None:
        answer = await small.raw((HEAD + b"\r\n") * 5 + HEAD + b"Connection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200") == 6

    with_server(story, Limits(header_seconds=1))


@pytest.mark.parametrize("data", [b"", b"GET /api/v2/public/te", HEAD])
def test_a_head_that_does_not_end_is_refused(data: bytes) -> None:
    async def story(small: Small) -> None:
        answer = await small.raw(data)
        assert answer.startswith(b"HTTP/1.1 408")
        assert "0.05 s" in error_of(answer)["data"]["reason"]

    with_server(story, Limits(header_seconds=0.05))


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
        HEAD + b"A: " + b"x" * 2_000_000,
        HEAD + b"A: b\r\n" * 101 + b"\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        UPGRADE[:-2] + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=["long", "endless", "many", "address", "upgrade"],
)
def test_long_heads_are_refused(data: bytes) -> None:
    async def story(small: Small) -> None:
        try:
            answer = await small.raw(data)
        except ConnectionResetError:
            return  # refused before everything was read
        assert answer.startswith(b"HTTP/1.1 431")
        assert error_of(answer)["code"] == -32600

    with_server(story)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD + b"A: b\r\n c\r\n\r\n",
        HEAD + b"A\x00: b\r\n\r\n",
    ],
    ids=["nonsense", "TLS", "two lengths", "two content lengths", "folded", "zero byte"],
)
def test_what_is_no_http_is_refused_in_the_dialect(data: bytes) -> None:
    async def story(small: Small) -> None:
        answer = await small.raw(data)
        assert answer.startswith(b"HTTP/1.1 400")
        assert error_of(answer)["code"] == -32600

    with_server(story)


def test_connections_of_an_address_are_bounded() -> None:
    async def story(small: Small) -> None:
        close = HEAD + b"Connection: close\r\n\r\n"
        async with small.wire() as first, small.wire():
            answer = await small.raw(close)
            assert answer.startswith(b"HTTP/1.1 429")
            assert error_of(answer)["code"] == 10028
            assert (await small.raw(UPGRADE)).startswith(b"HTTP/1.1 429")
            assert "result" in await first.call("public/test")
            await first.socket.close()
            statuses = []
            async with asyncio.timeout(SECONDS):
                while b"HTTP/1.1 200" not in statuses:
                    statuses.append((await small.raw(close))[:12])
        assert len(statuses) < 100

    with_server(story, Limits(connections_per_address=2))


def test_connections_of_all_are_bounded() -> None:
    async def story(small: Small) -> None:
        async with small.wire():
            answer = await small.raw(HEAD + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 429")

    with_server(story, Limits(connections=1))


def closed_with(answer: bytes) -> int | None:
    """Return the code of the close frame at the end of what a server sent."""
    for start in range(len(answer) - 4, -1, -1):
        if answer[start] == 0x88 and answer[start + 1] == len(answer) - start - 2:
            return int(struct.unpack(">H", answer[start + 2 : start + 4])[0])
    return None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"a", final=False) + frame(CONTINUATION, b"", final=False) * 300, 1009),
        (frame(TEXT, b" " * 40_000, final=False) + frame(CONTINUATION, b" " * 40_000), 1009),
        (frame(TEXT, b" " * 70_000), 1009),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"{}"), 1003),
        (frame(TEXT, b"{}", masked=False), 1002),
        (frame(0x3, b""), 1002),
        (frame(CONTINUATION, b""), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(TEXT | 0x40, b"{}"), 1002),
    ],
    ids=[
        "fragments",
        "message",
        "frame",
        "UTF-8",
        "binary",
        "unmasked",
        "opcode",
        "alone",
        "ping",
        "reserved",
    ],
)
def test_bad_frames_close_with_their_code(data: bytes, code: int) -> None:
    async def story(small: Small) -> None:
        answer = await small.frames(data)
        assert closed_with(answer) == code
        await until(lambda: not small.app.state.host.tasks)

    with_server(story, Limits(ping_seconds=0.5))


def test_fragments_make_a_message() -> None:
    async def story(small: Small) -> None:
        message = b'{"jsonrpc":"2.0","id":77,"method":"public/test"}'
        parts = [frame(TEXT, message[:1], final=False)]
        parts += [frame(CONTINUATION, message[n : n + 1], final=False) for n in range(1, 40)]
        parts.append(frame(PING, b"between"))
        parts.append(frame(CONTINUATION, message[40:]))
        answer = await small.frames(b"".join(parts))
        assert b'"id":77,"result"' in answer
        assert b"\x8a\x07between" in answer

    with_server(story, Limits(ping_seconds=0.1))


def test_pings_without_reading_do_not_grow_memory() -> None:
    async def story(small: Small) -> None:
        reader, writer = await asyncio.open_connection(small.server.host, small.server.port)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        pings = frame(PING, b"x" * 125) * 1_000
        for _ in range(60):  # 8 MB of answers, if each were kept
            writer.write(pings)
            await asyncio.sleep(0.001)
        protocols = small.server._server.server_state.connections
        await until(lambda: bool(protocols))
        kept = max(item.transport.get_write_buffer_size() for item in protocols)
        assert kept < 1_000_000, f"{kept} bytes wait for a peer that does not read"
        writer.transport.abort()

    with_server(story)


PARTS = [
    HEAD,
    b"\r\n",
    b"POST /api/v2 HTTP/1.1\r\n",
    b"Content-Length: 3\r\n",
    b"{}",
    b"Host: a\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"Expect: 100-continue\r\n",
    b"Content-Type: application/json\r\n",
    b"GET /api/v2/public/echo?text=%ff HTTP/1.1\r\n",
    UPGRADE,
]


async def unread(small: Small) -> asyncio.StreamWriter:
    """Return a peer that reads nothing of a feed which is far longer than all buffers."""
    small.desk.padding = "x" * 8_000_000
    reader, writer = await asyncio.open_connection(small.server.host, small.server.port)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    subscribe = b'{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":'
    writer.write(frame(TEXT, subscribe + b'{"channels":["count.1.all"]}}'))
    await until(lambda: small.desk.collected == 1)
    return writer


def test_peers_that_do_not_read_do_not_hold_up_the_end() -> None:
    async def story(small: Small) -> None:
        writer = await unread(small)
        await small.server.stop()
        await asyncio.sleep(0.1)
        assert not small.server._server.server_state.connections
        writer.transport.abort()

    with_server(story)


def test_peers_that_do_not_read_are_cut_off_by_the_ping() -> None:
    async def story(small: Small) -> None:
        writer = await unread(small)
        protocols = small.server._server.server_state.connections
        await until(lambda: not protocols)
        await until(lambda: not small.app.state.host.hub._by_topic)
        writer.transport.abort()

    with_server(story, Limits(ping_seconds=0.1))


frames = st.one_of(
    st.binary(max_size=60),
    st.builds(frame, st.integers(0, 255), st.binary(max_size=200), st.booleans(), st.booleans()),
    st.builds(frame, st.just(TEXT), st.binary(max_size=100)),
    st.builds(
        lambda text: frame(TEXT, text.encode()),
        st.text(st.sampled_from('{}[]",:0123456789eE.-\\ "jsonrpcidmethodparams'), max_size=80),
    ),
    st.sampled_from(
        [
            frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"public/test"}'),
            frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{}}'),
            frame(
                TEXT,
                b'{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":'
                b'{"channels":["count.1.all","broken.x"]}}',
            ),
            frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"public/defect"}'),
            frame(PING, b""),
            frame(CLOSE, struct.pack(">H", 1000)),
            frame(CLOSE, b"\x00"),
        ]
    ),
)


def test_random_bytes_never_harm_the_server() -> None:
    """Peers send frames or nonsense at once; afterwards the server is as it was."""

    async def example(small: Small, peers: list[list[bytes]]) -> None:
        end = frame(CLOSE, struct.pack(">H", 1000))
        answers = await asyncio.gather(
            *(small.frames(b"".join(sent) + end, eof=True) for sent in peers),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, bytes):
                assert b"secret details" not in answer
            else:
                assert isinstance(answer, ConnectionResetError), repr(answer)
        async with small.wire() as wire:
            assert "result" in await wire.call("public/test")
        host = small.app.state.host
        await until(lambda: not (host.tasks or host.connections or host.hub._by_topic))

    search(example, st.lists(st.lists(frames, max_size=12), min_size=1, max_size=4))


def test_random_requests_never_harm_the_server() -> None:
    async def example(small: Small, parts: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(small.server.host, small.server.port)
        writer.write(b"".join(parts))
        writer.write_eof()
        answer = b""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionResetError):
                while chunk := await reader.read(65_536):
                    answer += chunk
        writer.transport.abort()
        assert b"HTTP/1.1 500" not in answer
        async with small.wire() as wire:
            assert "result" in await wire.call("public/test")

    search(example, st.lists(st.binary(max_size=100) | st.sampled_from(PARTS), max_size=12))


def search(
    example: Callable[[Small, Any], Coroutine[Any, Any, None]], strategy: st.SearchStrategy[Any]
) -> None:
    """Search for an example that fails, all of them against one server."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = small_server(Limits(header_seconds=0.1, body_seconds=0.1))
        small = runner.run(context.__aenter__())

        @settings(max_examples=100)
        @given(strategy)
        def check(value: Any) -> None:
            runner.run(example(small, value))

        try:
            check()
        finally:
            runner.run(context.__aexit__(None, None, None))


def test_no_descriptor_is_left_behind() -> None:
    async def story() -> None:
        for _ in range(3):
            async with small_server() as small, small.wire() as wire:
                await wire.call("public/test")

    asyncio.run(story())
    before = len(list(Path("/proc/self/fd").iterdir()))
    asyncio.run(story())
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
