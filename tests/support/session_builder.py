"""A market in which accounts have sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec import typed_data
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.sessions import EVERY_GROUP, KINDS_MAX
from merkat.spec.values import DAY_NS
from tests.support.venue_builder import Market, Reply, Trader


class SessionMarket(Market):
    """A market whose traders may have session keys."""

    def make_session(self, owner: Trader, slot: int, name: str, **changes: Any) -> SessionOpen:
        """A session of everything for a day, signed by the owner."""
        scheme: int = changes.pop("key_scheme", 1)
        unsigned = SessionOpen(
            account=owner.number,
            slot=slot,
            scheme=scheme,
            key=self.keys.wallet(name, scheme).address,
            groups=EVERY_GROUP,
            kinds=KINDS_MAX,
            notional=2**64 - 1,
            expiry=self.time_ns + DAY_NS,
            nonce=self.next_nonce(),
            signature=bytes(65),
        )
        unsigned = replace(unsigned, **changes)
        digest = typed_data.session_open_digest(self.config, unsigned)
        return replace(unsigned, signature=self.keys.sign(digest, owner.wallet))

    def session(self, owner: Trader, slot: int, name: str, **changes: Any) -> Trader:
        """Open a session, which must be accepted; return who trades by it."""
        body = self.make_session(owner, slot, name, **changes)
        self._accepted(self.apply(body))
        return Trader(owner.number, self.keys.wallet(name, body.scheme), slot)

    def revoke(self, owner: Trader, slot: int, floor: int | None = None, **changes: Any) -> Reply:
        """Revoke a session; the floor stays unless it is named."""
        standing = self.leaf(owner).order_floor if floor is None else floor
        unsigned = SessionRevoke(owner.number, slot, standing, self.next_nonce(), bytes(65))
        unsigned = replace(unsigned, **changes)
        digest = typed_data.session_revoke_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, owner.wallet)))
