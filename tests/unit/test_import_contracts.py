"""The import contracts that import-linter cannot see: compiled modules, standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SPECIFICATION = ROOT / "src" / "merkat" / "spec"
KECCAK_WHEEL = "sha3"
# Of the standard library, what would bring clocks, randomness, threads or the network into the
# state machine, or hide an import from this test.
BANNED_STANDARD_MODULES = frozenset(
    {
        "asyncio",
        "concurrent",
        "importlib",
        "multiprocessing",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "threading",
        "time",
    }
)


def imported_modules(source: str, package: str) -> set[str]:
    """Return the full names of all modules that a source text of `package` may import.

    `from a import b` counts as both `a` and `a.b`: `b` may be a module.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parents = parts[: len(parts) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            found.add("importlib")
    return found


def breaches_of_specification(source: str, package: str) -> list[str]:
    """Return the modules that a source text imports and the specification must not."""

    def allowed(module: str) -> bool:
        top = module.partition(".")[0]
        if top == "merkat":
            # `from merkat import spec` names the bare package too; that alone brings nothing in.
            return module == "merkat" or f"{module}.".startswith("merkat.spec.")
        if top == KECCAK_WHEEL:
            return True
        return top in sys.stdlib_module_names and top not in BANNED_STANDARD_MODULES

    return sorted(module for module in imported_modules(source, package) if not allowed(module))


def package_of(path: Path) -> str:
    """Return the dotted name of the package that a source file below src/ belongs to."""
    return ".".join(path.relative_to(ROOT / "src").parent.parts)


def test_specification_imports_only_the_standard_library_and_the_keccak_wheel() -> None:
    files = sorted(SPECIFICATION.rglob("*.py"))
    assert files, f"no source file under {SPECIFICATION}: the contract would hold for nothing"
    breaches = {
        str(path.relative_to(ROOT)): found
        for path in files
        if (found := breaches_of_specification(path.read_text("utf-8"), package_of(path)))
    }
    assert not breaches, (
        f"merkat.spec may import only {KECCAK_WHEEL} and the standard library "
        f"without {sorted(BANNED_STANDARD_MODULES)}; found {breaches}"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import merkat._core", "merkat._core"),
        ("from merkat import _core", "merkat._core"),
        ("from .. import _core", "merkat._core"),
        ("from ..sequencer import book", "merkat.sequencer"),
        ("import merkat.specious", "merkat.specious"),
        ("def late():\n    import rich", "rich"),
        ("import time", "time"),
        ("from random import choice", "random"),
        ("__import__('rich')", "importlib"),
    ],
)
def test_canary_a_forbidden_import_is_found(source: str, expected: str) -> None:
    breaches = breaches_of_specification(source, "merkat.spec")
    assert expected in breaches, f"{source!r} must be a breach, but only {breaches} was found"


@pytest.mark.parametrize(
    "source",
    [
        "import dataclasses, enum, sha3",
        "from collections.abc import Iterable",
        "from . import values",
        "from .values import Price",
        "from merkat import spec",
        "from merkat.spec.values import Price",
    ],
)
def test_an_allowed_import_is_no_breach(source: str) -> None:
    breaches = breaches_of_specification(source, "merkat.spec")
    assert not breaches, f"{source!r} is allowed, but {breaches} was reported"
