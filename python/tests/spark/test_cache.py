"""Tables of answers and plans, with the jar and Delta."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay import Cache
from spark_assay import functions as fn

N = 60
needs_delta = pytest.mark.skipif(
    not os.environ.get("ASSAY_DELTA"), reason="needs Delta: set ASSAY_DELTA to a file with its class path"
)


@pytest.fixture(autouse=True)
def _settings_stay(spark: SparkSession) -> Iterator[None]:
    keys = [f"spark.assay.cache.{name}" for name in ("mode", "table", "ttl")]
    before = {key: spark.conf.get(key, None) for key in keys}
    yield
    assert {key: spark.conf.get(key, None) for key in keys} == before


@pytest.fixture
def df(spark: SparkSession, tmp_path: Path) -> DataFrame:
    # A name in each prompt, so that no other test has bought the answers.
    return spark.range(N).selectExpr(
        "CAST(id AS INT) AS id",
        f"concat('{tmp_path.name} ', id % 40) AS question",
        f"concat('{tmp_path.name} ', id % 20) AS answer",
    )


@pytest.fixture
def table(tmp_path: Path) -> str:
    return str(tmp_path / "answers")


def evaluated(df: DataFrame, **changes: Any) -> assay.EvalResult:
    arguments: dict[str, Any] = {"model": "echo", "prompt": "{{ question }}", "reference": "answer", "key": "id"}
    return assay.evaluate(df, **{**arguments, **changes})


@needs_delta
def test_a_table_serves_the_next_evaluation(spark: SparkSession, df: DataFrame, table: str) -> None:
    first = evaluated(df, cache=table)
    rate = assay.cache.hit_rate(first.rows)
    assert (rate["rows"], rate["hits"], rate["shared"], rate["rate"]) == (N, 0, N - 40, 0)
    stored = assay.cache.inspect(spark, table)
    assert stored.where("status = 'ok' AND response.text IS NOT NULL").count() == 40
    assert spark.read.format("delta").load(table).count() == 40  # evaluate has waited for it

    again = evaluated(df, metrics=["exact_match", "token_f1"], cache=Cache(table, mode="replay"))
    assert assay.cache.hit_rate(again.rows)["rate"] == 1
    assert again["exact_match"].estimate == first["exact_match"].estimate
    missed = evaluated(df.withColumn("question", F.concat("question", F.lit("?"))), cache=Cache(table, mode="replay"))
    assert missed["exact_match"].usage.n_by_status == {"replay_miss": N}


@needs_delta
def test_what_is_done_to_a_table(spark: SparkSession, df: DataFrame, table: str, tmp_path: Path) -> None:
    evaluated(df, cache=table)
    assay.cache.export(spark, str(tmp_path / "copy"), table)
    assert spark.read.parquet(str(tmp_path / "copy")).count() == 40
    with pytest.raises(ValueError, match="needs a condition"):
        assay.cache.invalidate(spark, table)
    one = df.where("id = 3").select(fn.llm_request_key("echo", "question")).first()
    assert one is not None
    assert assay.cache.invalidate(spark, table, request_key=one[0]) == 1
    assert assay.cache.invalidate(spark, table, older_than="1d") == 0
    assert assay.cache.invalidate(spark, table, model="mock-1", status="ok") == 39
    assert assay.cache.fold(spark, table) == {"files": 0, "inserted": 0, "updated": 0, "dropped": 0}
    assert set(assay.cache.vacuum(spark, table)) == {"journals_deleted", "files_before", "files"}
    with pytest.raises(PySparkException, match="ASSAY_CACHE_TABLE"):
        assay.cache.inspect(spark, str(tmp_path / "none")).count()


@needs_delta
def test_a_plan_knows_what_the_table_has(spark: SparkSession, df: DataFrame, table: str) -> None:
    assay.add_model(
        spark,
        "priced",
        provider="mock",
        model="p-1",
        mock_reply="{{ prompt }}",
        price_input=1.0,
        price_output=2.0,
        requests_per_minute=60,
    )
    arguments: dict[str, Any] = {"model": "priced", "prompt": "{{ question }}", "options": {"max_tokens": 10}}
    before = assay.plan(df, cache=table, **arguments).models[0]
    assert (before.rows, before.requests, before.hits, before.calls) == (N, 40, 0, 40)
    assert before.max_output_tokens == 400
    assert before.output_tokens is None
    assert before.max_cost_usd == pytest.approx((before.input_tokens + 800) / 1e6)
    assert (before.seconds, before.limit) == (40, "60 requests a minute")

    half = df.where("id % 40 < 20")
    assay.evaluate(
        half,
        reference="answer",
        key="id",
        cache=table,
        model="priced",
        prompt="{{ question }}",
        options={"max_tokens": 10},
    )
    after = assay.plan(df, cache=table, **arguments)
    planned = after.models[0]
    assert (planned.requests, planned.hits, planned.calls) == (40, 20, 20)
    assert planned.output_tokens is not None
    assert planned.cost_usd is not None
    assert planned.min_cost_usd is not None
    assert planned.max_cost_usd is not None
    assert planned.min_cost_usd <= planned.cost_usd <= planned.max_cost_usd
    text = after.to_text()
    assert "priced" in text
    assert "60 requests a minute" in text
    assert "Nothing was called." in text
    assert "priced" in after._repr_html_()
    replayed = assay.plan(df, cache=Cache(table, mode="replay"), **arguments).models[0]
    assert (replayed.hits, replayed.calls, replayed.cost_usd) == (20, 0, 0)


def test_a_plan_without_a_table(spark: SparkSession, df: DataFrame) -> None:
    planned = assay.plan(
        df.unionByName(df.limit(1).withColumn("question", F.lit(None))), model="echo", prompt=F.col("question")
    )
    model = planned.models[0]
    assert (model.rows, model.no_prompt, model.requests, model.calls) == (N, 1, 40, 40)
    assert (model.cost_usd, model.seconds, model.max_output_tokens) == (None, None, None)
    assert "no price is known" in planned.to_text()
    with pytest.raises(PySparkException, match="ASSAY_UNKNOWN_MODEL"):
        assay.plan(df, model="eccho", prompt="{{ question }}")


def test_a_second_action_calls_nothing_by_default(spark: SparkSession, df: DataFrame) -> None:
    rows = df.select(fn.llm_complete("echo", "question").alias("completion"))
    first = rows.select("completion.answered_at").collect()
    assert {row[0] for row in first} == {row[0] for row in rows.select("completion.answered_at").collect()}
    assert assay.cache.hit_rate(rows)["rate"] == 1


@pytest.mark.parametrize(
    ("cache", "error"),
    [("", TypeError), (3, TypeError), ("read", ValueError)],
)
def test_what_cache_may_be(df: DataFrame, cache: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        evaluated(df, cache=cache)


def test_settings_are_checked() -> None:
    assert Cache("t", ttl="7d").settings() == {
        "spark.assay.cache.mode": "read_write",
        "spark.assay.cache.table": "t",
        "spark.assay.cache.ttl": "7d",
    }
    with pytest.raises(ValueError, match="did you mean 'replay'"):
        Cache("t", mode="repaly")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ttl must be"):
        Cache("t", ttl="soon")
