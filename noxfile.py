"""The long runs. They use the environment of `make build`; `nox -l` lists them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tools import contracts

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["differential", "mutants"]

PYTHON = ".venv/bin/python"
DIFFERENTIAL_COMMANDS = "10000000"
DIFFERENTIAL_OPTION_COMMANDS = "3000000"


@nox.session
def differential(session: nox.Session) -> None:
    """Run ten million random commands, and three of dated contracts, through both readers."""
    runs = [["--commands", DIFFERENTIAL_COMMANDS]]
    runs.append(["--commands", DIFFERENTIAL_OPTION_COMMANDS, "--options"])
    for arguments in [session.posargs] if session.posargs else runs:
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
def chain(session: nox.Session) -> None:
    """Put the chain suites through many schedules of faults between merkat and anvil."""
    session.run(PYTHON, "tools/contracts.py", "install", external=True)
    environment = {"MERKAT_CHAIN_SCHEDULES": "300"}
    suites = ("chain", "test_inbox.py", "test_custody.py", "test_on_chains.py")
    paths = [f"tests/unit/settlement/{suite}" for suite in suites]
    session.run(PYTHON, "-m", "pytest", *paths, *session.posargs, env=environment, external=True)


@nox.session
def kill(session: nox.Session) -> None:
    """Kill client, gateway and venue at fifty points under load; MERKAT_KILL_SEED moves them."""
    environment = {"MERKAT_KILL_POINTS": "50"}
    arguments = ("-s", "tests/scenarios/test_kill.py", *session.posargs)
    session.run(PYTHON, "-m", "pytest", *arguments, env=environment, external=True)


@nox.session
def conformance(session: nox.Session) -> None:
    """Let clients that others wrote trade on a running demo, and follow the newcomers' pages."""
    session.run(PYTHON, "-m", "pytest", "tests/conformance", *session.posargs, external=True)


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


@nox.session(venv_backend="venv")
def slither(session: nox.Session) -> None:
    """Search the contracts for known weaknesses; each finding that stays is explained in place."""
    _contract_tool(session, "slither")
    environment = {"PATH": _path_with_forge(session), "FOUNDRY_PROFILE": "slither"}
    paths = ("--filter-paths", "node_modules|test|script", "--foundry-out-directory", "out/slither")
    with session.chdir("contracts"):
        session.run("slither", ".", *paths, *session.posargs, env=environment)


@nox.session(venv_backend="venv")
def halmos(session: nox.Session) -> None:
    """Prove the vault's properties for every input, and see the canaries refuted."""
    _contract_tool(session, "halmos")
    environment = {"PATH": _path_with_forge(session)}
    bounds = ("--loop", "32", "--solver-timeout-assertion", "300000")
    command = ("halmos", "--contract", "CustodyHalmos", *bounds)
    canaries = ("pay_both", "changes_the_minimum", "pays_in")
    with session.chdir("contracts"):
        session.run(*command, "--function", "check_", *session.posargs, env=environment)
        for canary in canaries:
            arguments = ("--match-test", f"^canary_.*{canary}")
            # 1: halmos has found a counterexample. Anything else means that it reaches nothing.
            session.run(*command, *arguments, env=environment, success_codes=[1])


def _contract_tool(session: nox.Session, name: str) -> None:
    """Install a checker of contracts into the session's own environment, and forge for it."""
    session.run("python", "tools/contracts.py", "install")
    session.install("--require-hashes", "-r", f"requirements/{name}.txt")


def _path_with_forge(session: nox.Session) -> str:
    """Return a PATH on which the checkers find the session's programs and the native forge."""
    forge = contracts.forge_path().parent
    return os.pathsep.join([session.bin, str(forge), os.environ["PATH"]])
