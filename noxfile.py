"""The long runs. They use the environment of `make build`; `nox -l` lists them."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["differential", "mutants"]

PYTHON = ".venv/bin/python"
DIFFERENTIAL_COMMANDS = "10000000"


@nox.session
def differential(session: nox.Session) -> None:
    """Run ten million random commands through the engine and the specification."""
    arguments = session.posargs or ["--commands", DIFFERENTIAL_COMMANDS]
    session.run(PYTHON, "tests/differential/run.py", *arguments, external=True)


@nox.session
def mutants(session: nox.Session) -> None:
    """Check that the tests kill every planted fault."""
    arguments = session.posargs or ["--all"]
    session.run(PYTHON, "tests/mutants/run.py", *arguments, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Search for new failures: the property tests with random examples instead of fixed ones."""
    environment = {"HYPOTHESIS_PROFILE": "explore"}
    session.run(PYTHON, "-m", "pytest", "tests", *session.posargs, env=environment, external=True)


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it alone into a clean environment, and start it from elsewhere."""
    folder = Path(session.create_tmp()).resolve()
    session.run(
        PYTHON, "-m", "maturin", "build", "--release", "--out", f"{folder}/wheels", external=True
    )
    session.run(PYTHON, "-m", "venv", "--clear", f"{folder}/venv", external=True)
    python = f"{folder}/venv/bin/python"
    pip = (python, "-m", "pip", "install", "--quiet")
    session.run(*pip, "--require-hashes", "-r", "requirements/core.txt", external=True)
    session.run(
        *pip, "--no-deps", "--no-index", "--find-links", f"{folder}/wheels", "merkat", external=True
    )
    with session.chdir(folder):
        session.run(python, "-c", "import merkat._core, merkat.spec", external=True)
        session.run(f"{folder}/venv/bin/merkat", "--version", external=True)
