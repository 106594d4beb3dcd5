"""Command 32, inbox: the next item of the chain's queue (rules.md 3.4, derivatives.md 2 and 6)."""

from __future__ import annotations

from merkat.spec.messages import (
    Deliver,
    Deposit,
    FeeSweep,
    ForcedWithdraw,
    FundDeposit,
    InboxCommand,
    Item,
    List,
    ListDated,
    SetGroup,
    SetInstrument,
    SetRisk,
    SetVenue,
    decode_item,
)
from merkat.spec.settle.ops import Inbox
from merkat.spec.settle.outcomes import (
    Deposited,
    FeesSwept,
    ForcedWithdrawn,
    ItemRefused,
    Listed,
    Outcome,
)
from merkat.spec.values import ITEM_BYTES_MAX, ITEM_BYTES_MIN
from merkat.spec.venue import derivative_events, events
from merkat.spec.venue.book import Book
from merkat.spec.venue.delivery import settle_deliveries
from merkat.spec.venue.rules import C_05, C_06
from merkat.spec.venue.state import VenueAccount, VenueState


def inbox(venue: VenueState, command: InboxCommand) -> None:
    """Take the item that stands at the cursor; a refused one is passed over."""
    # AUTHORITY: the chain's inbox, whose hash the settlement state carries

    # CHECKS
    C_05.require(command.index == venue.settlement.globals_.inbox_cursor)
    C_06.require(ITEM_BYTES_MIN <= len(command.item) <= ITEM_BYTES_MAX)

    # EFFECT
    outcome = venue.emit(Inbox(command.item))

    # EVENTS
    if isinstance(outcome, ItemRefused):
        refused = events.InboxRefused(command.index, outcome.code, outcome.field_number)
        venue.event(refused)
        return
    item = decode_item(command.item)
    _announce(venue, item, outcome)
    if isinstance(item, Deliver):
        settle_deliveries(venue, item.group)


def _announce(venue: VenueState, item: Item, outcome: Outcome) -> None:
    """Announce an accepted item; a new account or listing gets its place in the venue."""
    match item:
        case Deposit():
            assert isinstance(outcome, Deposited)
            if outcome.opened:
                venue.accounts[outcome.account] = VenueAccount()
            opened = int(outcome.opened)
            venue.event(events.Deposited(item.token, outcome.account, item.amount, opened))
        case SetGroup():
            venue.event(events.GroupSet(item.group))
        case List() | ListDated():
            assert isinstance(outcome, Listed)
            venue.books[outcome.listing] = Book()
            venue.event(events.Listed(outcome.listing, item.group))
        case SetInstrument():
            venue.event(events.InstrumentSet(item.listing, item.state))
        case SetVenue():
            venue.event(events.VenueSet())
        case FundDeposit():
            fund = venue.settlement.groups[item.group].fund
            venue.event(events.FundDeposited(item.group, item.amount, fund))
        case SetRisk():
            venue.event(derivative_events.RiskSetKept(item.group))
        case Deliver():
            venue.event(
                derivative_events.DeliveryFixed(item.group, item.expiry, item.price, samples=0)
            )
        case FeeSweep():
            assert isinstance(outcome, FeesSwept)
            venue.event(events.FeesSwept(item.account, outcome.amount, outcome.repaid))
        case ForcedWithdraw():
            assert isinstance(outcome, ForcedWithdrawn)
            claimable = venue.account(item.account).claimable[item.token]
            venue.event(
                events.ForcedWithdrawn(
                    item.account, item.token, item.amount, outcome.amount, claimable
                )
            )
