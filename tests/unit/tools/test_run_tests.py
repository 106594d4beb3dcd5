"""The canary of the test driver: what must make it fail does make it fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import run_tests
from tools.run_tests import Counts, Stage

CARGO_OUTPUT = """
running 3 tests
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
"""
PYTEST_PASSING = "============ 12 passed, 3 skipped in 1.05s ============"


def printing_stage(text: str, exit_status: int = 0, runner: str | None = None) -> Stage:
    """Return a stage that prints a text and exits with a status."""
    program = f"print({text!r}); raise SystemExit({exit_status})"
    return Stage("probe", (sys.executable, "-c", program), runner=runner)


def run(folder: Path, *stages: Stage) -> int:
    """Run the stages in one lane beside an empty one; returns the driver's exit status."""
    return run_tests.execute([stages, []], folder)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line that the driver printed."""
    return capsys.readouterr().out.splitlines()[-1]


def test_passing_stages_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint = printing_stage("fine")
    tests = printing_stage(PYTEST_PASSING, runner="pytest")
    assert run(tmp_path, lint, tests) == 0, "a lint and a suite that pass must pass"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["pytest: 12 passed, 0 failed", "12 passed, 0 failed"], lines


def test_canary_a_failing_stage_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(tmp_path, printing_stage("broken", exit_status=3))
    output = capsys.readouterr().out
    assert status == 1, "a stage with exit status 3 must fail the whole"
    assert "  | broken" in output, "the end of the failing stage's log must be shown"
    assert output.splitlines()[-1] == "0 passed, 1 failed", "the total must own up to the failure"


def test_canary_a_failing_stage_fails_beside_passing_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passing = printing_stage(PYTEST_PASSING, runner="pytest")
    assert run(tmp_path, printing_stage("", exit_status=1), passing) == 1
    assert last_line(capsys) == "12 passed, 1 failed"


@pytest.mark.parametrize("runner", ["rust", "pytest"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tests ran in 0.01s",
        "============ 7 skipped in 0.05s ============",
        "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured",
    ],
)
def test_canary_a_stage_that_ran_no_test_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], runner: str, text: str
) -> None:
    assert run(tmp_path, printing_stage(text, runner=runner)) == 1, f"{text!r} means no test ran"
    assert "ran no test" in capsys.readouterr().out


def test_canary_failed_tests_fail_even_with_exit_status_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = printing_stage(CARGO_OUTPUT, exit_status=0, runner="rust")
    assert run(tmp_path, stage) == 1, "a runner that reports failures must not pass by its status"
    assert last_line(capsys) == "7 passed, 2 failed"


def test_canary_a_program_that_is_absent_fails(tmp_path: Path) -> None:
    assert run(tmp_path, Stage("probe", ("merkat-no-such-program",))) == 1


def test_canary_a_stage_that_hangs_is_ended_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
    assert run(tmp_path, Stage("probe", sleeper, timeout_s=0.2)) == 1
    assert "still running after 0.2 s" in capsys.readouterr().out


def test_canary_no_stage_at_all_fails(tmp_path: Path) -> None:
    assert run(tmp_path) == 1, "a run without stages has shown nothing"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("===== 3 failed, 9 passed, 2 warnings in 61.20s (0:01:01) =====", Counts(9, 3)),
        ("===== 1 error in 0.10s =====", Counts(0, 1)),
        ("===== 5 passed, 2 errors in 0.10s =====", Counts(5, 2)),
        ("5 passed in 0.10s", Counts(5, 0)),
        ("a test printed: 8 passed in 1.0s\n=== 2 passed in 0.10s ===", Counts(2, 0)),
        ("5 passed, but no summary", Counts(0, 0)),
    ],
)
def test_pytest_summary_is_counted(output: str, expected: Counts) -> None:
    assert run_tests.count_pytest(output) == expected, f"wrong counts for {output!r}"


def test_cargo_results_are_summed() -> None:
    assert run_tests.count_cargo(CARGO_OUTPUT) == Counts(7, 2)


def test_forge_summary_is_counted() -> None:
    """The last summary counts; output without one counts nothing, so its stage fails."""
    output = "Ran 2 test suites in 1.2s: 12 tests passed, 1 failed, 0 skipped (13 total tests)"
    assert run_tests.count_forge(output) == Counts(12, 1)
    assert run_tests.count_forge("compiler run failed") == Counts()


def test_every_runner_of_a_stage_has_a_counter() -> None:
    rust = [*run_tests.rust_lane(), *run_tests.contract_stages()]
    lanes = [*rust, *run_tests.python_lane(["unit"])]
    runners = {stage.runner for stage in lanes if stage.runner}
    assert runners == set(run_tests.COUNTERS), "a lane must use each runner that can be counted"


def test_an_absent_suite_has_no_stage_and_a_present_one_has() -> None:
    names = {stage.name for stage in run_tests.python_lane(["unit", "no-such-suite"])}
    assert "python-unit" in names, "this very test is in the suite `unit`"
    assert "python-no-such-suite" not in names, "an absent folder has nothing to run"


def test_the_fast_lanes_run_every_folder_of_unit_tests_once() -> None:
    commands = [
        stage.command
        for lane in run_tests.fast_lanes()
        for stage in lane
        if stage.runner == "pytest"
    ]
    [others, serving] = commands
    folders = {one for one in serving if one.startswith("tests/unit/")}
    assert folders == {f"tests/unit/{name}" for name in run_tests.SERVING}, "each of them is there"
    ignored = {one.removeprefix("--ignore=") for one in others if one.startswith("--ignore=")}
    assert ignored == folders, "what one lane leaves out the other runs"
