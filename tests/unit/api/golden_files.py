"""Descriptions that people have read, as files, and how they are written anew.

After a change that is meant: `.venv/bin/python -m tests.unit.api.golden_files`, then read the
difference. The OpenAPI document of the whole is long, so its file has a hash of it and what clients
depend on most: methods and the names of their parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from merkat.api.describe import openapi, openrpc
from merkat.api.public import registry as public
from merkat.api.registry import Registry
from merkat.api.session import registry as session
from merkat.gateway.methods import registry as private
from merkat.gateway.methods.waiting import registry as waiting
from merkat.venue.methods import registry as venue
from tests.unit.api.small_server import registry as small

FOLDER: Final = Path(__file__).parent
GOLDEN: Final = FOLDER / "golden"


def whole() -> Registry:
    """Return everything that a gateway answers, what it hands on to its venue included."""
    registry = Registry()
    for part in (session, public, private, waiting):
        registry.merge(part)
    own = {name: method for name, method in venue.methods.items() if name.startswith("venue/")}
    registry.merge(Registry(own))
    return registry


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as JSON has it, without the version."""
    document["info"].pop("version")
    found: dict[str, Any] = json.loads(json.dumps(document))
    return found


def short(document: dict[str, Any]) -> dict[str, Any]:
    """Return a hash of an OpenAPI document, and its methods with the names of their parameters."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "methods": {
            path.removeprefix("/"): " ".join(
                item["name"] + ("" if item["required"] else "?") for item in of["get"]["parameters"]
            )
            for path, of in document["paths"].items()
        },
    }


FILES: Final[dict[Path, Callable[[], dict[str, Any]]]] = {
    FOLDER / "golden_openapi.json": lambda: plain(openapi(small)),
    FOLDER / "golden_openrpc.json": lambda: plain(openrpc(small)),
    GOLDEN / "openapi.json": lambda: short(plain(openapi(whole()))),
    GOLDEN / "openrpc.json": lambda: plain(openrpc(whole())),
}


def write() -> None:
    """Write all files anew."""
    for path, make in FILES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
