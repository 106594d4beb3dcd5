"""What only a gateway knows of its venue: where it is, and how far its log has been followed."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from merkat.api.errors import ApiError
from merkat.api.registry import FREE, Context, NoParams, Registry
from merkat.gateway.asking import gateway_of

registry = Registry()

WAIT_SECONDS: Final = 10.0


class WaitParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of venue/wait_log_number."""

    log_number: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Waited(msgspec.Struct):
    """How far the gateway has followed the log."""

    log_number: int


@registry.method(
    "venue/wait_log_number", summary="Answers when the gateway has a command's effects.", cost=FREE
)
async def wait_log_number(context: Context, params: WaitParams) -> Waited:
    """Wait until the replica has taken a log number, at most 10 s."""
    gateway = gateway_of(context)
    following = gateway.following
    assert following is not None, "a gateway that serves follows"
    if not await following.wait_log_number(params.log_number, WAIT_SECONDS):
        raise ApiError(
            13888,
            f"log number {params.log_number} was not reached in {WAIT_SECONDS:g} s, the newest is"
            f" {gateway.replica.log_number}",
            "ask again",
            field="log_number",
        )
    return Waited(gateway.replica.log_number)


class LinkResult(msgspec.Struct):
    """The address of the venue's link."""

    link_url: str


@registry.method(
    "venue/get_link", summary="Where the venue is, for a gateway of your own.", cost=FREE
)
def get_link(context: Context, params: NoParams) -> LinkResult:
    """Return the address of the venue that this gateway follows."""
    following = gateway_of(context).following
    assert following is not None, "a gateway that serves follows"
    return LinkResult(following.url)
