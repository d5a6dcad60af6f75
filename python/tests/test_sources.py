"""Where examples come from, and which of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay.sources import Source

ROWS = [{"id": i, "answer": "A" if i % 4 else None, "expected": "A", "more": "B"} for i in range(40)]


def evaluated(data: Any, **changes: Any) -> assay.EvalResult:
    arguments: dict[str, Any] = {"prediction": "answer", "reference": "expected", "key": "id"}
    return assay.evaluate(data, **{**arguments, **changes})


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [tuple(row.values()) for row in ROWS], "id INT, answer STRING, expected STRING, more STRING"
    )


@pytest.mark.parametrize(
    ("name", "is_table", "form"),
    [
        ("main.evals.questions", True, None),
        ("questions", True, None),
        ("questions.csv", False, "csv"),
        ("a/questions", False, None),
        ("s3://b/x.JSONL.gz", False, "json"),
        ("x.parquet", False, "parquet"),
    ],
)
def test_a_name_is_a_table_or_a_path(name: str, is_table: bool, form: str | None) -> None:
    assert (Source(name).is_table, Source(name).format_of_files()) == (is_table, form)


def test_sources_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="a version or a timestamp, not both"):
        Source("a", version=1, timestamp="2026-01-01")
    with pytest.raises(TypeError, match="named by text"):
        Source("")


@pytest.mark.standin
def test_every_kind_of_data_gives_the_same(df: DataFrame, tmp_path: Path) -> None:
    df.coalesce(1).write.parquet(str(tmp_path / "a"))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    pd.DataFrame(ROWS).to_csv(tmp_path / "a.csv", index=False)
    df.createOrReplaceTempView("questions_of_the_test")
    data: dict[str, Any] = {
        "dataframe": df,
        "parquet": str(tmp_path / "a"),
        "json": str(tmp_path / "a.jsonl"),
        "csv": str(tmp_path / "a.csv"),
        "table": "questions_of_the_test",
        "pandas": pd.DataFrame(ROWS),
        "arrow": pa.Table.from_pylist(ROWS),
    }
    for kind, given in data.items():
        result = evaluated(given)
        assert result.counts == {"answer": {"no_prediction": 10, "ok": 30}}, kind
        assert result.settings["data"]["kind"] == kind


@pytest.mark.standin
@pytest.mark.usefixtures("spark")
def test_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="TABLE_OR_VIEW_NOT_FOUND"):
        evaluated("no_such_table")
    with pytest.raises(Exception, match="PATH_NOT_FOUND"):
        evaluated(str(tmp_path / "none.csv"))


@pytest.mark.standin
def test_a_sample_is_drawn_by_key(df: DataFrame) -> None:
    def drawn(frame: DataFrame, **changes: Any) -> list[Any]:
        return [row["key"] for row in evaluated(frame, **changes).rows.select("key").orderBy("key").collect()]

    ten = drawn(df, sample=10)
    assert len(ten) == 10
    assert ten == drawn(df.repartition(7), sample=10)
    assert ten != drawn(df, sample=10, seed=1)
    # A larger sample holds the smaller one.
    assert set(ten) < set(drawn(df, sample=20))
    assert drawn(df, sample=100) == list(range(40))
    share = drawn(df, sample=0.5)
    assert 5 < len(share) < 35
    assert share == drawn(df.repartition(3), sample=0.5)
    assert len(drawn(df.drop("id"), key=None, sample=10)) == 10


@pytest.mark.standin
def test_repeats_count_once(spark: SparkSession) -> None:
    rows = [(i, f"q{i} =" + "AB"[i % 2], "A") for i in range(20)]
    df = spark.createDataFrame(rows, "id INT, question STRING, expected STRING")
    result = assay.evaluate(df, model="m", prompt="{{ question }}", reference="expected", key="id", repeats=3)
    assert result.rows.groupBy("key").agg(F.count_distinct("repeat").alias("n")).where("n = 3").count() == 20
    e = result["exact_match"]
    assert (e.estimate, e.n, e.usage.n_rows) == (0.5, 20, 60)
    assert (e.estimate_worst, e.estimate_best) == (0.5, 0.5)
    assert result.settings["repeats"] == 3


@pytest.mark.standin
def test_what_is_extracted_is_scored(df: DataFrame) -> None:
    said = df.withColumn(
        "answer", F.when(F.col("id") < 20, F.concat(F.lit("it is:"), "answer")).otherwise(F.col("answer"))
    )
    result = evaluated(said, extract="marker")
    assert result.counts == {"answer": {"no_prediction": 10, "ok": 15, "parse_failed": 15}}
    assert (result["exact_match"].estimate, result["exact_match"].n) == (0.5, 30)
    row = result.rows.where("key = 1").first()
    assert row is not None
    assert (row["answer"], row["prediction"]) == ("it is:A", "A")
    assert result.rescore(extract={"method": "regex", "pattern": "x"}).counts == result.counts


@pytest.mark.standin
def test_several_references(df: DataFrame) -> None:
    none = df.withColumn("texts", F.when(F.col("id") > 4, F.array(F.lit("A"))))
    assert evaluated(df, reference=["more", "expected"])["exact_match"].estimate == 1.0
    assert evaluated(none, reference=["texts", "more"])["exact_match"].n == 30
    with pytest.raises(ValueError, match="reference: column 'id' must be STRING or ARRAY<STRING>, not int"):
        evaluated(df, reference=["more", "id"])


@pytest.mark.standin
def test_metrics_that_need_no_reference(df: DataFrame) -> None:
    result = evaluated(df, reference=None, metrics="distinct_n")
    assert result["distinct_n"].n == 30
    with pytest.raises(ValueError, match="this result has none"):
        result.rescore(metrics="exact_match")


@pytest.mark.standin
def test_slices_may_be_expressions(df: DataFrame) -> None:
    result = evaluated(df, slices={"late": "id >= 30", "third": F.col("id") % 3})
    assert result.estimate("exact_match", slice="late", value="true").usage.n_rows == 10
    assert result.estimate("exact_match", slice="third", value="2").usage.n_rows == 13
    assert result.settings["slices"] == {"late": "id >= 30", "third": "a column"}
    assert [e.slice for e in evaluated(df, slices=["id % 2"]).estimates] == [None, "id % 2", "id % 2"]


@pytest.mark.standin
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"slices": ["length(idd) > 3"]}, r"slices: 'length\(idd\) > 3' cannot be computed: .*UNRESOLVED_COLUMN"),
        ({"slices": {"a": "id >"}}, "slices: 'a' cannot be computed: .*PARSE_SYNTAX_ERROR"),
        ({"slices": {"a": "array(id)"}}, "a slice needs plain values"),
        ({"slices": {"a": "id", "A": "id"}}, "slices has two that are called 'A'"),
        ({"reference": ["expected", "mor"]}, "reference: there is no column 'mor'; did you mean 'more'?"),
        ({"extract": "last_numbr"}, "there is no method 'last_numbr'; did you mean 'last_number'?"),
        ({"extract": {"patern": "x"}}, "extract has no option 'patern'; did you mean 'pattern'?"),
        ({"sample": 0}, "sample must be a whole number of at least 1"),
        ({"sample": 1.5}, "or a share between 0 and 1"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"repeats": 2}, "repeats= goes with model="),
    ],
)
def test_mistakes(df: DataFrame, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        evaluated(df, **changes)
