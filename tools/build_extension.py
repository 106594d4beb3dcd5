"""Builds `merkat._core` with cargo and puts it beside the Python sources.

`maturin develop` would set variables of its own for cargo, and every switch between it and
`cargo test` would compile the bindings again. Plain cargo with the profile and settings of the
workspace shares one build with the tests. maturin still makes the wheels.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "merkat-python"
# The stable ABI: one file for every Python from 3.11 on.
EXTENSION = ROOT / "src" / "merkat" / "_core.abi3.so"
COMMAND = (
    "cargo",
    "build",
    "--release",
    "--package",
    PACKAGE,
    "--message-format",
    "json-render-diagnostics",
)


class BuildError(Exception):
    """The extension could not be built; the message says what to do."""


def library_from_messages(lines: list[str]) -> Path:
    """Return the shared library that cargo's JSON messages (one a line) report for the bindings.

    Raises BuildError where the messages name no such library.
    """
    for line in reversed(lines):
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact" or message["target"]["name"] != "_core":
            continue
        for name in message["filenames"]:
            if name.endswith((".so", ".dylib")):
                return Path(name)
    raise BuildError(
        f"cargo built {PACKAGE} but reported no shared library; expected a cdylib named _core: "
        "see [lib] in crates/python/Cargo.toml"
    )


def install(library: Path, extension: Path) -> bool:
    """Copy the library to the extension's place unless the same bytes are there; True if copied.

    The old file is replaced, never written into: a running process keeps the one it has mapped.
    """
    if extension.exists() and extension.read_bytes() == library.read_bytes():
        return False
    fresh = extension.with_name(extension.name + f".{os.getpid()}.new")
    shutil.copyfile(library, fresh)
    fresh.replace(extension)
    return True


def main() -> int:
    """Build and install the extension; returns the exit status."""
    if shutil.which("cargo") is None:
        print(
            "build_extension: cargo was not found on PATH; install Rust 1.95 or newer",
            file=sys.stderr,
        )
        return 1
    built = subprocess.run(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        print(f"build_extension: cargo failed with status {built.returncode}", file=sys.stderr)
        return 1
    try:
        copied = install(library_from_messages(built.stdout.splitlines()), EXTENSION)
    except BuildError as error:
        print(f"build_extension: {error}", file=sys.stderr)
        return 1
    state = "installed" if copied else "up to date"
    print(f"merkat._core: {state} ({EXTENSION.relative_to(ROOT)})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
