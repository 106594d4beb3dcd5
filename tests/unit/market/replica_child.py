"""A process that takes batches from a file into a replica's folder, to be killed at work.

    python -m tests.unit.market.replica_child BATCHES FOLDER SAVE_EVERY

It prints the log number after each batch, so that it can be killed at a place and not at a time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from merkat.market import Replica
from tests.unit.market.feeding import DOMAIN, give
from tests.unit.market.records import load_batches


def main(batches: Path, folder: Path, save_every: int) -> None:
    """Take every batch that the folder has not had yet."""
    sequencer, released = load_batches(batches)
    replica = Replica(DOMAIN, sequencer, folder)
    for count, batch in enumerate(released, start=1):
        give(replica, batch)
        if count % save_every == 0:
            replica.save()
        elif count % 7 == 0:
            replica.history.flush()
        print(replica.log_number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
