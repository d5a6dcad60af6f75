"""The commands on results that are there, ``report``, ``compare`` and ``gate``; and ``init``, which begins a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spark_assay import _cli_errors, rules, session, starter
from spark_assay.compare import compare
from spark_assay.gate import gate
from spark_assay.result import load, write_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_assay.result import EvalResult

NewSession = Callable[[], "SparkSession"]


def report(target: str, *, outputs: Mapping[str, str | None], title: str | None, new_session: NewSession) -> int:
    """Prints the report of a saved result, or writes it in other forms. Nothing is called.

    Args:
        target: A path or table that a run has written.
        outputs: Files for ``html``, ``json``, ``markdown`` and ``junit``.
        title: The heading.
        new_session: Makes the session.

    Returns:
        The exit code.
    """

    def work() -> None:
        result = load(target, spark=session.use(new_session()))
        if not any(outputs.values()):
            result.show()
        write_reports(result, outputs, title=title or "Evaluation", note=None)

    return _cli_errors.guarded(work)


def run_gate(
    file: str,
    candidate: str,
    *,
    baseline: str | None,
    outputs: Mapping[str, str | None],
    new_session: NewSession,
) -> int:
    """Holds a saved result against a file of rules and prints what came of them.

    Args:
        file: The rules.
        candidate: The result in question: a path or table that a run has written.
        baseline: The result to compare with.
        outputs: Files for ``json``, ``markdown`` and ``junit``.
        new_session: Makes the session.

    Returns:
        0 if all rules pass, 1 if one fails, 2 for an error, 3 if one is inconclusive and none fails.
    """

    def work() -> int:
        checked = rules.load(file)
        spark = session.use(new_session())
        try:
            found = gate(
                load(candidate, spark=spark),
                checked,
                baseline=None if baseline is None else load(baseline, spark=spark),
            )
        except ValueError as error:
            print(f"{file}: {error}", file=sys.stderr)
            return _cli_errors.MISTAKE
        found.show()
        made = {"json": lambda: json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n"}
        made |= {"markdown": found.to_markdown, "junit": found.to_junit}
        for form, path in outputs.items():
            if path is not None:
                write_text(path, made[form]())
        return found.exit_code

    # What cannot be judged is no failure of the candidate.
    return _cli_errors.guarded(work, failed=_cli_errors.MISTAKE)


def run_compare(
    candidate: str,
    baseline: str | None,
    *,
    primary: str | None,
    smallest_effect: float | None,
    outputs: Mapping[str, str | None],
    title: str | None,
    new_session: NewSession,
) -> int:
    """Holds the models of saved results against each other and prints the verdicts.

    Args:
        candidate: The result in question: a path or table that a run has written.
        baseline: The result to compare with; by default the models of ``candidate`` with each other.
        primary: The metric that decides.
        smallest_effect: The smallest difference of it that matters.
        outputs: Files for ``html``, ``json`` and ``markdown``.
        title: The heading.
        new_session: Makes the session.

    Returns:
        The exit code.
    """

    def work() -> int:
        spark = session.use(new_session())
        try:
            found = compare(
                load(candidate, spark=spark),
                None if baseline is None else load(baseline, spark=spark),
                primary=primary,
                smallest_effect=smallest_effect,
            )
        except ValueError as error:
            print(f"assay: {error}", file=sys.stderr)
            return _cli_errors.MISTAKE
        found.show()
        heading = title or "Comparison"
        made: dict[str, Callable[[str], str]] = {
            "html": lambda path: found.to_html(path, title=heading),
            "json": found.to_json,
            "markdown": lambda path: found.to_markdown(path, title=heading),
        }
        for form, path in outputs.items():
            if path is not None:
                made[form](path)
        return _cli_errors.DONE

    return _cli_errors.guarded(work)


def init(data: str, *, output: str, force: bool, new_session: NewSession) -> int:
    """Writes a commented evaluation file from the columns of a data file.

    Args:
        data: The file or table.
        output: Where to write.
        force: Whether a file that is there is replaced.
        new_session: Makes a session, for data that Python alone does not read.

    Returns:
        The exit code.
    """

    def work() -> int:
        if Path(output).exists() and not force:
            print(f"assay: {output} is there already; --force replaces it", file=sys.stderr)
            return _cli_errors.MISTAKE
        columns = starter.look(data, new_session)
        write_text(output, starter.text(data, columns))
        print(f"{output}: look it over, then: assay run {output}")
        return _cli_errors.DONE

    return _cli_errors.guarded(work)


def write_reports(result: EvalResult, outputs: Mapping[str, str | None], *, title: str, note: str | None) -> None:
    """Writes a result in the forms that were asked for, and says where."""
    made: dict[str, Callable[[str], str]] = {
        "html": lambda path: result.to_html(path, title=title, note=note),
        "json": result.to_json,
        "markdown": lambda path: result.to_markdown(path, title=title),
        "junit": result.to_junit,
    }
    names = {"html": "Report", "json": "Summary", "markdown": "Markdown", "junit": "JUnit"}
    for form, path in outputs.items():
        if path is not None:
            made[form](path)
            print(f"{names[form]}: {path}")
