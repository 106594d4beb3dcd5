"""The corpus while it is made: pre-states, cases, and what each was written to show.

A venue case is a few commands on top of a named pre-state; a settlement case a few inputs. While
they run, the rules are traced: a case accepts the rules that held in a command that was not
refused, and refuses the rule of every refusal and every M rule that did not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from merkat.spec import messages, signatures
from merkat.spec.codec import Reader
from merkat.spec.rules import FIELDS, Rule, all_rules, tracing
from merkat.spec.settle.machine import Result, apply_input
from merkat.spec.settle.ops import Epoch, MicroOp, encode_op
from merkat.spec.settle.state import State
from merkat.spec.vectors.script import CONFIG, START_NS, Script
from merkat.spec.vectors.wallets import CurveSigner
from merkat.spec.venue.events import CommandRefused, Event, InboxRefused, decode_event
from merkat.spec.venue.machine import Output, Venue

GENESIS = "genesis"
ANYTHING = "*"
"""Instead of a rule: whether the steps are refused is what the case asks its readers."""


@dataclass(frozen=True)
class World:
    """A named pre-state, and where a script that goes on from it stands."""

    name: str
    snapshot: bytes
    log_number: int
    time_ns: int
    nonces: dict[int, int]

    @property
    def settlement(self) -> bytes:
        """The settlement part of the snapshot, its length first."""
        length = Reader(self.snapshot).u32()
        return self.snapshot[: 4 + length]


@dataclass
class Case:
    """One case as it is written to the corpus."""

    id: str
    title: str
    kind: str  # "venue" or "settlement"
    pre: str
    steps: list[dict[str, str | int]] = field(default_factory=list)
    state_root: bytes = b""
    venue_digest: bytes = b""
    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)


class CorpusError(AssertionError):
    """A case does not show what it was written to show."""


class Trace:
    """Collects the rules that one command or input meets."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._held: set[str] = set()
        self._failed: set[str] = set()

    def __call__(self, rule: Rule, held: bool) -> None:
        """Take one report of the registry's tracer."""
        (self._held if held else self._failed).add(rule.id)

    def close(self, refusals: set[int]) -> None:
        """Count what was met, given the codes with which the command or input was refused."""
        case = self._case
        case.refused |= {rule.id for rule in all_rules() if rule.code in refusals}
        if not refusals:
            case.accepted |= self._held
        case.refused |= {rule_id for rule_id in self._failed if rule_id.startswith("M-")}
        self._held, self._failed = set(), set()


def refusals_in(output: Output) -> list[tuple[int, int]]:
    """Return the (code, field) of every refusal among the events of a command."""
    found = []
    for encoded in output.events:
        event = decode_event(encoded)
        if isinstance(event, CommandRefused | InboxRefused):
            found.append((event.code, event.field))
    return found


class CaseScript(Script):
    """A script whose commands become the steps of a case."""

    def __init__(self, case: Case, world: World) -> None:
        venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
        super().__init__(venue, CurveSigner(), world.log_number, world.time_ns)
        self.nonces = dict(world.nonces)
        self.case = case
        self.refusals: list[list[tuple[int, int]]] = []

    def send(self, command: bytes) -> Output:
        """Apply a command with the rules traced, and note it as a step."""
        trace = Trace(self.case)
        with tracing(trace):
            output = super().send(command)
        refusals = refusals_in(output)
        self.refusals.append(refusals)
        trace.close({code for code, _ in refusals})
        self.case.steps.append(
            {
                "command": command.hex(),
                "log_number": self.log_number,
                "output": output.encode().hex(),
                "time_ns": self.time_ns,
            }
        )
        return output

    def last_events(self) -> list[Event]:
        """Return the decoded events of the last command."""
        return [decode_event(encoded) for encoded in self.sent[-1].output.events]


class CaseInputs:
    """A settlement machine whose inputs become the steps of a case."""

    def __init__(self, case: Case, settlement: bytes) -> None:
        self.case = case
        self.state = State.decode(CONFIG, settlement)
        self.refusals: list[list[tuple[int, int]]] = []

    def op(
        self, op: MicroOp | messages.Epoch, time_delta_ns: int = 0, log_delta: int = 1
    ) -> Result:
        """Apply a micro-op; a command's epoch becomes the step of a vector without rows."""
        if isinstance(op, messages.Epoch):
            op = Epoch(op.vector, op.signatures)
        return self.raw(encode_op(op, time_delta_ns, log_delta))

    def raw(self, op_bytes: bytes) -> Result:
        """Apply any bytes as an input (without its frame)."""
        trace = Trace(self.case)
        with tracing(trace):
            result = apply_input(self.state, op_bytes)
        refusals = [(result.code, result.field)] if result.code else []
        self.refusals.append(refusals)
        trace.close({code for code, _ in refusals})
        self.case.steps.append(
            {"code": result.code, "field": result.field, "input": op_bytes.hex()}
        )
        return result


