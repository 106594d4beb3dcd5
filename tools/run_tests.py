"""Runs every check and test of merkat in two lanes side by side and counts what the runners report.

Lane A is Rust and the contracts, lane B is Python; with `--fast` the unit tests take two lanes. A
stage's output goes to a log under target/test-logs; the end of the log is shown when the stage
fails. The closing lines are sums of the runners' own reports:

    rust: 41 passed, 0 failed
    pytest: 57 passed, 0 failed
    98 passed, 0 failed

The exit status is 1 if any stage failed, timed out, or should have run tests and ran none.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG_FOLDER = ROOT / "target" / "test-logs"
LOG_TAIL_LINES = 40
STAGE_TIMEOUT_S = 3600.0

CARGO_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)
PYTEST_SUMMARY = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", re.MULTILINE)
FORGE_SUMMARY = re.compile(r"(\d+) tests? passed, (\d+) failed, \d+ skipped")
# Folders of tests/unit whose tests serve, call and wait.
SERVING = ("api", "bench", "bots", "cli", "demo", "gateway", "link", "market", "venue")
PYTEST_FAILURES = ("failed", "error", "errors")


@dataclass(frozen=True)
class Counts:
    """Tests that passed and tests that failed (a pytest error counts as a failure)."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the sums of both kinds."""
        return Counts(self.passed + other.passed, self.failed + other.failed)

    def __str__(self) -> str:
        """Return the form of the closing lines."""
        return f"{self.passed} passed, {self.failed} failed"


def count_cargo(output: str) -> Counts:
    """Return the sums of the result lines that `cargo test` prints, one a test program."""
    results = CARGO_RESULT.findall(output)
    return Counts(
        sum(int(passed) for passed, _ in results), sum(int(failed) for _, failed in results)
    )


def count_pytest(output: str) -> Counts:
    """Return the counts of pytest's last summary line; nothing where there is none."""
    summaries = PYTEST_SUMMARY.findall(output)
    if not summaries:
        return Counts()
    outcomes = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", summaries[-1])}
    failed = sum(outcomes.get(word, 0) for word in PYTEST_FAILURES)
    return Counts(outcomes.get("passed", 0), failed)


def count_forge(output: str) -> Counts:
    """Return the counts of forge's last summary line; nothing where there is none."""
    summaries = FORGE_SUMMARY.findall(output)
    if not summaries:
        return Counts()
    passed, failed = summaries[-1]
    return Counts(int(passed), int(failed))


# Process groups of the stages now running. Each has a session of its own, so the terminal's
# interrupt does not reach it and has to be passed on.
live_groups: set[int] = set()

COUNTERS: dict[str, Callable[[str], Counts]] = {
    "rust": count_cargo,
    "forge": count_forge,
    "pytest": count_pytest,
}


@dataclass(frozen=True)
class Stage:
    """One program to run. `runner` names the test runner; a stage without one runs no tests."""

    name: str
    command: tuple[str, ...]
    runner: str | None = None
    timeout_s: float = STAGE_TIMEOUT_S


@dataclass(frozen=True)
class Result:
    """What a stage did: its time, its counts, and why it failed (None if it passed)."""

    stage: Stage
    duration_s: float
    counts: Counts
    failure: str | None
    log: Path


def judge(stage: Stage, exit_status: int, output: str) -> tuple[Counts, str | None]:
    """Return a finished stage's counts and the reason why it failed, None if it passed."""
    counts = COUNTERS[stage.runner](output) if stage.runner else Counts()
    if exit_status != 0:
        return counts, f"exit status {exit_status}"
    if counts.failed:
        return counts, f"{counts.failed} tests failed although the exit status is 0"
    if stage.runner and counts.passed == 0:
        return counts, "ran no test; expected at least one"
    return counts, None


