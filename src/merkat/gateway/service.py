"""The gateway as handlers see it: replica, orders, labels, and the venue's clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from merkat.gateway.cancelling import Canceller
from merkat.gateway.changing import Changer
from merkat.gateway.desk import Desk
from merkat.gateway.fills import Fills
from merkat.gateway.intents import Fate, Intent, IntentStore
from merkat.gateway.keys import KeyRing
from merkat.gateway.labels import Labels
from merkat.gateway.mapping import Mapper
from merkat.gateway.placing import Placer
from merkat.gateway.renewing import Renewer
from merkat.gateway.sender import Sender
from merkat.gateway.signers import Signers
from merkat.gateway.signing import Signer
from merkat.link import ReleasedFrame
from merkat.market import Replica
from merkat.market.types import Order, Topic
from merkat.sdk.commands import PLACE

if TYPE_CHECKING:
    from merkat.gateway.following import Following


class Gateway:
    """The parts of a gateway, put together. Its process moves it (merkat.gateway.process).

    Args:
        now_ns: the venue's clock.

    Attributes:
        following: the link, once there is a process around it.
    """

    def __init__(
        self,
        replica: Replica,
        store: IntentStore,
        clients: KeyRing,
        now_ns: Callable[[], int],
    ) -> None:
        self.replica = replica
        self.store = store
        self.clients = clients
        self.now_ns = now_ns
        self.labels = Labels(store)
        self.sender = Sender(replica.domain, store, self._is_refused, self._placed)
        self.signers = Signers(clients.clients, store, lambda: replica.view, now_ns)
        self.fills = Fills(replica, clients.accounts)
        self.desk = Desk(replica, self.sender, self.signers, self.labels, self.fills, now_ns)
        self.placer = Placer(self.desk)
        self.changer = Changer(self.desk)
        self.canceller = Canceller(self.desk)
        self.renewer = Renewer(self.desk, self.changer, clients.accounts)
        self.mapper = Mapper(replica.view, self.labels)
        self.following: Following | None = None

    def restore(self) -> int:
        """Take up the intents of an earlier run whose fate is not known; returns how many.

        Must come before the first `take`, so that the log can settle them.
        """
        unsettled = self.store.unsettled()
        self.labels.adopt(unsettled)

        def signer(intent: Intent) -> Signer | None:
            key = self.signers.find(intent.account, intent.slot)
            return key.signer if key is not None else None

        return self.sender.restore(unsettled, signer)

    def take(self, frame: ReleasedFrame) -> set[Topic]:
        """Take a released batch and settle the commands that it holds; returns what changed.

        Raises ReplicaError: the venue broke its word.
        """
        matched = self.sender.match(frame)
        topics = self.replica.take(
            frame.first_log_number,
            frame.batch,
            frame.outputs,
            frame.hashes,
            frame.signatures,
            {one.command: one.signer.address for one, _ in matched if one.command},
        )
        self.fills.collect()
        if matched:
            self.sender.settle(matched)
        return topics

    def open_by_label(self, account: int, label: str) -> list[Order]:
        """Return the open orders of an account with a label, newest first."""
        orders = []
        for intent in self.labels.of_label(account, label):
            if intent.fate is Fate.DONE:
                order = self.replica.view.newest_of_chain(intent.key)
                if order is not None and order.is_open:
                    orders.append(order)
        return orders

    def save(self) -> None:
        """Write down how far the log was read: fates of commands first, then the replica."""
        self.sender.flush()
        self.replica.save()

    def _placed(self, intent: Intent) -> int | None:
        """Return the log number of an intent's order, where there is such an order."""
        order = self.desk.find(intent.key) if intent.kind == PLACE else None
        return order.log_number if order is not None else None

    def _is_refused(self, log_number: int) -> bool:
        outcome = self.replica.view.outcome(log_number)
        assert outcome is not None, "the outcome of a command just taken is known"
        return outcome.refused is not None
