"""The `merkat` command: version, help, discovery of commands, and what it must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import merkat
from merkat import cli
from tools.install_editable import ROOT, version_of_workspace


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program text in a fresh interpreter."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_package_and_the_workspace_have_one_version() -> None:
    assert merkat.__version__ == version_of_workspace(ROOT), (
        "src/merkat/__init__.py and Cargo.toml must name the same version"
    )


def test_version_is_printed_without_loading_the_command_framework() -> None:
    program = (
        "import sys; from merkat.cli import main; main(); assert 'cyclopts' not in sys.modules"
    )
    result = python(program, "--version")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{merkat.__version__}\n"


def test_help_names_every_command_and_imports_none() -> None:
    program = (
        "import sys; sys.stdout.reconfigure(encoding='utf-8')\n"
        "from merkat.cli import command_names, main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "modules = {'merkat.cli.' + name.replace('-', '_') for name in command_names()}\n"
        "loaded = sorted(modules & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    result = python(program, "--help")
    assert result.returncode == 0, f"the help page must import no command: {result.stderr}"
    missing = [name for name in cli.command_names() if name not in result.stdout]
    assert not missing, f"commands absent from the help page: {missing}"


def test_every_command_module_has_a_summary_and_a_command() -> None:
    app = cli.build_app()
    for name in cli.command_names():
        assert app[name] is not None, f"merkat {name}: its module must define `command`"


def test_an_unknown_command_is_an_error() -> None:
    result = python("from merkat.cli import main; main()", "no-such-command")
    assert result.returncode == 2, "arguments that do not parse are exit code 2"
    assert "no-such-command" in result.stdout + result.stderr, "the error must name the command"


def test_a_module_without_docstring_has_no_summary(tmp_path: Path) -> None:
    module = tmp_path / "flow.py"
    module.write_text('"""Run the flow."""\n', encoding="utf-8")
    assert cli.summary(module) == "Run the flow."
    module.write_text("import sys\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must begin with a docstring"):
        cli.summary(module)