def _check_intent(
    case: Case, steps: list[list[tuple[int, int]]], refuses: str, accepts: str, also: int
) -> None:
    """Fail unless the last step was refused as `refuses` says and the rules of `accepts` held.

    `steps` holds the (code, field) pairs of every step. `refuses` is empty, an M rule, or a rule
    and a field such as "O-04 limit_price", or ANYTHING where what comes out is the case; `accepts`
    is a list of rules; `also` counts the steps before the last that are meant to be refused.
    """
    if refuses == ANYTHING:
        return
    refusals = steps[-1]
    refused_before = sum(bool(each) for each in steps[:-1])
    if refused_before != also:
        raise CorpusError(f"{case.id}: {also} earlier refusals meant, got {steps[:-1]}")
    codes = {rule.id: rule.code for rule in all_rules()}
    if refuses.startswith("M-"):
        if refuses not in case.refused:
            raise CorpusError(f"{case.id}: {refuses} was meant to fail, failed: {case.refused}")
    elif refuses:
        rule_id, name = refuses.split()
        expected = (codes[rule_id], FIELDS[name])
        if expected not in refusals:
            raise CorpusError(f"{case.id}: expected {refuses} {expected}, got {refusals}")
    elif refusals:
        raise CorpusError(f"{case.id}: meant to be accepted, but refused: {refusals}")
    missing = set(accepts.split()) - case.accepted
    if missing:
        raise CorpusError(f"{case.id}: {sorted(missing)} did not hold; held: {case.accepted}")


class Corpus:
    """All pre-states and cases, by family."""

    def __init__(self) -> None:
        self.venue_states: dict[str, bytes] = {}
        self.settlement_states: dict[str, bytes] = {}
        self.families: dict[str, list[Case]] = {}
        self._family = self._prefix = ""
        self._ids: set[str] = set()
        genesis = Venue(CONFIG).snapshot()
        self.genesis = World(GENESIS, genesis, 0, START_NS, {})
        self.venue_states[GENESIS] = genesis

    def family(self, name: str, prefix: str = "") -> None:
        """Have the cases that follow go to this family's file, their ids behind a prefix."""
        assert name not in self.families, f"family {name} is opened twice"
        self.families[name] = []
        self._family, self._prefix = name, prefix

    def _new_case(self, case_id: str, title: str, kind: str, pre: str) -> Case:
        case_id = self._prefix + case_id
        assert case_id not in self._ids, f"case {case_id} exists already"
        self._ids.add(case_id)
        return Case(case_id, title, kind, pre)

    @contextmanager
    def venue(
        self,
        case_id: str,
        title: str,
        world: World,
        refuses: str = "",
        accepts: str = "",
        also: int = 0,
    ) -> Iterator[CaseScript]:
        """Collect a venue case; its last command must do what `refuses` and `accepts` say."""
        case = self._new_case(case_id, title, "venue", world.name)
        script = CaseScript(case, world)
        yield script
        _check_intent(case, script.refusals, refuses, accepts, also)
        case.state_root = script.venue.state_root()
        case.venue_digest = script.venue.venue_digest()
        self.families[self._family].append(case)

    @contextmanager
    def settlement(
        self,
        case_id: str,
        title: str,
        world: World,
        refuses: str = "",
        accepts: str = "",
        also: int = 0,
    ) -> Iterator[CaseInputs]:
        """Collect a settlement case on the settlement part of a pre-state."""
        case = self._new_case(case_id, title, "settlement", world.name)
        inputs = CaseInputs(case, world.settlement)
        yield inputs
        _check_intent(case, inputs.refusals, refuses, accepts, also)
        case.state_root = inputs.state.root()
        self.families[self._family].append(case)

    def world(
        self, name: str, title: str, start: World, build: Callable[[CaseScript], None]
    ) -> World:
        """Collect a case whose end becomes a named pre-state, and return that."""
        with self.venue(f"world-{name}", title, start) as script:
            build(script)
        return self.keep(name, script)

    def keep(self, name: str, script: Script) -> World:
        """Name the state that a script has reached."""
        assert name not in self.venue_states, f"pre-state {name} exists already"
        snapshot = script.venue.snapshot()
        self.venue_states[name] = snapshot
        return World(name, snapshot, script.log_number, script.time_ns, dict(script.nonces))

    def keep_settlement(self, name: str, world: World, state: State) -> World:
        """Name a settlement state that no venue command ends in, such as one within a command."""
        name = self._prefix + name
        assert name not in self.settlement_states, f"pre-state {name} exists already"
        self.settlement_states[name] = state.encode()
        return replace(world, name=name, snapshot=state.encode())
