"""The rule book: list its rules, or check the corpus of vectors against it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from merkat.cli import _common

VECTORS = Path("tests/vectors")
command = App(name="spec", help="The rule book: list its rules, or check its vectors.")


@command.command(name="list")
def list_rules(
    *,
    directory: Path = VECTORS,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """List every rule with its id, name, field and number of accepting and refusing cases.

    Example: merkat spec list

    Parameters
    ----------
    directory
        Where the corpus of vectors lies.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        import merkat.spec.venue.machine  # noqa: F401  registers every rule
        from merkat.spec import vectors
        from merkat.spec.rules import all_rules

        cases = vectors.corpus_cases(directory) if directory.is_dir() else {}
        rules = []
        for rule in all_rules():
            accepting, refusing = cases.get(rule.id, (0, 0))
            rules.append(
                {
                    "id": rule.id,
                    "name": rule.name,
                    "field": rule.field,
                    "code": rule.code,
                    "accepting_cases": accepting,
                    "refusing_cases": refusing,
                }
            )
        if json:
            _common.print_json({"rules": rules, "count": len(rules)})
            return _common.GOOD
        print(f"{'id':<6} {'name':<22} {'field':<16} {'code':>5} {'accept':>7} {'refuse':>7}")
        for line in rules:
            print(
                f"{line['id']:<6} {line['name']:<22} {line['field']:<16} {line['code']:>5} "
                f"{line['accepting_cases']:>7} {line['refusing_cases']:>7}"
            )
        print(f"{len(rules)} rules")
        return _common.GOOD

    return _common.guarded(body)


@command.command(name="vectors")
def check_vectors(
    *,
    check: bool = False,
    write: bool = False,
    directory: Path = VECTORS,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Generate the corpus of vectors from the specification and compare it, or write it anew.

    Example: merkat spec vectors --check

    Parameters
    ----------
    check
        Compare with what lies in the folder; exit code 1 where something differs.
    write
        Write the corpus.
    directory
        Where the corpus of vectors lies.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.spec import vectors

        if check == write:
            raise _common.usage("name one of --check and --write")
        if write:
            files = vectors.write(directory)
            print(f"{directory}: {files} files written")
            return _common.GOOD
        if not directory.is_dir():
            raise _common.refused(f"{directory}: no such folder; name it with --directory")
        differences = vectors.check(directory)
        if json:
            _common.print_json({"agrees": not differences, "differences": differences})
        else:
            print("\n".join(differences) or f"{directory}: regenerated, no difference")
        return _common.CHECK_SAID_NO if differences else _common.GOOD

    return _common.guarded(body)
