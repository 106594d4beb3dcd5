"""`merkat account show`: an account's money and margin, without its positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from merkat.cli import _client, _common

if TYPE_CHECKING:
    from merkat.api.client import RpcClient


def show(
    *,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Show what the account has, what its margin takes, and what can be withdrawn.

    Example: merkat account show --keys keys.json

    Parameters
    ----------
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        async def get(client: RpcClient) -> Any:
            return await client.call("private/get_account_summaries", {})

        summaries = _client.ask(connection, get, private=True)["summaries"]
        if json:
            _client.print_json({"summaries": summaries})
        else:
            from merkat.cli.positions import show_summary

            held = [one for one in summaries if one["equity"] or one["balance"]]
            for summary in held or summaries[:1]:
                show_summary(summary)
        return _common.GOOD

    return _client.guarded(json, body)
