"""A child of the supervisor: one `merkat` command in a process that ends when its parent does.

The parent holds the other end of standard input. When it is gone, however it ended, that end is
closed: this process then asks itself to stop, and after a grace time it is stopped.

    python -m merkat.cli._child up --data DIR ...
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Final

GRACE_S: Final = 6.0


def _follow_parent() -> None:
    """Wait until the parent's end of standard input is closed, then end this process."""
    while os.read(0, 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def main() -> None:
    """Run the command of the process's arguments."""
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    from merkat.cli import main as merkat

    sys.argv[0] = "merkat"
    merkat()


if __name__ == "__main__":
    main()
