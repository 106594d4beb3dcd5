"""The public methods and channels: what everybody may ask of a venue, over a replica of its log.

`registry` has them all; the service of the server needs what `Service` says.
"""

from merkat.api.public import (
    books,
    channels,
    charts,
    feed_book,
    feed_ticker,
    feed_trades,
    funding,
    instruments,
    summaries,
    trades,
)
from merkat.api.public.service import Service, registry

__all__ = [
    "Service",
    "books",
    "channels",
    "charts",
    "feed_book",
    "feed_ticker",
    "feed_trades",
    "funding",
    "instruments",
    "registry",
    "summaries",
    "trades",
]
