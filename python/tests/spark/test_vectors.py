"""Reference values of other libraries, through SQL: each set of options is a part of one query."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

OWN = Path(__file__).resolve().parents[3] / "tests" / "vectors"
FUNCTIONS = json.loads((OWN / "functions.json").read_text(encoding="utf-8"))

ROWS = "id STRING, part INT, p STRING, r ARRAY<STRING>"


def shared() -> Path:
    folder = os.environ.get("ASSAY_SHARED")
    file = Path(folder or "", "vectors", "lexical_public.jsonl")
    if not folder or not file.is_file():
        pytest.skip("needs ASSAY_SHARED, the folder whose vectors/lexical_public.jsonl has the larger set")
    return file


def rows_of(file: Path, every: int = 1) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[::every]]


def called(functions: list[Any], options: dict[str, Any]) -> str:
    """The call of a chain of functions, the first over `p`, all against `r`."""
    text = "p"
    for i, (name, fixed) in enumerate(functions):
        is_last = i == len(functions) - 1
        given = json.dumps({**fixed, **(options if is_last else {})}).replace("\\", "\\\\").replace("'", "\\'")
        text = f"{name}({text}, {'r, ' if is_last else ''}'{given}')"
    return text


def is_close(found: float | None, expected: Any) -> bool:
    number = float(expected)
    if found is None:
        return math.isnan(number)
    return abs(found - number) <= 1e-9 + 1e-9 * abs(number)


def check(spark: SparkSession, rows: list[dict[str, Any]], at_least: int) -> None:
    assert len({row["id"] for row in rows}) == len(rows)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        params = {
            name: row["params"][name] for name in FUNCTIONS[row["metric"]].get("options", ()) if name in row["params"]
        }
        groups[row["metric"], json.dumps(params, sort_keys=True)].append(row)
    data: list[tuple[Any, ...]] = []
    parts = []
    for part, ((metric, options), members) in enumerate(groups.items()):
        case = FUNCTIONS[metric]
        is_corpus = isinstance(members[0]["prediction"], list)
        measures = case.get("expected", ["score"])
        given = json.loads(options)
        if is_corpus:
            given["n_resamples"] = 20
        calls = [
            called(case["functions"], {**given, "measure": measure} if len(measures) > 1 else given)
            for measure in measures
        ]
        scores = f"array({', '.join(f'{call}.estimate' if is_corpus else call for call in calls)})"
        parts.append(
            f"SELECT id, {scores} AS scores FROM vectors WHERE part = {part}" + (" GROUP BY id" if is_corpus else "")
        )
        for row in members:
            pairs = (
                zip(row["prediction"], row["references"], strict=True)
                if is_corpus
                else [(row["prediction"], row["references"])]
            )
            data += [(row["id"], part, prediction, references) for prediction, references in pairs]
    spark.createDataFrame(data, ROWS).coalesce(1).cache().createOrReplaceTempView("vectors")
    try:
        found = {row["id"]: row["scores"] for row in spark.sql(" UNION ALL ".join(parts)).collect()}
    finally:
        spark.table("vectors").unpersist()
    wrong, n = [], 0
    for row in rows:
        case = FUNCTIONS[row["metric"]]
        for measure, score in zip(case.get("expected", ["score"]), found[row["id"]], strict=True):
            n += 1
            if row["class"] == "policy":
                # A NULL on either side, or no reference, gives NULL.
                right = score is None
            else:
                expected = row["expected"].get(measure, row["expected"].get("score"))
                right = is_close(score if score is None else score * case.get("scale", 1), expected)
            if not right:
                wrong.append(f"{row['id']} {measure}: {score}, expected {row['expected']}")
    assert not wrong, "\n".join(wrong)
    assert n >= at_least


def test_shared_vectors(spark: SparkSession) -> None:
    check(spark, rows_of(shared()), 918)


def test_own_vectors(spark: SparkSession) -> None:
    rows = []
    for name in ("lexical", "mt", "nltk", "rouge", "edit"):
        rows += [{**row, "id": f"{name} {row['id']}"} for row in rows_of(OWN / f"{name}.jsonl", every=7)]
    check(spark, rows, 430)
