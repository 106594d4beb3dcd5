"""The optional packages that calibration needs, and what to say where they are absent."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGES: Final = ("numpy", "scipy")


class MissingExtraError(ImportError):
    """A package of an extra is not installed; the message says how to install it."""


def require(packages: tuple[str, ...] = PACKAGES, extra: str = "calibration") -> None:
    """Raise MissingExtraError unless the packages are installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{', '.join(missing)}: not installed; this part of merkat needs the extra "
            f"{extra!r}: pip install 'merkat[{extra}]'"
        )
