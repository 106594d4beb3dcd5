"""The store of intents: durable over a kill, found by label and key, one gateway a folder."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from merkat.gateway import intents
from merkat.gateway.intents import (
    FILE_NAME,
    KEPT_NS,
    LOCK_NAME,
    Fate,
    Intent,
    IntentStore,
    IntentStoreError,
    TimeInForce,
)
from merkat.sdk.commands import AMEND, PLACE, order_key

NOW_NS = 1_760_000_000_000_000_000


def intent(nonce: int = 1, label: str = "", kind: int = PLACE, created_ns: int = NOW_NS) -> Intent:
    return Intent(
        account=1,
        slot=2,
        client_id="maker",
        kind=kind,
        nonce=nonce,
        key=order_key(1, NOW_NS, nonce, 2),
        expiry_ns=NOW_NS + 1,
        command=b"\x01\x01" + nonce.to_bytes(8, "big"),
        created_ns=created_ns,
        label=label,
        asked=f"asked {nonce}",
        time_in_force=TimeInForce.GOOD_TIL_DAY,
        reduce_only=True,
    )


def test_everything_of_an_intent_comes_back(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    first, second = intent(1, "a"), intent(2)
    store.write([first, second], [])
    store.close()
    store = IntentStore(tmp_path)
    found = store.unsettled()
    names = Intent.__slots__
    for kept, read in zip([first, second], found, strict=True):
        assert {n: getattr(kept, n) for n in names} == {n: getattr(read, n) for n in names}
    third = intent(3)
    store.write([third], [])
    assert third.row > second.row, "rows go on after a start"
    store.close()


def test_settled_intents_are_no_longer_unsettled(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    first, second = intent(1, "a"), intent(2)
    store.write([first, second], [])
    first.fate, first.log_number = Fate.DONE, 77
    store.write([], [first])
    assert [one.nonce for one in store.unsettled()] == [2]
    [read] = store.by_label(1, "a")
    assert (read.fate, read.log_number) == (Fate.DONE, 77)
    store.close()


def test_labels_are_found_again_by_the_next_start(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    store.write([intent(number, f"label {number}") for number in range(1, 200)], [])
    store.close()
    store = IntentStore(tmp_path)
    for number in range(1, 200):
        assert [one.nonce for one in store.by_label(1, f"label {number}")] == [number]
    assert store.by_label(1, "label 200") == []
    store.close()


def test_more_labels_than_are_read_in_are_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intents, "LABELS_MAX", 3)
    store = IntentStore(tmp_path)
    store.write([intent(number, f"label {number}") for number in range(1, 10)], [])
    store.close()
    store = IntentStore(tmp_path)
    found = [store.by_label(1, f"label {number}") for number in range(1, 10)]
    assert [[one.nonce for one in some] for some in found] == [[n] for n in range(1, 10)]
    store.close()


def test_labels_are_those_of_an_account_and_an_empty_one_finds_nothing(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    store.write([intent(1, "a"), intent(2, "b"), intent(3, "a"), intent(4)], [])
    assert [one.nonce for one in store.by_label(1, "a")] == [3, 1]
    assert store.by_label(2, "a") == []
    assert store.by_label(1, "") == []
    store.close()


def test_a_key_finds_the_order_not_its_amendment(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    order = intent(1, "a")
    amendment = intent(2, kind=AMEND)
    amendment.key = order.key
    store.write([order, amendment], [])
    found = store.by_key(order.key)
    assert found is not None
    assert found.label == "a"
    assert store.by_key(bytes(12)) is None
    store.close()


def test_ceilings_only_rise(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    assert store.ceiling(1, 2) == 0
    store.reserve(1, 2, 10)
    store.reserve(1, 2, 5)
    assert store.ceiling(1, 2) == 10
    assert store.ceiling(1, 3) == 0
    store.close()


def test_a_failed_write_leaves_nothing_of_it(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    broken = intent(2)
    broken.nonce = "no number"  # type: ignore[assignment]  # the column refuses it
    with pytest.raises(sqlite3.Error):
        store.write([intent(1), broken], [])
    assert store.unsettled() == []
    store.write([intent(3)], [])
    assert [one.nonce for one in store.unsettled()] == [3]
    store.close()


def test_old_settled_intents_are_pruned_and_open_ones_never(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    old, open_one, new = intent(1), intent(2), intent(3, created_ns=NOW_NS + KEPT_NS)
    store.write([old, open_one, new], [])
    old.fate = new.fate = Fate.REFUSED
    store.write([], [old, new])
    assert store.prune(NOW_NS + KEPT_NS + 1) == 1
    assert store.by_key(old.key) is None
    assert store.by_key(open_one.key) is not None
    assert store.by_key(new.key) is not None
    store.close()


def test_two_gateways_cannot_share_a_folder(tmp_path: Path) -> None:
    store = IntentStore(tmp_path)
    with pytest.raises(IntentStoreError, match="another gateway"):
        IntentStore(tmp_path)
    store.close()
    IntentStore(tmp_path).close()


def test_a_file_of_something_else_is_refused_and_the_folder_stays_free(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    with pytest.raises(IntentStoreError, match="damaged"):
        IntentStore(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    IntentStore(tmp_path).close()
    assert (tmp_path / LOCK_NAME).exists()


WRITER = """
import sys
from pathlib import Path
from tests.unit.gateway.test_intents import intent
from merkat.gateway.intents import IntentStore
store = IntentStore(Path(sys.argv[1]))
nonce = 0
while True:
    nonce += 1
    store.write([intent(nonce, "x")], [])
    print(nonce, flush=True)
"""


def test_what_was_written_survives_a_kill_of_the_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = [int(process.stdout.readline()) for _ in range(200)]
    finally:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
    said += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    store = IntentStore(tmp_path)
    kept = {one.nonce for one in store.unsettled()}
    store.close()
    assert set(said) <= kept, f"lost after the kill: {sorted(set(said) - kept)[:5]}"
