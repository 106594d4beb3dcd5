"""The `merkat` command.

Every public module of this package is one command: `merkat/cli/flow.py` defines a function (or a
cyclopts App named "flow") called `command`, and `merkat flow` runs it. The first line of the
module's docstring is its summary on the help page. A module is imported only when its command runs,
so that starting up costs the same however many commands there are.
"""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import merkat

if TYPE_CHECKING:
    from cyclopts import App


def command_names() -> list[str]:
    """Return the sorted names of the commands: public modules of this package, `_` as `-`."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def summary(module_file: Path) -> str:
    """Return the first line of a module's docstring without importing the module.

    Raises ValueError where the file does not begin with a docstring.
    """
    with module_file.open(encoding="utf-8") as source:
        first_line = source.readline().strip()
    if not first_line.startswith('"""'):
        raise ValueError(
            f"{module_file}: a command's module must begin with a docstring, "
            f"its summary on the help page; found {first_line!r}"
        )
    return first_line.strip('"').strip()


def build_app() -> App:
    """Return the cyclopts application with every command registered by its import path."""
    from cyclopts import App

    app = App(name="merkat", help=merkat.__doc__, version=merkat.__version__)
    for name in command_names():
        module = name.replace("-", "_")
        help_line = summary(Path(__file__).with_name(f"{module}.py"))
        app.command(f"{__name__}.{module}:command", name=name, help=help_line)
    return app


def main() -> None:
    """Entry point of the `merkat` script: runs the command of the process's arguments and exits.

    A command returns its exit code; arguments that do not parse are exit code 2.
    """
    if sys.argv[1:] == ["--version"]:
        print(merkat.__version__)
        return
    from cyclopts import CycloptsError

    try:
        build_app()(exit_on_error=False)
    except CycloptsError:
        # The framework has printed the error; its own exit code would be 1, "the check said no".
        sys.exit(2)
