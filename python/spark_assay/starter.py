"""The beginning of an evaluation file, from what the columns of a data file look like."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import yaml

from spark_assay.errors import DataError
from spark_assay.sources import Source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOKED_AT = 200
_MAX_SLICE_VALUES = 20

_KEYS = ("id", "key", "uid", "uuid", "question_id", "example_id", "row_id")
_REFERENCES = ("reference", "references", "expected", "answers", "gold", "target", "label", "ground_truth", "truth")
_PREDICTIONS = ("prediction", "response", "completion", "model_answer", "generated", "output")
_QUESTIONS = ("question", "prompt", "input", "query", "instruction", "text")


def look(data: str, new_session: Callable[[], SparkSession]) -> dict[str, list[Any]]:
    """The columns of a data file with the values of its first rows.

    Args:
        data: A file or a table.
        new_session: Makes a session, for what is neither CSV nor JSON lines on this machine.

    Raises:
        DataError: A file without rows, or one that does not parse.
    """
    source = Source(data)
    form, path = source.format_of_files(), Path(data)
    if path.is_file() and form in ("csv", "json") and path.suffix not in (".bz2", ".zst"):
        try:
            with _opened(path) as file:
                rows = _csv_rows(file, path) if form == "csv" else _json_rows(file)
        except (UnicodeDecodeError, ValueError, csv.Error) as error:
            raise DataError(f"{data} cannot be read as {form}: {error}") from None
    else:
        df, _ = source.read(new_session())
        rows = [row.asDict() for row in df.limit(_LOOKED_AT).collect()]
    if not rows:
        raise DataError(f"{data} has no rows")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def text(data: str, columns: Mapping[str, Sequence[Any]]) -> str:
    """The evaluation file: what can be told from the columns is filled in, the rest stands in comments.

    Args:
        data: The file or table.
        columns: Columns with the values of a few rows.
    """
    names = list(columns)
    key = _key(columns)
    prediction = _find(names, _PREDICTIONS)
    reference = _find([name for name in names if name != prediction], (*_REFERENCES, "answer"))
    if prediction is None and "answer" in names and reference != "answer":
        prediction = "answer"
    used = {key, reference, prediction}
    askable = [name for name in names if name not in used and name.isidentifier()]
    question = _find(askable, _QUESTIONS) or (askable[0] if askable else "question")
    slices = [name for name, values in columns.items() if name not in (*used, question) and _is_slice(values)]
    asked = _asked(question, commented=prediction is not None)
    given = _given(prediction or "answer", commented=prediction is None)
    right = f"reference: {_value(reference or names[-1])}"
    right += "" if reference else "   # the column of what is right: look whether this is it"
    known = (
        f"key: {_value(key)}" if key else "# key: id   # a unique column; else a row is known by a hash of its content"
    )
    cut = f"slices: [{', '.join(_value(name) for name in slices)}]" if slices else "# slices: [topic]"
    return f"""\
# Run it with `assay run FILE`. `assay plan FILE` says what it would cost, and calls nothing.
# Any value can be replaced on the command line: --set sample=50
# Columns: {", ".join(_inline(name) for name in names)}
title: {_value(Path(data).stem or data)}

data: {_value(data)}

{asked}
{given}
{right}
{known}
metrics:
  - exact_match
  - token_f1
  # - name: exact_match         # options of a metric; a second variant needs a label
  #   label: exact_match_loose
  #   normalize: squad
{cut}
# extract: last_number          # what of an answer is scored
# sample: 50                    # a number of rows, or a share like 0.1: good for a first try

output:
  rows: {_value(f"runs/{Path(data).stem}")}   # for assay report and assay gate; must not exist yet
  html: {_value(f"{Path(data).stem}.html")}
"""


def _asked(question: str, *, commented: bool) -> str:
    block = f"""\
models:
  gpt-mini:
    provider: openai            # or azure_openai, anthropic, gemini, bedrock, http; docs/providers.md has them all
    model: gpt-4.1-mini
    api_key_env: OPENAI_API_KEY
    # endpoint: http://localhost:8000/v1   # any server that speaks OpenAI's chat completions
prompt: |-
  {{{{ {question} }}}}
options:
  temperature: 0
  max_tokens: 256
"""
    return _comment(block, "To ask models instead of scoring answers that exist:") if commented else block


def _given(prediction: str, *, commented: bool) -> str:
    block = f"prediction: {_value(prediction)}   # the column of answers that exist; nothing is called\n"
    return (
        _comment(block, "To score answers that exist instead of asking (then without models, prompt and options):")
        if (commented)
        else block
    )


def _comment(block: str, says: str) -> str:
    return "\n".join([f"# {says}", *(f"# {line}".rstrip() for line in block.rstrip("\n").split("\n"))]) + "\n"


def _value(value: str) -> str:
    """A text as YAML writes it in a flow."""
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).split("\n...")[0].strip()


def _inline(value: str) -> str:
    return " ".join(value.split())


def _find(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in wanted if name in by_lower), None)


def _key(columns: Mapping[str, Sequence[Any]]) -> str | None:
    candidate = _find(list(columns), _KEYS)
    if candidate is None:
        return None
    values = [str(value) for value in columns[candidate] if value not in (None, "")]
    return candidate if len(set(values)) == len(columns[candidate]) else None


def _is_slice(values: Sequence[Any]) -> bool:
    if any(isinstance(value, (list, dict)) for value in values):
        return False
    found = {value for value in values if value not in (None, "")}
    return 2 <= len(found) <= min(_MAX_SLICE_VALUES, len(values) // 2) and all(len(str(value)) <= 60 for value in found)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_rows(file: TextIO, path: Path) -> list[dict[str, Any]]:
    tabs = path.name.removesuffix(".gz").endswith(".tsv")
    reader = csv.DictReader(file, delimiter="\t" if tabs else ",")
    return [{k: v for k, v in row.items() if k is not None} for row in itertools.islice(reader, _LOOKED_AT)]


def _json_rows(file: TextIO) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in itertools.islice((line for line in file if line.strip()), _LOOKED_AT)]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("each line must be a JSON object")
    return rows
