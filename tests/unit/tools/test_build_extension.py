"""The build of the extension finds cargo's library and replaces the installed one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.build_extension import BuildError, install, library_from_messages


def artifact(target: str, *filenames: str) -> str:
    """Return cargo's message for one built target."""
    message = {
        "reason": "compiler-artifact",
        "target": {"name": target},
        "filenames": list(filenames),
    }
    return json.dumps(message)


def test_the_library_of_the_bindings_is_found() -> None:
    lines = [
        artifact("merkat_values", "/t/libmerkat_values.rlib"),
        artifact("_core", "/t/lib_core.so"),
        json.dumps({"reason": "build-finished", "success": True}),
    ]
    assert library_from_messages(lines) == Path("/t/lib_core.so")


def test_messages_without_the_library_are_an_error() -> None:
    lines = [artifact("pyo3_macros", "/t/libpyo3_macros.so"), artifact("_core", "/t/lib_core.rlib")]
    with pytest.raises(BuildError, match="cdylib named _core"):
        library_from_messages(lines)


def test_a_changed_library_replaces_the_installed_file_as_a_new_one(tmp_path: Path) -> None:
    library, extension = tmp_path / "lib_core.so", tmp_path / "_core.abi3.so"
    library.write_bytes(b"one")
    assert install(library, extension), "the first build must be installed"
    assert not install(library, extension), "the same bytes need no second copy"
    before = extension.stat().st_ino
    library.write_bytes(b"two")
    assert install(library, extension), "new bytes must be installed"
    assert extension.read_bytes() == b"two"
    assert extension.stat().st_ino != before, "a mapped file must be replaced, not overwritten"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_core.abi3.so", "lib_core.so"]
