"""Opening a venue over its data folder: set up from a scene, or gone on with where it ended."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from merkat import _core
from merkat.market.rules import RULE_NAMES, field_name, rule_id
from merkat.sdk import commands
from merkat.sdk.keys import Domain
from merkat.sdk.layouts import decode_output, micro_ops_of, split_outputs
from merkat.sequencer.admission import Command, frame
from merkat.sequencer.pipeline import READ_BYTES, Sequencer
from merkat.settlement.custody import Custody
from merkat.venue.clock import SECOND_NS, Clock, VirtualClock, WallClock
from merkat.venue.folder import READY, FolderError, Settings, VenueFolder
from merkat.venue.scene import SceneError, VenueScene, parse_scene, read_scene
from merkat.venue.signers import Signers

# A new segment is written over its whole length: a small one lets a venue start quickly.
SEGMENT_BYTES: Final = 16 << 20
SET_UP_COMMANDS: Final = 1_024
_INBOX_REFUSED: Final = 28
# Rules of items do not depend on the domain.
_ANY_DOMAIN: Final = Domain(1, bytes(20), bytes(32))

_log = structlog.get_logger("merkat.venue")


@dataclass(frozen=True, slots=True)
class Opened:
    """A venue that is ready to run."""

    directory: Path  # of the journal
    sequencer: Sequencer
    custody: Custody
    signers: Signers
    clock: Clock
    secret: bytes
    settings: Settings
    owners: frozenset[bytes]
    resumed: bool


def open_venue(
    folder: VenueFolder, scene: Path | None, settings: Settings, seed: int | None
) -> Opened:
    """Open a folder's venue.

    Args:
        scene: of the first start.
        settings: of the first start; a later one may repeat them or leave them at their defaults.
        seed: derives the sequencer's key; None draws one.

    Raises:
        FolderError, SceneError, ClockError, ChainError, JournalError: it cannot be opened.
    """
    state = folder.state()
    if state == READY:
        if scene is not None:
            raise FolderError(
                f"{folder.directory}: is set up already; leave --scene out to go on with it"
            )
        return _resume(folder, _agreed(folder, settings))
    if state is None:
        if scene is None:
            raise FolderError(f"{folder.directory}: is new; name a --scene to set it up with")
        check(read_scene(scene), time.time_ns())  # refused before anything is written
        folder.begin(settings, scene.read_bytes(), seed)
    else:
        _log.warning("set_up_again", reason="the last one was interrupted before it was ready")
        settings = _agreed(folder, settings)
    folder.begin_again()
    kept = parse_scene(folder.scene.read_bytes())
    start_ns = time.time_ns() if kept.start_ns is None else kept.start_ns
    opened = _set_up(folder, kept, settings, start_ns)
    folder.finish(settings, start_ns)
    return opened


def check(scene: VenueScene, now_ns: int) -> None:
    """Try a scene on an engine of its own. Raises SceneError where a rule refuses a part of it."""
    placed = scene.placed_items()
    start_ns = now_ns if scene.start_ns is None else scene.start_ns
    taken = [
        Command(start_ns, commands.inbox(index, item)) for index, (_, item) in enumerate(placed)
    ]
    engine = _core.Engine(*_ANY_DOMAIN.parts)
    for number, encoded in split_outputs(engine.apply(frame(1, taken), None)):
        for event in decode_output(encoded).events:
            if event[0] == _INBOX_REFUSED:
                code, field = int.from_bytes(event[9:11], "big"), field_name(event[11])
                raise SceneError(
                    f"{placed[number - 1][0]}: refused by rule {rule_id(code)} "
                    f"({RULE_NAMES.get(code, code)}), field {field}; see docs/spec/rules.md"
                )


def _agreed(folder: VenueFolder, asked: Settings) -> Settings:
    """Return the folder's settings. Raises FolderError where others are asked for."""
    kept = folder.settings()
    for flag, has, wants in (
        ("--virtual-clock", kept.virtual_clock, asked.virtual_clock),
        ("--demo", kept.demo, asked.demo),
    ):
        if wants and not has:
            raise FolderError(f"{folder.directory}: was set up without {flag}; leave it out")
    return kept


