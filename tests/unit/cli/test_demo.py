"""Addresses that `merkat demo` cannot listen on are refused before anything is started."""

from __future__ import annotations

import socket

import pytest

from merkat.cli import _common, demo


def test_a_taken_port_is_an_environment_error_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert demo.command(keep=True, port=port) == _common.ENVIRONMENT
    said = capsys.readouterr().err
    assert f"host 127.0.0.1, port {port}" in said
    assert "--port" in said, "it says how to go on"


def test_a_host_that_is_none_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.command(keep=True, host="300.1.1.1") == _common.ENVIRONMENT
    assert "300.1.1.1" in capsys.readouterr().err


def test_a_free_port_is_taken() -> None:
    demo._check_free("127.0.0.1", 0)
