"""Decimals that are shown again and again: prices, amounts and fees of a market are few.

The numbers are those of merkat.api.numbers; each is made once and kept while it is used.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from merkat.api import numbers

KEPT: Final = 1 << 16

usd = lru_cache(KEPT)(numbers.usd)
coins = lru_cache(KEPT)(numbers.coins)
decimal = lru_cache(KEPT)(numbers.decimal)
whole = lru_cache(KEPT)(Decimal)
