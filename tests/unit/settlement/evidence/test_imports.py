"""The verifier stands alone: what made the evidence takes no part in judging it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_import_contracts import KECCAK_WHEEL, imported_modules

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = "merkat.settlement.evidence"
FOLDER = ROOT / "src" / Path(*PACKAGE.split("."))
SHELL = {"writer.py", "dumping.py"}  # they make evidence, and need what it is made from


def breaches(source: str) -> list[str]:
    """The modules that a source text of the verifier imports and must not."""

    def allowed(module: str) -> bool:
        own = (f"{PACKAGE}.", "merkat.spec.")
        if f"{module}.".startswith(own):
            return f"{module.removeprefix(f'{PACKAGE}.').partition('.')[0]}.py" not in SHELL
        return module.partition(".")[0] in sys.stdlib_module_names

    return sorted(module for module in imported_modules(source, PACKAGE) if not allowed(module))


def test_the_verifier_imports_only_the_specification_and_the_standard_library() -> None:
    files = sorted(path for path in FOLDER.glob("*.py") if path.name not in SHELL)
    assert FOLDER / "verify.py" in files, f"no verifier under {FOLDER}: this would hold for nothing"
    found = {path.name: bad for path in files if (bad := breaches(path.read_text("utf-8")))}
    assert not found, f"only merkat.spec and the standard library are allowed: {found}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from merkat import _core", "merkat._core"),
        ("import merkat.sdk.keys", "merkat.sdk.keys"),
        ("from merkat.settlement import batch", "merkat.settlement.batch"),
        ("from ..batch import decode", "merkat.settlement.batch"),
        ("from .writer import write_evidence", f"{PACKAGE}.writer"),
        ("from merkat.settlement.evidence import dumping", f"{PACKAGE}.dumping"),
        ("def late():\n    import rich", "rich"),
        ("from merkat.specious import x", "merkat.specious"),
    ],
)
def test_canary_a_forbidden_import_is_found(source: str, expected: str) -> None:
    assert expected in breaches(source), f"{source!r} must be a breach"


LOADED = """
import sys
before = set(sys.modules)
import merkat.settlement.evidence.verify
{canary}
allowed = ("merkat.spec", "merkat.settlement.evidence")
loaded = [name for name in set(sys.modules) - before if name.split(".")[0] not in
          sys.stdlib_module_names and not name.startswith(allowed)]
print(",".join(sorted(set(loaded))))
"""


@pytest.mark.parametrize("canary", ["", "import merkat.settlement.batch"])
def test_nothing_else_is_loaded_with_it(canary: str) -> None:
    """What the imports import in turn, packages above included."""
    program = LOADED.format(canary=canary)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    modules = set(result.stdout.strip().split(","))
    expected = {"merkat", "merkat.settlement", KECCAK_WHEEL, "_pysha3"}
    if canary:
        assert modules - expected == {"merkat.settlement.batch"}, "the canary must be seen"
    else:
        assert modules <= expected, f"loading the verifier brought in {modules - expected}"
