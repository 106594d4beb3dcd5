"""The link between a venue and those who sign: frames, and the client that speaks them.

Normative tables: docs/spec/link.md.
"""

from merkat.link.client import LinkBusyError, LinkClient, LinkClosedError
from merkat.link.frames import Answer, FrameError, Hello, ReleasedFrame

__all__ = [
    "Answer",
    "FrameError",
    "Hello",
    "LinkBusyError",
    "LinkClient",
    "LinkClosedError",
    "ReleasedFrame",
]
