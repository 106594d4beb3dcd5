"""What a run has reached: events, steps, rules from both sides, and named transitions."""

from __future__ import annotations

from collections import Counter

from merkat.spec.orders import account_of, slot_of
from merkat.spec.rules import Rule, all_rules
from merkat.spec.settle.leaves import IN_LIQUIDATION
from merkat.spec.venue.events import CANCEL_REASONS
from merkat.spec.venue.machine import Output, Venue

COMMANDS = {
    1: "place",
    2: "amend",
    3: "renew",
    4: "cancel",
    5: "floor",
    6: "withdraw",
    7: "transfer",
    8: "margin_mode",
    9: "session_open",
    10: "session_revoke",
    16: "epoch",
    17: "heartbeat",
    18: "activate",
    24: "tick",
    32: "inbox",
}
EVENTS = tuple(
    """
    none refused accepted rested trade cancelled amended renewed floor_raised withdrawn transferred
    epoch heartbeat gap_ended funding stage liquidation slice bankrupt tear_up write_off
    deposited group_set listed instrument_set venue_set fund_deposited fees_swept inbox_refused
    hour_dropped waterfall_pending forced_withdrawn epoch_received row account_greeks delivery_fixed
    delivered expired hedge margin_mode_set risk_set session_opened session_revoked
    """.split()  # noqa: SIM905 - a table by number reads better as words
)
STEPS = tuple(
    """
    none inbox withdraw transfer order_open fill order_close floor epoch heartbeat stage liquidate
    bankrupt tear_up write_off drop_hour unused margin_mode deliver expire hedge session_open
    session_revoke
    """.split()  # noqa: SIM905
)
KEY_AT = slice(1, 13)
REASON_AT = 13

EVENTS_OF_PERPETUALS = EVENTS[1:31]
STEPS_OF_PERPETUALS = STEPS[1:16]
RULES_AT = {5: 57, 11: 49}  # margin_rules of a fill and of a liquidation

REQUIRED = (
    *(f"event {name}" for name in EVENTS_OF_PERPETUALS),
    *(f"step {name}" for name in STEPS_OF_PERPETUALS),
    *(f"event {name}" for name in EVENTS[41:]),
    *(f"step {name}" for name in STEPS[21:]),
    "accepted of a session of scheme 1",
    "accepted of a session of scheme 2",
    "amended of a session",
    "renewed of a session",
    "a slot opened anew",
    "a maker over its session",
    "a session's cancel of another key's order",
    *(f"command {name}" for name in COMMANDS.values() if name not in ("margin_mode", "activate")),
    *(f"cancelled {reason}" for reason in CANCEL_REASONS.values() if reason != "delivered"),
    "amend after a partial fill",
    "fill after an amend after a partial fill",
    "renewal of a partly filled order",
    "held jump",
    "held jump accepted after three",
    "held run given up",
    "gap ended",
    "funding with a premium",
    "stage 1 entered",
    "stage 1 left",
    "slice empty",
    "slice filled",
    "slice of everything",
    "bankrupt out of stage 1",
    "bankrupt by time",
    "fund paid",
    "fund empty",
    "tear-up with several holders",
    "surplus to the fund",
    "bad debt",
    "bad debt repaid",
    "withdrawn out of stage 3",
    "improves",
    "malformed command",
)


REQUIRED_OF_OPTIONS = (
    *(f"event {name}" for name in EVENTS[31:] if name != "hedge"),
    *(f"step {name}" for name in STEPS[17:] if name != "hedge"),
    "event liquidation",
    "event bankrupt",
    "event tear_up",
    "command margin_mode",
    "command activate",
    "cancelled delivered",
    "held jump",
    "stage 1 entered",
    "stage 1 left",
    "slice filled",
    "slice empty",
    "improves",
)
"""What a run of derivatives must have reached."""


