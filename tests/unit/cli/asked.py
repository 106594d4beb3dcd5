"""A gateway for tests of the commands: remembers what it is asked and answers what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from merkat.cli import _client


class Asked:
    """Stands in for `_client.ask`: the commands' bodies run against it."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.private: list[bool] = []

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Answer a call; an exception among the answers is raised."""
        self.calls.append((method, params))
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(
        self,
        connection: _client.Connection,
        body: Callable[[Any], Awaitable[Any]],
        *,
        private: bool,
    ) -> Any:
        """Run a command's body."""
        self.private.append(private)

        async def run() -> Any:
            return await body(self)

        return asyncio.run(run())


def asked(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> Asked:
    """Put an `Asked` where the commands ask."""
    gateway = Asked(answers)
    monkeypatch.setattr(_client, "ask", gateway.ask)
    return gateway
