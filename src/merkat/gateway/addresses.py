"""The addresses of a venue from any one of them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

LINK_PATH: Final = "/ws/link"
API_PATH: Final = "/ws/api/v2"
CHAIN_PATH: Final = "/chain"
_WEB: Final = {"ws": "http", "wss": "https"}
_SOCKET: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class AddressError(ValueError):
    """A text that is no address of a venue."""


def link_url(venue: str) -> str:
    """Return the address of the link, ws://host:port/ws/link. Raises AddressError."""
    parts = urlsplit(venue if "://" in venue else f"ws://{venue}")
    scheme = _SOCKET.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise AddressError(f"--venue: {venue!r}, expected ws://host:port{LINK_PATH}")
    return urlunsplit((scheme, parts.netloc, LINK_PATH, "", ""))


def api_url(link: str) -> str:
    """Return the address of the venue's own methods, ws://host:port/ws/api/v2."""
    return urlunsplit(urlsplit(link)._replace(path=API_PATH))


def chain_url(link: str) -> str:
    """Return the address of the venue's chain, http://host:port/chain."""
    parts = urlsplit(link)
    return urlunsplit((_WEB[parts.scheme], parts.netloc, CHAIN_PATH, "", ""))
