"""What the commands share: exit codes, errors with a code, and the last line of `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

GOOD: Final = 0
CHECK_SAID_NO: Final = 1
USAGE: Final = 2
REFUSED_INPUT: Final = 3
ENVIRONMENT: Final = 4


class CommandError(Exception):
    """A command cannot go on; the message says what was wrong and what to do."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def refused(message: str) -> CommandError:
    """Return the error of an input that cannot be taken (exit code 3)."""
    return CommandError(REFUSED_INPUT, message)


def usage(message: str) -> CommandError:
    """Return the error of arguments that do not fit together (exit code 2)."""
    return CommandError(USAGE, message)


def digest(value: bytes) -> str:
    """Return a digest as the contract wants it: a 0x string."""
    return "0x" + value.hex()


def print_json(value: Mapping[str, object]) -> None:
    """Print one JSON object on one line: the last line of a command with `--json`."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def guarded(body: Callable[[], int]) -> int:
    """Run a command's body and turn its errors into a message and an exit code."""
    try:
        return body()
    except CommandError as error:
        message, code = str(error), error.exit_code
    except OSError as error:
        if error.errno is None:
            # The journal's errors: their text is whole, with file and offset.
            from merkat import _core

            refuses = isinstance(error, _core.JournalRefusedError)
            sys.stderr.write(f"merkat: {str(error) or repr(error)}\n")
            return REFUSED_INPUT if refuses else ENVIRONMENT
        name = f"{error.filename}: " if error.filename else ""
        message, code = f"{name}{error.strerror or error}", ENVIRONMENT
    except KeyboardInterrupt:
        message, code = "interrupted", ENVIRONMENT
    sys.stderr.write(f"merkat: {message}\n")
    return code
