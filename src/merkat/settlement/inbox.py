"""The Inbox's watcher: which items the venue takes, in order, once they are deep enough.

An item counts when `confirmations` blocks stand on the block that holds it. Nothing is taken from
newer blocks, so a reorganisation of up to that depth changes nothing. Logs that an endpoint
repeats or leaves out are noticed by the items' indices and by the rolling hash: an item is taken
only if the hash that the Inbox's event names follows from all items before it.
"""

from __future__ import annotations

from typing import Final

from merkat import _core
from merkat.sdk import commands
from merkat.settlement.chain.interface import ChainError
from merkat.settlement.contracts import Contracts, abi

CONFIRMATIONS: Final = 3
NO_ITEMS: Final = bytes(32)


class InboxReorganisedError(ChainError):
    """The chain dropped a block that was deep enough: what the venue took may not be there."""


class InboxWatcher:
    """Reads items off the chain. `poll` changes nothing where it raises: call it again."""

    def __init__(
        self,
        contracts: Contracts,
        confirmations: int = CONFIRMATIONS,
        cursor: int = 0,
        inbox_hash: bytes = NO_ITEMS,
    ) -> None:
        """Start behind the first `cursor` items, whose hash is `inbox_hash`."""
        if confirmations < 0:
            raise ValueError(f"confirmations is {confirmations}, expected 0 or more")
        self.contracts = contracts
        self.confirmations = confirmations
        self.cursor = cursor
        self.inbox_hash = inbox_hash
        # The newest block that was read to its end, and its hash.
        self._block = -1
        self._block_hash = b""

    def poll(self) -> list[bytes]:
        """Return the commands of the items that have become deep enough, in order.

        Raises InboxReorganisedError if a block that was read is gone; ChainError if the chain
        cannot be read.
        """
        chain = self.contracts.chain
        safe = chain.block_number() - self.confirmations
        if safe <= self._block:
            self._check_block()
            return []
        newest = chain.block(safe)
        if newest is None:
            return []  # the chain has just become shorter
        self._check_block()
        cursor, inbox_hash = self.cursor, self.inbox_hash
        items = []
        for log in self.contracts.events("Inbox", "ItemEnqueued", self._block + 1, safe):
            event = abi("Inbox").event(log)
            assert event is not None, "the logs were chosen by this event's topic"
            index, item = event.fields["index"], event.fields["item"]
            if index < cursor:
                continue  # repeated
            following = _core.keccak256(inbox_hash + _core.keccak256(item))
            if index > cursor or following != event.fields["inboxHash"]:
                break  # one is left out: it is asked for again next time
            cursor, inbox_hash = cursor + 1, following
            items.append(item)
        taken = [commands.inbox(self.cursor + place, item) for place, item in enumerate(items)]
        again = chain.block(safe)
        if again is None or again.hash != newest.hash:
            return []  # reorganised while it was read
        if self._is_complete(cursor, inbox_hash, safe):
            self._block, self._block_hash = safe, newest.hash
        self.cursor, self.inbox_hash = cursor, inbox_hash
        return taken

    def _is_complete(self, cursor: int, inbox_hash: bytes, block: int) -> bool:
        """Return whether the items so far are all that the Inbox had after a block."""
        if not self.contracts.chain.code(self.contracts.addresses.inbox):
            return True
        try:
            length = self.contracts.read("Inbox", "length", block=block)
            head = self.contracts.read("Inbox", "headHash", block=block)
        except ChainError:
            return False
        return bool(length == cursor and head == inbox_hash)

    def _check_block(self) -> None:
        if self._block < 0:
            return
        block = self.contracts.chain.block(self._block)
        if block is None or block.hash != self._block_hash:
            raise InboxReorganisedError(
                f"block {self._block} was {self.confirmations} blocks deep and is gone: the chain "
                "reorganised deeper than the configured confirmations; stop the venue and compare "
                f"its {self.cursor} items with the Inbox"
            )
