"""The settlement state: its leaves, their root, and their bytes in a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from merkat.spec.codec import MalformedError, Reader, u32
from merkat.spec.orders import account_of, encode_key
from merkat.spec.settle.leaves import (
    LISTING_CLOSED,
    OPEN,
    STANDARD,
    Account,
    Globals,
    Group,
    Instrument,
    Leaf,
    OrderLeaf,
    Position,
    Session,
)
from merkat.spec.settle.risks import GroupRecord, check_record, read_record
from merkat.spec.trees import Tree, leaf_hash
from merkat.spec.typed_data import Config
from merkat.spec.values import ZERO32, cut, keccak256

ACCOUNTS_DEPTH = 28
POSITIONS_DEPTH = 10
ORDERS_DEPTH = 92
SESSIONS_DEPTH = 32
INSTRUMENTS_DEPTH = 32
GROUPS_DEPTH = 16
KEY_BYTES = {  # of a leaf's number in a snapshot, by the depth of its tree
    POSITIONS_DEPTH: 2,
    GROUPS_DEPTH: 2,
    ACCOUNTS_DEPTH: 4,
    INSTRUMENTS_DEPTH: 4,  # and SESSIONS_DEPTH
    ORDERS_DEPTH: 12,
}


class State:
    """Every leaf of the settlement machine, and the risk records behind the groups' hashes.

    Read the leaves freely; before you write one, take it with the matching `change_` method, so
    that the next `root()` hashes it again. Positions are written with `move_position` only, risk
    records with `set_risk`.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.globals_ = Globals()
        self.groups: dict[int, Group] = {}
        self.instruments: dict[int, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.orders: dict[int, OrderLeaf] = {}
        self.sessions: dict[int, Session] = {}  # account (28 bits) ‖ slot (4) -> session
        self.risks: dict[int, GroupRecord] = {}  # of the groups with a risk set
        self._touched_groups: set[int] = set()
        self._touched_instruments: set[int] = set()
        self._touched_accounts: set[int] = set()
        self._touched_positions: set[tuple[int, int]] = set()
        self._touched_orders: set[int] = set()
        self._touched_sessions: set[int] = set()
        self._groups_tree = Tree(GROUPS_DEPTH)
        self._instruments_tree = Tree(INSTRUMENTS_DEPTH)
        self._accounts_tree = Tree(ACCOUNTS_DEPTH)
        self._positions_trees: dict[int, Tree] = {}
        self._orders_tree = Tree(ORDERS_DEPTH)
        self._sessions_tree = Tree(SESSIONS_DEPTH)

    # Writing

    def change_group(self, group: int) -> Group:
        """Return a group's leaf for writing."""
        self._touched_groups.add(group)
        return self.groups[group]

    def change_instrument(self, listing: int) -> Instrument:
        """Return a listing's leaf for writing."""
        self._touched_instruments.add(listing)
        return self.instruments[listing]

    def change_account(self, account: int) -> Account:
        """Return an account's leaf for writing (its positions: `move_position`)."""
        self._touched_accounts.add(account)
        return self.accounts[account]

    def change_order(self, key: int) -> OrderLeaf:
        """Return an order's leaf for writing."""
        self._touched_orders.add(key)
        return self.orders[key]

    def change_session(self, key: int) -> Session:
        """Return a session's leaf for writing."""
        self._touched_sessions.add(key)
        return self.sessions[key]

    def add_group(self, group: int, leaf: Group) -> None:
        """Write a new group."""
        self.groups[group] = leaf
        self._touched_groups.add(group)

    def add_instrument(self, listing: int, leaf: Instrument) -> None:
        """Write a new listing."""
        self.instruments[listing] = leaf
        self._touched_instruments.add(listing)

    def add_account(self, account: int, leaf: Account) -> None:
        """Write a new account."""
        self.accounts[account] = leaf
        self._touched_accounts.add(account)

    def put_order(self, key: int, leaf: OrderLeaf) -> None:
        """Write an order's leaf, new or in place of the one that stood there."""
        self.orders[key] = leaf
        self._touched_orders.add(key)

    def drop_order(self, key: int) -> None:
        """Remove an order's leaf."""
        del self.orders[key]
        self._touched_orders.add(key)

    def put_session(self, key: int, leaf: Session) -> None:
        """Write a session's leaf, new or in place of the one that stood there."""
        self.sessions[key] = leaf
        self._touched_sessions.add(key)

    def set_risk(self, group: int, record: GroupRecord) -> None:
        """Write a group's risk record and its hashes into the group's leaf."""
        self.risks[group] = record
        leaf = self.change_group(group)
        leaf.risk_hash = record.risk_set.hash
        if record.built is not None:
            leaf.rows_hash, leaf.row_root = record.built.hash, record.built.root

    def move_position(self, account: int, slot: int, listing: int, change: int) -> None:
        """Add `change` to the position in a slot; at size 0 the slot becomes empty.

        Open interest, the sum of the positive positions, follows.
        """
        positions = self.accounts[account].positions
        position = positions.setdefault(slot, Position(listing, 0))
        assert position.listing == listing, f"slot {slot} holds listing {position.listing}"
        before, after = position.size, position.size + change
        position.size = after
        if after == 0:
            del positions[slot]
        self.change_instrument(listing).open_interest += max(after, 0) - max(before, 0)
        self.touch_position(account, slot)

    def remove_expired(self, account: int, slot: int) -> None:
        """Empty the slot of a position in a delivered listing; the last one closes the listing.

        The open interest of a delivered listing is the sum of all sizes, long and short.
        """
        position = self.accounts[account].positions.pop(slot)
        instrument = self.change_instrument(position.listing)
        instrument.open_interest -= abs(position.size)
        if instrument.open_interest == 0:
            instrument.state = LISTING_CLOSED
        self.touch_position(account, slot)

    def touch_position(self, account: int, slot: int) -> None:
        """Have the next root hash a slot again."""
        self._touched_positions.add((account, slot))
        self._touched_accounts.add(account)

    # Commitment

    def root(self) -> bytes:
        """Return the 32-byte state root."""
        for account, slot in sorted(self._touched_positions):
            tree = self._positions_trees.setdefault(account, Tree(POSITIONS_DEPTH))
            tree.set(slot, _hash_of(self.accounts[account].positions.get(slot)))
        for account in sorted(self._touched_accounts):
            words = self.accounts[account].words() + self._positions_word(account)
            self._accounts_tree.set(account, leaf_hash(words))
        for key in sorted(self._touched_orders):
            self._orders_tree.set(key, _hash_of(self.orders.get(key)))
        for key in sorted(self._touched_sessions):
            self._sessions_tree.set(key, _hash_of(self.sessions[key]))
        for listing in sorted(self._touched_instruments):
            self._instruments_tree.set(listing, _hash_of(self.instruments[listing]))
        for group in sorted(self._touched_groups):
            self._groups_tree.set(group, _hash_of(self.groups[group]))
        for touched in (
            self._touched_positions,
            self._touched_accounts,
            self._touched_orders,
            self._touched_sessions,
            self._touched_instruments,
            self._touched_groups,
        ):
            touched.clear()
        return keccak256(
            self._accounts_tree.root()
            + self._orders_tree.root()
            + self._sessions_tree.root()
            + self._instruments_tree.root()
            + self._groups_tree.root()
            + _hash_of(self.globals_)
        )

    def _positions_word(self, account: int) -> bytes:
        tree = self._positions_trees.get(account)
        return b"\0" + cut(tree.root() if tree else ZERO32)

    # Snapshot

    def encode(self) -> bytes:
        """Return the settlement part of a snapshot, its length first (formats.md section 8)."""
        parts = [self.globals_.words(), u32(len(self.groups))]
        parts += [self.group_record(group) for group in sorted(self.groups)]
        parts.append(u32(len(self.instruments)))
        parts += [self.instrument_record(listing) for listing in sorted(self.instruments)]
        parts.append(u32(len(self.accounts)))
        parts += [self.account_record(index) for index in sorted(self.accounts)]
        parts.append(u32(len(self.orders)))
        parts += [self.order_record(key) for key in sorted(self.orders)]
        parts.append(u32(len(self.sessions)))
        parts += [self.session_record(key) for key in sorted(self.sessions)]
        parts.append(u32(len(self.risks)))
        parts += [self.risk_record(group) for group in sorted(self.risks)]
        rest = b"".join(parts)
        return u32(len(rest)) + rest

    def group_record(self, group: int) -> bytes:
        """Return a group's number and words."""
        return group.to_bytes(2, "big") + self.groups[group].words()

    def instrument_record(self, listing: int) -> bytes:
        """Return a listing's number and words."""
        return u32(listing) + self.instruments[listing].words()

    def account_record(self, index: int) -> bytes:
        """Return an account's number, its words but the last, and its positions."""
        account = self.accounts[index]
        parts = [u32(index), account.words(), u32(len(account.positions))]
        for slot in sorted(account.positions):
            parts += [slot.to_bytes(2, "big"), account.positions[slot].words()]
        return b"".join(parts)

    def order_record(self, key: int) -> bytes:
        """Return an order's key and words."""
        return encode_key(key) + self.orders[key].words()

    def session_record(self, key: int) -> bytes:
        """Return a session's key and words."""
        return u32(key) + self.sessions[key].words()

    def risk_record(self, group: int) -> bytes:
        """Return a group's number and its risk record."""
        return group.to_bytes(2, "big") + self.risks[group].encode()

    @classmethod
    def read(cls, config: Config, reader: Reader) -> State:
        """Take the settlement part of a snapshot off the reader; MalformedError if it is none."""
        inner = Reader(reader.raw(reader.u32()))
        state = cls(config)
        state.globals_ = Globals.read_words(inner)
        for group in _ascending_keys(inner, GROUPS_DEPTH):
            state.take_group(group, inner)
        for listing in _ascending_keys(inner, INSTRUMENTS_DEPTH):
            state.take_instrument(listing, inner)
        for index in _ascending_keys(inner, ACCOUNTS_DEPTH):
            state.take_account(index, inner)
        for key in _ascending_keys(inner, ORDERS_DEPTH):
            state.take_order(key, inner)
        for key in _ascending_keys(inner, SESSIONS_DEPTH):
            state.take_session(key, inner)
        for group in _ascending_keys(inner, GROUPS_DEPTH):
            state.risks[group] = read_record(inner)
        inner.finish()
        state.check_references()
        return state

    # What stands behind a key in a record; MalformedError where it is no leaf

    def take_group(self, group: int, reader: Reader) -> None:
        """Take a group's words off the reader."""
        self.add_group(group, Group.read_words(reader))

    def take_instrument(self, listing: int, reader: Reader) -> None:
        """Take a listing's words off the reader."""
        self.add_instrument(listing, Instrument.read_words(reader))

    def take_account(self, index: int, reader: Reader) -> None:
        """Take an account's words and positions off the reader."""
        account = Account.read_words(reader)
        self.add_account(index, account)
        for slot in _ascending_keys(reader, POSITIONS_DEPTH):
            account.positions[slot] = Position.read_words(reader)
            self.touch_position(index, slot)

    def take_order(self, key: int, reader: Reader) -> None:
        """Take an order's words off the reader."""
        self.put_order(key, OrderLeaf.read_words(reader))

    def take_session(self, key: int, reader: Reader) -> None:
        """Take a session's words off the reader."""
        self.put_session(key, Session.read_words(reader))

    @classmethod
    def decode(cls, config: Config, data: bytes) -> State:
        """Return the state that a settlement part encodes; MalformedError if it is none."""
        reader = Reader(data)
        state = cls.read(config, reader)
        reader.finish()
        return state

    def check_references(self) -> None:
        """Refuse (MalformedError) a leaf that names, or has, a number that is not given out.

        Accounts and listings may be missing below next_account and next_listing: S-02 and I-17
        take them for unknown. Whatever another leaf names must be there, and so must the risk
        record that a group's hashes are of.
        """
        globals_ = self.globals_
        _expect(sorted(self.groups) == list(range(globals_.next_group)), "groups below next_group")
        _expect(self.risks.keys() <= self.groups.keys(), "risk records of groups that are there")
        for group, leaf in self.groups.items():
            record = self.risks.get(group)
            check_record(group, leaf, record)
            rows = {} if record is None or record.built is None else record.built.rows
            _expect(rows.keys() <= self.instruments.keys(), f"the listings of group {group}'s rows")
        for listing, instrument in self.instruments.items():
            given_out = 1 <= listing < globals_.next_listing
            _expect(given_out, f"listing {listing} below next_listing")
            _expect(instrument.group in self.groups, f"the group of listing {listing}")
        for index, account in self.accounts.items():
            _expect(1 <= index < globals_.next_account, f"account {index} below next_account")
            staged = account.stage == STANDARD or account.stage_group in self.groups
            _expect(staged, f"the stage's group of account {index}")
            for slot, position in account.positions.items():
                held = position.listing in self.instruments
                _expect(held, f"the listing in slot {slot} of account {index}")
        for key, order in self.orders.items():
            _expect(
                account_of(key) in self.accounts, f"the account of order {encode_key(key).hex()}"
            )
            tradable = order.state != OPEN or order.listing in self.instruments
            _expect(tradable, f"the listing of order {encode_key(key).hex()}")
        for key in self.sessions:
            _expect(key >> 4 in self.accounts, f"the account of session {key}")
            _expect(key & 0xF != 0, f"a slot above 0 of session {key}")


def _hash_of(leaf: Leaf | None) -> bytes:
    return ZERO32 if leaf is None else leaf_hash(leaf.words())


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise MalformedError(f"the leaves do not fit together: expected {what}")


def next_key(reader: Reader, depth: int, last: int) -> int:
    """Take the key of a leaf; MalformedError unless it ascends from `last` and fits the tree."""
    key = reader.unsigned(KEY_BYTES[depth])
    if key <= last:
        raise MalformedError(f"key {key} does not ascend from {last}")
    if key >> depth:
        raise MalformedError(f"key {key} does not fit the {depth} bits of its tree")
    return key


def _ascending_keys(reader: Reader, depth: int) -> Iterator[int]:
    """Take a count, then yield that many keys; the caller takes what stands behind each."""
    last = -1
    for _ in range(reader.u32()):
        last = next_key(reader, depth, last)
        yield last
