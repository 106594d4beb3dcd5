"""`venue.json` of a data folder: which venue its journal belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from merkat.sdk.keys import Domain

NAME: Final = "venue.json"


class VenueFileError(Exception):
    """A data folder's venue.json is absent or not one; the message says what to do."""


def write(directory: Path, domain: Domain) -> None:
    """Write the venue's parameters into a new data folder."""
    content = {
        "chain_id": domain.chain_id,
        "verifying_contract": "0x" + domain.verifying_contract.hex(),
        "salt": "0x" + domain.salt.hex(),
    }
    (directory / NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(directory: Path) -> Domain:
    """Return the venue's parameters. Raises VenueFileError."""
    path = directory / NAME
    if not directory.is_dir():
        raise VenueFileError(f"{directory}: no such folder; expected a data folder of merkat flow")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Domain(
            int(content["chain_id"]),
            bytes.fromhex(content["verifying_contract"].removeprefix("0x")),
            bytes.fromhex(content["salt"].removeprefix("0x")),
        )
    except FileNotFoundError:
        raise VenueFileError(
            f"{path}: absent; expected a data folder that `merkat flow --data` has written"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VenueFileError(
            f"{path}: not a venue file ({error}); expected chain_id, verifying_contract and salt"
        ) from error
