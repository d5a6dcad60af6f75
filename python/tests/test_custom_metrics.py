from __future__ import annotations

import re
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay.metrics import custom

pytestmark = pytest.mark.standin


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    rows = [(1, "a", ["a", None]), (2, "bb", ["b"]), (3, None, ["c"]), (4, "dddd", None), (5, "", [None])]
    return spark.createDataFrame(rows, "id INT, answer STRING, expected ARRAY<STRING>")


def scores(df: DataFrame, *metrics: Any, **changes: Any) -> dict[str, list[Any]]:
    arguments: dict[str, Any] = {"prediction": "answer", "reference": "expected", "key": "id"}
    result = assay.evaluate(df, metrics=metrics, **{**arguments, **changes})
    rows = result.rows.orderBy("key").collect()
    return {metric.label: [row[metric.label] for row in rows] for metric in result.metrics}


def test_text_column_and_udf_give_the_same(df: DataFrame) -> None:
    found = scores(
        df,
        custom("text", "length(prediction) = length(reference[0])", kind="binary"),
        custom("columns", F.length("prediction") == F.length(F.col("reference")[0]), kind="binary"),
        custom("function", lambda p, r: F.length(p) == F.length(F.get(r, F.lit(0))), kind="binary"),
        custom("udf", F.udf(lambda p, r: float(bool(r) and len(p) == len(r[0] or "")), "double"), kind="binary"),
    )
    assert found == {name: [1.0, 0.0, None, None, None] for name in ("text", "columns", "function", "udf")}


def test_without_a_reference(df: DataFrame) -> None:
    length = custom("length", "length(prediction)", kind="unbounded", needs_reference=False)
    udf = custom("udf", F.udf(lambda prediction: len(prediction), "int"), kind="unbounded", needs_reference=False)
    expected = [1.0, 2.0, None, 4.0, 0.0]
    assert scores(df, length, udf) == {"length": expected, "udf": expected}
    assert scores(df, length, reference=None) == {"length": expected}
    with pytest.raises(ValueError, match="exact_match compares with a reference"):
        scores(df, length, "exact_match", reference=None)


def test_a_score_may_read_the_row(df: DataFrame) -> None:
    assert scores(df, custom("own", "input.id", kind="unbounded", needs_reference=False))["own"] == [1, 2, None, 4, 5]


def test_refused_answers_count_as_the_worst_end(spark: SparkSession) -> None:
    rows = [(1, "q =A", ["A"]), (2, "q =!refused", ["A"]), (3, "q =!refused", None), (4, "q =!timeout", ["A"])]
    df = spark.createDataFrame(rows, "id INT, question STRING, expected ARRAY<STRING>")
    result = assay.evaluate(
        df,
        model="m",
        prompt="{{ question }}",
        reference="expected",
        key="id",
        metrics=[
            custom("stars", "4", kind="ordinal", range=(1, 5)),
            custom("errors", "4", kind="ordinal", range=(1, 5), higher_is_better=False, needs_reference=False),
            custom("free", "4", kind="unbounded"),
        ],
    )
    assert [result[name].estimate for name in ("stars", "errors", "free")] == [(4 + 1) / 2, (4 + 5 + 5) / 3, 4.0]
    assert [result[name].outcome_policy for name in ("stars", "errors", "free")] == ["wrong", "wrong", "missing"]
    assert result["stars"].estimate_missing == 4.0


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"kind": "bounded"}, "declared to be from 0 to 1, but 1 of its values are not: they go from 2 to 2"),
        ({"kind": "binary"}, "declared to be 0 or 1, but 1 of"),
        ({"kind": "ordinal", "range": (2, 3)}, "from 2 to 3, but 1 of its values are not: they go from 1 to 1"),
    ],
)
def test_values_outside_of_the_range_are_counted(df: DataFrame, declared: dict[str, Any], says: str) -> None:
    with pytest.raises(assay.DataError, match=re.escape(says)):
        scores(df, custom("x", "length(prediction)", **declared))


def test_a_score_that_is_no_number_is_refused(df: DataFrame) -> None:
    with pytest.raises(ValueError, match="metric 'x' gives string; it must give a number or a BOOLEAN: declare"):
        scores(df, custom("x", F.udf(lambda p, r: 1.0), kind="bounded"))
    with pytest.raises(TypeError, match="metric 'x': its function gives a float for columns; make it a UDF"):
        scores(df, custom("x", lambda p, r: 1.0, kind="bounded"))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"name": "bleu"}, ValueError, "there is a metric 'bleu' already"),
        ({"name": "a b"}, ValueError, "cannot have the label 'a b'"),
        ({"name": 1}, TypeError, "a metric is named by text"),
        ({"score": 1}, TypeError, "must be SQL text, a column or a UDF, not a int"),
        ({"kind": "percent"}, ValueError, "kind must be one of binary, bounded, ordinal, unbounded, not 'percent'"),
        ({"kind": "unbounded", "range": (0, 1)}, ValueError, "is unbounded, so it has no range"),
        ({"kind": "binary", "range": (0, 2)}, ValueError, "is binary, so its range is (0, 1)"),
        ({"range": (1, 1)}, ValueError, "the lesser first"),
        ({"range": (0, float("inf"))}, ValueError, "two finite numbers"),
        ({"range": 1}, TypeError, "range must be two numbers"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        custom(**{"name": "x", "score": "1", "kind": "bounded", **arguments})
