"""`merkat bench api`: its client against its echo, and what its figures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merkat.bench import api
from merkat.bench.pipe import EchoChild, connect, on_echo, run_async


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert api.percentile(values, 50) == 50
    assert api.percentile(values, 99) == 99
    assert api.percentile([7.0], 99) == 7
    latency = api.Latency("x", "ms", [3.0, 1.0, 2.0], "echo", [0.5, 1.0, 0.5], 1.5)
    described = latency.described()
    assert described["p50_ms"] == 2
    assert described["worst_ms"] == 3
    assert described["ratio"] == 4, "medians are compared"
    assert described["goal"] == 1.5


def test_every_order_is_another_one_on_the_grid() -> None:
    orders = api.Orders("ws://x", ("a", "b"), 60_000_000_000)
    messages = [json.loads(text) for text in (*orders.messages(300), *orders.messages(300))]
    assert len({message["params"]["label"] for message in messages}) == 600
    assert len({message["id"] for message in messages}) == 600
    for message in messages:
        price = int(message["params"]["price"])
        assert price % 5 == 0
        assert 58_200 < price < 60_000, "inside the band, below the market"


@pytest.mark.parametrize("in_flight", [1, 16])
def test_the_client_times_every_answer_of_the_echo(tmp_path: Path, in_flight: int) -> None:
    with EchoChild(300, tmp_path / "echo.log") as echo:
        run = run_async(on_echo(echo.url, [b"{}"] * 100, in_flight))
    assert len(run.times_ms) == 100
    assert all(time_ms > 0 for time_ms in run.times_ms)
    assert run.seconds > 0
    assert run.reply_bytes == 300, "answers have the size that was asked for"
    assert echo.process.returncode is not None, "the child is ended"


def test_an_answer_that_is_not_good_voids_the_figure(tmp_path: Path) -> None:
    async def refused(url: str) -> None:
        pipe = await connect(url)
        try:
            await pipe.run([b"{}"] * 3, 1, lambda answer: b"order" in answer)
        finally:
            await pipe.close()

    with (
        EchoChild(10, tmp_path / "echo.log") as echo,
        pytest.raises(api.VoidError, match="the figure is void"),
    ):
        run_async(refused(echo.url))


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    api.require_peers()
    monkeypatch.setattr(api, "find_spec", lambda name: None)
    with pytest.raises(api.MissingPeerError, match="picows: not installed"):
        api.require_peers()


def test_the_disk_is_probed(tmp_path: Path) -> None:
    probe = api.sync_probe("fdatasync_before", tmp_path)
    assert probe.value > 0
    assert probe.described()["unit"] == "ms, median"