def _set_up(folder: VenueFolder, scene: VenueScene, settings: Settings, start_ns: int) -> Opened:
    """Make chain and contracts, bring the scene through timelock and Vault, take its items."""
    started_s = time.perf_counter()
    custody = Custody.create(
        folder.chain,
        start_ns,
        minimum_deposit=scene.limits.new_account_minimum,
        slot_s=settings.block_seconds,
        as_service=True,
    )
    owners = frozenset(deposit.owner for deposit in scene.deposits)
    if settings.demo:
        for owner in sorted(owners):
            custody.make_known(owner)
    taken = custody.set_up(scene.items())
    secret, signers = folder.secret(), Signers()
    sequencer = Sequencer.create(folder.venue, custody.domain, secret, SEGMENT_BYTES)
    for at in range(0, len(taken), SET_UP_COMMANDS):
        part = [Command(start_ns, item) for item in taken[at : at + SET_UP_COMMANDS]]
        refusals = sequencer.submit(part)
        assert not refusals, "what the Inbox holds is well-formed"
        for released in sequencer.release(wait=True):
            custody.released(released)
            signers.take(released.batch, released.outputs)
    clock: Clock = VirtualClock(start_ns) if settings.virtual_clock else WallClock(start_ns)
    seconds = round(time.perf_counter() - started_s, 3)
    _log.info("set_up", groups=len(scene.groups), accounts=len(owners), seconds=seconds)
    return Opened(
        folder.venue, sequencer, custody, signers, clock, secret, settings, owners, resumed=False
    )


def _resume(folder: VenueFolder, settings: Settings) -> Opened:
    """Go on where journal and chain end; the committer catches up with the journal."""
    started_s = time.perf_counter()
    secret = folder.secret()
    with contextlib.ExitStack() as stack:
        sequencer = Sequencer.resume(folder.venue, secret, SEGMENT_BYTES)
        stack.callback(sequencer.close)
        if sequencer.journal.recovery_message:
            _log.warning("journal_recovered", message=sequencer.journal.recovery_message)
        last_ns = sequencer.engine.time_ns
        clock: Clock = VirtualClock(last_ns) if settings.virtual_clock else WallClock(last_ns)
        custody = Custody.resume(folder.chain, slot_s=settings.block_seconds, as_service=True)
        stack.callback(custody.close)
        if custody.chain.recovery_message:
            _log.warning("chain_recovered", message=custody.chain.recovery_message)
        signers = catch_up(custody, sequencer.journal, sequencer.domain)
        # The slots go on as if nothing had been; on a wall clock, without those that nobody was
        # there for.
        custody.next_ns = next_slot(folder.start_ns(), settings.block_seconds, clock.now_ns())
        owners = frozenset(one.owner for one in parse_scene(folder.scene.read_bytes()).deposits)
        if settings.demo:
            custody.known_already(owners)
        stack.pop_all()
    seconds = round(time.perf_counter() - started_s, 3)
    _log.info("resumed", log_number=sequencer.log_number, seconds=seconds)
    return Opened(
        folder.venue, sequencer, custody, signers, clock, secret, settings, owners, resumed=True
    )


def next_slot(start_ns: int, block_seconds: int, now_ns: int) -> int:
    """Return the first slot of a block that is after a time."""
    slot_ns = block_seconds * SECOND_NS
    return start_ns + ((now_ns - start_ns) // slot_ns + 1) * slot_ns


def catch_up(custody: Custody, journal: _core.Journal, domain: Domain) -> Signers:
    """Hand every answer of a journal to a resumed custody, by way of a second engine.

    Returns who may sign then.
    """
    signers = Signers()
    engine = _core.Engine(*domain.parts)
    head, _ = journal.head()
    while engine.log_number < head:
        batch = journal.read(engine.log_number + 1, READ_BYTES)
        outputs = engine.apply(batch, None)
        custody.take_micro_ops(micro_ops_of(outputs))
        signers.take(batch, outputs)
    custody.catch_up_with_inbox()
    return signers
