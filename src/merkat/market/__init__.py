"""What one knows of a venue from its sequenced log: a verified replica, its view, its history."""

from merkat.market.history import History, HistoryError
from merkat.market.outcomes import Outcome, Refusal
from merkat.market.replica import Replica, ReplicaError
from merkat.market.view import View

__all__ = [
    "History",
    "HistoryError",
    "Outcome",
    "Refusal",
    "Replica",
    "ReplicaError",
    "View",
]
