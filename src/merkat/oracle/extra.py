"""Optional packages: what needs them, and what to say where they are absent."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGES: Final = ("numpy", "scipy")
INSTALL: Final = "pip install 'merkat[calibration]'"


class MissingExtraError(ImportError):
    """An optional package is not installed; the message says how to install it."""


def require(packages: tuple[str, ...] = PACKAGES, install: str = INSTALL) -> None:
    """Raise MissingExtraError unless the packages are installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{', '.join(missing)}: not installed, but this part of merkat needs it: {install}"
        )
