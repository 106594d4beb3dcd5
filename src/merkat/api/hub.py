"""Who waits for which topic: `wake` tells them that there is something to collect."""

from __future__ import annotations

from collections.abc import Iterable

from merkat.api.feeds import Topic


class Hub:
    """All subscriptions of a server, by topic."""

    def wake(self, topics: Iterable[Topic]) -> None:
        """Let every feed of these topics be collected. Call in the server's loop; cheap."""
        raise NotImplementedError