class Coverage:
    """Counters of one run; those of several runs add up."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.rules: Counter[tuple[str, bool]] = Counter()
        self.refusals: Counter[int] = Counter()
        self._held: dict[int, int] = {}
        self._stages: dict[int, int] = {}
        self._amended: set[bytes] = set()
        self._sessions: set[int] = set()
        self._command = b""

    def add(self, other: Coverage) -> None:
        """Count what another run has reached too."""
        self.seen += other.seen
        self.rules += other.rules
        self.refusals += other.refusals

    def rule_met(self, rule: Rule, held: bool) -> None:
        """Count one test of a rule."""
        self.rules[rule.id, held] += 1
        self.seen["a maker over its session"] += rule.id == "M-09" and not held

    def before(self, venue: Venue, command: bytes) -> None:
        """Note what a command will change."""
        kind = COMMANDS.get(command[1]) if len(command) > 1 else None
        self.seen[f"command {kind}" if kind else "malformed command"] += 1
        self._command = command
        self._sessions = set(venue.settlement.sessions)
        self._held = {number: group.held_count for number, group in venue.settlement.groups.items()}
        self._stages = {
            number: account.stage for number, account in venue.settlement.accounts.items()
        }

    def after(self, venue: Venue, output: Output) -> None:
        """Count the events and steps of a command."""
        tear_ups: Counter[bytes] = Counter()
        for event in output.events:
            name = EVENTS[event[0]]
            self.seen[f"event {name}"] += 1
            match name:
                case "refused":
                    self.refusals[int.from_bytes(event[1:3], "big")] += 1
                case "accepted":
                    self._of_session(venue, "accepted", event[KEY_AT])
                case "session_opened":
                    opened = int.from_bytes(event[1:5], "big") << 4 | event[5]
                    self.seen["a slot opened anew"] += opened in self._sessions
                case "cancelled":
                    self._cancel(venue, event)
                    self.seen[f"cancelled {CANCEL_REASONS[event[REASON_AT]]}"] += 1
                case "amended":
                    self._amend(venue, event[KEY_AT])
                case "renewed":
                    self._renewal(venue, event[KEY_AT])
                case "trade":
                    self._trade(event)
                case "epoch":
                    self._epoch(event)
                case "gap_ended":
                    self.seen["gap ended"] += 1
                case "funding":
                    self.seen["funding with a premium"] += _signed(event[7:15]) != 100_000
                case "stage":
                    entered = event[5] == IN_LIQUIDATION
                    self.seen["stage 1 entered" if entered else "stage 1 left"] += 1
                case "slice":
                    self._slice(venue, event)
                case "bankrupt":
                    self._bankrupt(venue, event)
                case "tear_up":
                    tear_ups[event[1:5] + event[9:13]] += 1
                    self.seen["surplus to the fund"] += _signed(event[-16:]) > 0
                case "write_off":
                    self.seen["bad debt"] += _signed(event[-16:]) > 0
                case "fees_swept":
                    self.seen["bad debt repaid"] += _signed(event[-16:]) > 0
                case "withdrawn":
                    account = int.from_bytes(event[1:5], "big")
                    self.seen["withdrawn out of stage 3"] += self._stages.get(account) == 3
                case _:
                    pass
        self.seen["tear-up with several holders"] += any(count > 1 for count in tear_ups.values())
        for step in output.micro_ops:
            self.seen[f"step {STEPS[step[0]]}"] += 1
            if step[0] in RULES_AT:
                self.seen["improves"] += step[RULES_AT[step[0]]] & 3 != 0

    def _of_session(self, venue: Venue, what: str, encoded: bytes) -> None:
        key = int.from_bytes(encoded, "big")
        slot = slot_of(key)
        if slot:
            session = venue.settlement.sessions[account_of(key) << 4 | slot]
            self.seen[f"{what} of a session of scheme {session.scheme}"] += 1

    def _cancel(self, venue: Venue, event: bytes) -> None:
        """A cancel that a session signed, of an order of another slot."""
        key = int.from_bytes(event[KEY_AT], "big")
        if self._command[1] != 4 or CANCEL_REASONS[event[REASON_AT]] != "user":
            return
        sessions = venue.settlement.sessions
        signer = self._command[-65:-45]
        slots = [slot for slot in range(1, 16) if slot != slot_of(key)]
        leaves = [sessions.get(account_of(key) << 4 | slot) for slot in slots]
        other = any(leaf is not None and leaf.key == signer for leaf in leaves)
        self.seen["a session's cancel of another key's order"] += other

    def _amend(self, venue: Venue, key: bytes) -> None:
        self.seen["amended of a session"] += slot_of(int.from_bytes(key, "big")) != 0
        resting = venue.resting(int.from_bytes(key, "big"))
        if resting is not None and resting.filled > 0:
            self.seen["amend after a partial fill"] += 1
            self._amended.add(key)

    def _renewal(self, venue: Venue, key: bytes) -> None:
        self.seen["renewed of a session"] += slot_of(int.from_bytes(key, "big")) != 0
        leaf = venue.settlement.orders.get(int.from_bytes(key, "big"))
        self.seen["renewal of a partly filled order"] += leaf is not None and leaf.filled > 0

    def _trade(self, event: bytes) -> None:
        if event[5:17] in self._amended or event[17:29] in self._amended:
            self.seen["fill after an amend after a partial fill"] += 1

    def _epoch(self, event: bytes) -> None:
        before, held = self._held.get(int.from_bytes(event[1:3], "big"), 0), event[-1]
        self.seen["held jump"] += held > 0
        self.seen["held jump accepted after three"] += before == 2 and held == 0
        self.seen["held run given up"] += before > 0 and held == 1

    def _slice(self, venue: Venue, event: bytes) -> None:
        asked, filled = _signed(event[9:17]), _signed(event[17:25])
        self.seen["slice filled" if filled else "slice empty"] += 1
        account = venue.settlement.accounts[int.from_bytes(event[1:5], "big")]
        left = account.size_of(int.from_bytes(event[5:9], "big"))
        self.seen["slice of everything"] += asked == filled + abs(left) and filled > 0

    def _bankrupt(self, venue: Venue, event: bytes) -> None:
        account = int.from_bytes(event[1:5], "big")
        equity, payment = _signed(event[7:23]), _signed(event[-16:])
        self.seen["bankrupt out of stage 1"] += self._stages.get(account) == IN_LIQUIDATION
        self.seen["bankrupt by time"] += equity >= 0
        self.seen["fund paid"] += payment > 0
        group = venue.settlement.groups[int.from_bytes(event[5:7], "big")]
        self.seen["fund empty"] += group.fund == 0 and payment > 0

    def missing(self, required: tuple[str, ...] = REQUIRED) -> list[str]:
        """Return the required transitions that were never seen."""
        return [name for name in required if not self.seen[name]]

    def report(self) -> list[str]:
        """Return the counters as lines."""
        lines = [f"{count:>10}  {name}" for name, count in sorted(self.seen.items()) if count]
        lines.append("rules: accepted / refused")
        for rule in all_rules():
            held, failed = self.rules[rule.id, True], self.rules[rule.id, False]
            lines.append(f"{held:>10} {failed:>9}  {rule.id} {rule.name}")
        return lines


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)
