"""Installs, builds and tests the contracts, and keeps their compiled artifacts.

    python tools/contracts.py install            npm packages of contracts/package-lock.json
    python tools/contracts.py build              compile everything
    python tools/contracts.py test [ARGUMENT..]  format, lints, suites, gas and access snapshots
    python tools/contracts.py artifacts          compile the sources afresh, write the artifacts
    python tools/contracts.py artifacts --check  compile afresh, compare; writes nothing
    python tools/contracts.py snapshots          write the gas and access snapshots anew
    python tools/contracts.py check              install, test, artifacts --check

The exit status is 1 when anything failed. Needs node and npm. forge is the native program inside
its npm platform package: the launcher of the package `@foundry-rs/forge` exits 0 when tests fail.
Only the standard library is used, so that it runs before there is a virtual environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ARTIFACTS = ROOT / "src" / "merkat" / "settlement" / "artifacts"
BUILT = CONTRACTS / "out" / "artifacts"
GAS = CONTRACTS / "test" / "snapshots" / "gas" / "custody.json"

SHIPPED = ("Anchor", "Custody", "Inbox", "Roles", "TestToken", "TimelockController", "Vault")
CODE_BYTES_MAX = 24_576  # EIP-170
INITCODE_BYTES_MAX = 49_152  # EIP-3860
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
SUMMARY = re.compile(r"(\d+) tests? passed, (\d+) failed, (\d+) skipped")


class ContractsError(Exception):
    """A step failed; the message says what to do."""


def forge_path(contracts: Path = CONTRACTS) -> Path:
    """Return the native forge of this machine; ContractsError where it is not installed."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    name = f"forge-{sys.platform}-{architecture}"
    path = contracts / "node_modules" / "@foundry-rs" / name / "bin" / "forge"
    if not path.is_file():
        raise ContractsError(
            f"{path} is absent; run `python tools/contracts.py install`. If the package"
            f" @foundry-rs/{name} is not in contracts/package.json, add it there"
        )
    return path


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> str:
    """Run a program in contracts/, show what it prints, return that; ContractsError if it fails."""
    lines = []
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=CONTRACTS,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None, "the pipe was asked for"
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    status = process.returncode
    if status != 0:
        raise ContractsError(f"`{' '.join(str(word) for word in command)}` exited with {status}")
    return "".join(lines)