def run_stage(stage: Stage, log_folder: Path) -> Result:
    """Run one stage, its output in `log_folder`, in a process group that a timeout ends whole."""
    log = log_folder / f"{stage.name}.log"
    start = time.monotonic()
    timed_out = False
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                stage.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = f"could not start {stage.command[0]}: {error.strerror}"
            return Result(stage, 0.0, Counts(), reason, log)
        live_groups.add(process.pid)
        try:
            exit_status = process.wait(timeout=stage.timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            exit_status = process.wait()
        finally:
            live_groups.discard(process.pid)
    duration_s = time.monotonic() - start
    counts, failure = judge(stage, exit_status, log.read_text(encoding="utf-8", errors="replace"))
    if timed_out:
        failure = f"still running after {stage.timeout_s:g} s; it was ended"
    return Result(stage, duration_s, counts, failure, log)


def report_stage(result: Result) -> str:
    """Return what is shown when a stage ends: one line, and the end of its log if it failed."""
    verdict = f"FAILED: {result.failure}" if result.failure else "ok"
    counts = f" ({result.counts})" if result.stage.runner else ""
    lines = [f"{result.stage.name:<20} {result.duration_s:7.1f} s  {verdict}{counts}"]
    if result.failure:
        text = result.log.read_text(encoding="utf-8", errors="replace")
        lines += [f"  | {line}" for line in text.splitlines()[-LOG_TAIL_LINES:]]
        lines.append(f"  whole log: {result.log}")
    return "\n".join(lines)


def run_lanes(lanes: Sequence[Sequence[Stage]], log_folder: Path) -> list[Result]:
    """Run the lanes side by side and the stages of a lane in order; a failure stops nothing."""
    log_folder.mkdir(parents=True, exist_ok=True)
    results: list[list[Result]] = [[] for _ in lanes]
    printing = threading.Lock()

    def run_lane(number: int) -> None:
        for stage in lanes[number]:
            result = run_stage(stage, log_folder)
            results[number].append(result)
            with printing:
                print(report_stage(result), flush=True)

    threads = [
        threading.Thread(target=run_lane, args=(number,), daemon=True)
        for number in range(len(lanes))
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for group in tuple(live_groups):
            os.killpg(group, signal.SIGKILL)
        raise
    return [result for lane in results for result in lane]


def closing_lines(results: Sequence[Result]) -> list[str]:
    """Return the stage-time table, a line for each runner and the total.

    A stage that failed without a failed test (a lint, a crash, no tests) adds one failure to the
    total, so that the last line never reads `0 failed` after a failure.
    """
    lines = ["", f"{'stage':<20} {'seconds':>8}  result"]
    for result in results:
        verdict = result.failure or "ok"
        lines.append(f"{result.stage.name:<20} {result.duration_s:>8.1f}  {verdict}")
    lines.append("")
    total = Counts()
    for runner in COUNTERS:
        of_runner = [result.counts for result in results if result.stage.runner == runner]
        if of_runner:
            counts = sum(of_runner, Counts())
            lines.append(f"{runner}: {counts}")
            total += counts
    broken = [result for result in results if result.failure and not result.counts.failed]
    if broken:
        names = ", ".join(result.stage.name for result in broken)
        lines.append(f"stages that failed outside a test: {names}")
        total += Counts(failed=len(broken))
    lines.append(str(total))
    return lines


def execute(lanes: Sequence[Sequence[Stage]], log_folder: Path) -> int:
    """Run the lanes and print the closing lines; returns the exit status."""
    results = run_lanes(lanes, log_folder)
    print("\n".join(closing_lines(results)), flush=True)
    return 1 if not results or any(result.failure for result in results) else 0


def rust_lane() -> list[Stage]:
    """Return the stages of lane A."""
    clippy = ("cargo", "clippy", "--release", "--workspace", "--all-targets", "--quiet")
    return [
        Stage("rust-format", ("cargo", "fmt", "--all", "--check")),
        Stage("rust-clippy", (*clippy, "--", "-D", "warnings")),
        Stage(
            "rust-tests",
            ("cargo", "test", "--release", "--workspace", "--no-fail-fast", "--color", "never"),
            runner="rust",
        ),
    ]


def python_lane(suites: Sequence[str]) -> list[Stage]:
    """Return the stages of lane B; a suite is a folder of tests/, left out where it is absent."""
    python = (sys.executable, "-m")
    # The console script of import-linter stands beside the interpreter; it has no `-m` form.
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    stages = [
        Stage("python-format", (*python, "ruff", "format", "--check", ".")),
        Stage("python-lint", (*python, "ruff", "check", ".")),
        Stage("python-types", (*python, "mypy")),
        Stage("python-imports", (lint_imports, "--no-logo")),
    ]
    for suite in suites:
        folder = ROOT / "tests" / suite
        if folder.is_dir():
            pytest = (*python, "pytest", "--color=no", str(folder.relative_to(ROOT)))
            stages.append(Stage(f"python-{suite}", pytest, runner="pytest"))
    return stages


def fast_lanes() -> list[list[Stage]]:
    """Return the lanes of `--fast`.

    The unit tests of what serves have a lane of their own: they wait for sockets and children most
    of their time.
    """
    python = (sys.executable, "-m", "pytest", "--color=no")
    serving = [f"tests/unit/{name}" for name in SERVING if (ROOT / "tests/unit" / name).is_dir()]
    others = [f"--ignore={folder}" for folder in serving]
    return [
        rust_lane(),
        [*python_lane([]), Stage("python-unit", (*python, "tests/unit", *others), runner="pytest")],
        [Stage("python-unit-serving", (*python, *serving), runner="pytest")],
    ]


def contract_stages() -> list[Stage]:
    """Return the contracts' stages: forge's suites and snapshots, then the artifacts' rebuild."""
    contracts = (sys.executable, "tools/contracts.py")
    return [
        Stage("contracts-tests", (*contracts, "test"), runner="forge"),
        Stage("contracts-artifacts", (*contracts, "artifacts", "--check")),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the stages that the arguments ask for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Run the checks and tests of merkat.")
    parser.add_argument("--fast", action="store_true", help="lints, types and unit tests only")
    options = parser.parse_args(arguments)
    if options.fast:
        return execute(fast_lanes(), LOG_FOLDER)
    suites = ["unit", "vectors", "differential", "scenarios", "conformance", "mutants"]
    return execute([[*rust_lane(), *contract_stages()], python_lane(suites)], LOG_FOLDER)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
