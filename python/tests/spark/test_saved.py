"""Results that are kept, with the jar: Delta where the session has it, and no call that is not wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay.sources import has_delta


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    return spark.range(60).selectExpr(
        "id", "concat('topic ', id % 3) AS topic", "concat('It is ', id % 4) AS question", "'3' AS expected"
    )


def asked(df: DataFrame, **changes: Any) -> assay.EvalResult:
    arguments: dict[str, Any] = {"model": "echo", "prompt": "{{ question }}", "reference": "expected", "key": "id"}
    return assay.evaluate(df, **{**arguments, **changes})


def test_kept_loaded_and_scored_anew(classic: SparkSession, df: DataFrame, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    result = asked(df, output=run, slices=["topic"], metrics=["exact_match", "contains", "wer"])
    form = "delta" if has_delta(classic) else "parquet"
    assert classic.read.format(form).load(run).count() == 60
    loaded = assay.load(run)
    assert loaded.estimates == result.estimates
    assert loaded.to_html() == result.to_html()
    assert loaded.details.latencies[0].n > 0
    numbers = loaded.rescore(extract="last_number", metrics=["exact_match", "token_f1"])
    assert (numbers["exact_match"].estimate, result["exact_match"].estimate) == (0.25, 0.0)
    assert (
        numbers.rows.select("completion.answered_at").exceptAll(result.rows.select("completion.answered_at")).isEmpty()
    )
    numbers.save(str(tmp_path / "again"))
    assert assay.load(str(tmp_path / "again")).settings["extract"] == {"method": "last_number"}


def test_kept_in_a_table(classic: SparkSession, df: DataFrame) -> None:
    asked(df, output="kept_run")
    try:
        assert assay.load("kept_run")["exact_match"].n == 60
        assert classic.table("kept_run").count() == 60
    finally:
        for name in ("kept_run", "kept_run_assay"):
            classic.sql(f"DROP TABLE IF EXISTS {name}")


def test_an_answer_without_the_part_is_wrong(df: DataFrame) -> None:
    said = df.withColumn("question", F.when(F.col("id") < 15, F.lit("no idea")).otherwise(F.lit("about 3")))
    result = asked(said, extract="last_number")
    assert result.counts == {"echo": {"ok": 45, "parse_failed": 15}}
    assert (result["exact_match"].estimate, result["exact_match"].estimate_missing) == (0.75, 1.0)


def test_repeats_are_calls_of_their_own(df: DataFrame) -> None:
    result = asked(df, repeats=3, metrics=["contains", "distinct_n"])
    assert result.rows.count() == 180
    assert result.rows.select("completion.request_key").distinct().count() == 12
    e = result["contains"]
    assert (e.estimate, e.n, e.method, e.usage.n_rows) == (0.25, 60, "hall", 180)
    assert assay.plan(df, model="echo", prompt="{{ question }}", repeats=3).models[0].requests == 12
    assert assay.plan(df, model="echo", prompt="{{ id }}", key="id", sample=7).models[0].rows == 7


def test_versions_of_delta(classic: SparkSession, tmp_path: Path) -> None:
    if not has_delta(classic):
        pytest.skip("needs ASSAY_DELTA")
    path = str(tmp_path / "questions")
    for share in ("A", "B"):
        answers = classic.range(10).selectExpr("id", f"'{share}' AS answer", "'A' AS expected")
        answers.write.format("delta").mode("overwrite").save(path)

    def evaluated(data: Any) -> assay.EvalResult:
        return assay.evaluate(data, prediction="answer", reference="expected", key="id")

    newest, first = evaluated(path), evaluated(assay.Source(path, version=0))
    assert (newest["exact_match"].estimate, newest.settings["data"]["version"]) == (0.0, 1)
    assert (first["exact_match"].estimate, first.settings["data"]["version"]) == (1.0, 0)


def test_a_gate(df: DataFrame) -> None:
    old = asked(df.withColumn("question", F.lit("3")))
    report = assay.gate(old, [{"metric": "exact_match", "margin": 0.1}], baseline=old)
    # 60 equal pairs: at most 1 - 0.025^(1/60) = 0.0596 of all pairs differ.
    assert report.outcome == "pass"
    assert assay.gate(old, [{"metric": "exact_match", "margin": 0.05}], baseline=old).outcome == "inconclusive"
    worse = asked(df)
    assert assay.gate(worse, [{"metric": "exact_match", "margin": 0.1}], baseline=old).outcome == "fail"