def install() -> None:
    """Install the locked npm packages, unless just these are there."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ContractsError("npm or node was not found on PATH; install Node 20 or newer")
    lock = (CONTRACTS / "package-lock.json").read_bytes()
    stamp = CONTRACTS / "node_modules" / ".merkat-lock"
    digest = hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        print("contracts: npm packages are up to date")
        return
    run((npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"))
    stamp.write_text(digest, encoding="ascii")


def judge_tests(output: str) -> None:
    """Raise ContractsError unless forge's summary says that tests ran and all passed.

    Its exit status says so too; this is the check of the check.
    """
    counts = SUMMARY.findall(output)
    if not counts:
        raise ContractsError("forge printed no summary; expected `N tests passed, 0 failed`")
    passed, failed, skipped = (int(number) for number in counts[-1])
    if failed or skipped or not passed:
        raise ContractsError(
            f"forge: {passed} passed, {failed} failed, {skipped} skipped;"
            " expected some passed, none failed, none skipped"
        )


def compare_gas(before: str, after: str, whole: bool) -> None:
    """Raise ContractsError unless two gas snapshots agree (`whole`: in all names, too).

    forge has a check of its own, which passes whatever was measured.
    """
    old, new = json.loads(before), json.loads(after)
    changes = [
        f"{name}: {old.get(name)} -> {new.get(name)}"
        for name in sorted({*old, *new} if whole else new)
        if old.get(name) != new.get(name)
    ]
    if changes:
        raise ContractsError(
            f"gas differs from {GAS.relative_to(ROOT)}: {'; '.join(changes)}; if that is meant,"
            " run `python tools/contracts.py snapshots` and commit it"
        )


def test(arguments: Sequence[str]) -> None:
    """Run the format check, the lints and the suites, comparing the snapshots; writes none."""
    forge = forge_path()
    run((forge, "fmt", "--check"))
    before = GAS.read_text(encoding="utf-8")
    try:
        output = run((forge, "test", *arguments), {"MERKAT_WRITE_SNAPSHOTS": "false"})
        after = GAS.read_text(encoding="utf-8")
    finally:
        GAS.write_text(before, encoding="utf-8")
    judge_tests(output)
    compare_gas(before, after, whole=not arguments)


def write_snapshots() -> None:
    """Write the snapshots of gas and of who may do what; read the difference before a commit."""
    command = (forge_path(), "test", "--match-contract", "GasTest|AccessTest")
    judge_tests(run(command, {"MERKAT_WRITE_SNAPSHOTS": "true"}))


def artifact(built: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what ships of a contract, from forge's output; ContractsError if it does not fit."""
    metadata = built["metadata"]
    code = built["deployedBytecode"]["object"]
    initcode = built["bytecode"]["object"]
    for what, hexadecimal, most in (
        ("code", code, CODE_BYTES_MAX),
        ("initcode", initcode, INITCODE_BYTES_MAX),
    ):
        length = len(hexadecimal) // 2 - 1
        if length >= most:
            raise ContractsError(f"{name}: {what} of {length} bytes, expected less than {most}")
    return {
        "contract": name,
        "compiler": f"solc {metadata['compiler']['version']}",
        "settings": {
            "evm_version": metadata["settings"]["evmVersion"],
            "optimizer": metadata["settings"]["optimizer"],
            "metadata": metadata["settings"]["metadata"],
        },
        "sources": {
            path: source["keccak256"] for path, source in sorted(metadata["sources"].items())
        },
        "abi": built["abi"],
        "bytecode": initcode,
        "deployed_bytecode": code,
        "immutable_references": built["deployedBytecode"].get("immutableReferences", {}),
    }


def build_artifacts() -> dict[str, str]:
    """Compile the sources afresh; return {file name: content} of what ships."""
    run((forge_path(), "build", "--force"), {"FOUNDRY_PROFILE": "artifacts"})
    files = {}
    for name in SHIPPED:
        path = BUILT / f"{name}.sol" / f"{name}.json"
        if not path.is_file():
            raise ContractsError(f"forge built no {name}; expected {path}")
        built = json.loads(path.read_text(encoding="utf-8"))
        files[f"{name}.json"] = json.dumps(artifact(built, name), indent=1) + "\n"
    return files


def differing(files: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names whose content in the folder is not that of `files`, or is too many."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*there, *files} if there.get(name) != files.get(name))


def artifacts(check: bool) -> None:
    """Write the artifacts, or compare them with a rebuild."""
    files = build_artifacts()
    if check:
        names = differing(files, ARTIFACTS)
        if names:
            raise ContractsError(
                f"{', '.join(names)} in {ARTIFACTS.relative_to(ROOT)} differ from a rebuild; run"
                " `python tools/contracts.py artifacts` and commit them with the sources"
            )
        print(f"contracts: {len(files)} artifacts equal a rebuild")
        return
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for name in differing(files, ARTIFACTS):
        if name in files:
            (ARTIFACTS / name).write_text(files[name], encoding="utf-8")
        else:
            (ARTIFACTS / name).unlink()
        print(ARTIFACTS.relative_to(ROOT) / name)


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Install, build and test the contracts.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "build", "snapshots", "check", "test"):
        commands.add_parser(name)
    commands.add_parser("artifacts").add_argument("--check", action="store_true")
    options, for_forge = parser.parse_known_args(arguments)
    if for_forge and options.command != "test":
        parser.error(f"unknown arguments: {' '.join(for_forge)}")
    try:
        match options.command:
            case "install":
                install()
            case "build":
                run((forge_path(), "build"))
            case "test":
                test(for_forge)
            case "snapshots":
                write_snapshots()
            case "artifacts":
                artifacts(options.check)
            case "check":
                install()
                test(())
                artifacts(check=True)
    except ContractsError as error:
        print(f"contracts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
