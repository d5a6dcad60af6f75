"""`evaluate` and `preview` with the jar."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay

N = 200


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    return spark.range(N).selectExpr(
        "CAST(id AS INT) AS id",
        "concat('topic ', id % 3) AS topic",
        "concat('answer ', id) AS question",
        "IF(id % 4 = 0, array('something else'), array(concat('answer ', id), 'other')) AS answers",
    )


def asked(df: DataFrame, **changes: Any) -> assay.EvalResult:
    arguments: dict[str, Any] = {"model": "echo", "prompt": "{{ question }}", "reference": "answers", "key": "id"}
    return assay.evaluate(df, **{**arguments, **changes})


def test_a_model_is_asked_and_scored(df: DataFrame) -> None:
    result = asked(df, metrics=["exact_match", "token_f1", "contains"], slices=["topic"])
    e = result["exact_match"]
    assert (e.estimate, e.n, e.n_null, e.method) == (0.75, N, 0, "wilson")
    assert e.lower is not None
    assert e.upper is not None
    assert e.lower < 0.75 < e.upper
    assert result["token_f1"].method == "hall"
    assert result.rows.where("prediction != input.question OR prediction IS NULL").count() == 0
    assert sum(e.usage.n_rows for e in result.estimates if e.slice == "topic" and e.metric == "contains") == N


def test_the_same_rows_on_any_partitioning(df: DataFrame) -> None:
    def scored(frame: DataFrame) -> list[Any]:
        result = asked(frame, metrics=["exact_match", "token_f1"])
        columns = ("key", "prediction", "exact_match", "token_f1", "completion.request_key")
        return [*result.rows.select(*columns).orderBy("key").collect(), *(e.as_tuple() for e in result.estimates)]

    first = scored(df)
    assert first == scored(df.repartition(7))
    assert first == scored(df.coalesce(1))


def test_later_actions_pay_nothing(spark: SparkSession, df: DataFrame) -> None:
    result = asked(df)
    columns = ("key", "completion.answered_at", "completion.latency_ms")
    first = result.rows.select(*columns).orderBy("key").collect()
    again = result.rows.repartition(7).select(*columns).orderBy("key").collect()
    assert first == again
    assert result.summary.count() == 1
    assert result.rows.where("exact_match = 0").count() == N // 4


def test_failed_calls_are_not_scores(spark: SparkSession, df: DataFrame) -> None:
    assay.add_model(
        spark, "flaky", provider="mock", model="m", mock_reply="{{ prompt }}", mock_error_rate=0.3, max_retries=0
    )
    result = asked(df, model=["flaky", "echo"])
    e = result.estimate("exact_match", model="flaky")
    assert 0 < e.usage.n_failed < N
    assert e.n == N - e.usage.n_failed == e.usage.n_ok
    assert sum(e.usage.n_by_status.values()) == N
    assert result.rows.where("status != 'ok' AND exact_match IS NOT NULL").count() == 0
    # A failure takes no side: the rows that answered have the same score as with the model that never fails.
    right = result.rows.where("model = 'flaky' AND exact_match = 1").count()
    assert e.estimate == pytest.approx(right / e.n)
    assert result.estimate("exact_match", model="echo").usage.n_failed == 0
    assert f"{e.usage.n_failed} calls failed" in re.sub(r"\n  (?=[a-z])", " ", result.to_text())


def test_cost_and_tokens(spark: SparkSession, df: DataFrame) -> None:
    assay.add_model(spark, "priced", provider="mock", model="m", price_input=1, price_output=2)
    result = asked(df, model="priced")
    assert result.cost_usd is not None
    assert result.input_tokens is not None
    assert result.output_tokens is not None
    spent = (result.input_tokens * 1 + result.output_tokens * 2) / 1e6
    assert result.cost_usd == pytest.approx(spent)
    assert asked(df, cache="off").cost_usd is None


def test_chat_templates_and_options(df: DataFrame) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ question }}"}]
    result = asked(df, prompt=chat, options={"temperature": 0, "seed": F.col("id"), "stop": ["END"]})
    assert result["exact_match"].estimate == 0.75
    assert result.rows.select("completion.request_key").distinct().count() == N


def test_rows_without_a_prompt(df: DataFrame) -> None:
    result = asked(df.withColumn("question", F.when(F.col("id") < 150, F.col("question"))))
    assert result.counts == {"echo": {"no_prompt": 50, "ok": 150}}
    assert result["exact_match"].n == 150
    chat = [{"role": "user", "content": "{{ question }}"}]
    result = asked(df.withColumn("question", F.when(F.col("id") < 150, F.col("question"))), prompt=chat)
    assert result["exact_match"].usage.n_failed == 50


def test_answers_that_exist(df: DataFrame) -> None:
    answered = df.withColumn("always", F.lit("something else"))
    result = assay.evaluate(
        answered, prediction={"same": "question", "constant": "always"}, reference="answers", slices=["topic"]
    )
    assert result.estimate("exact_match", model="same").estimate == 0.75
    assert result.estimate("exact_match", model="constant").estimate == 0.25
    assert result.rows.select("key").distinct().count() == N


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "ecko"}, r"ASSAY_UNKNOWN_MODEL.*'echo'"),
        ({"prompt": "{{ qestion }}"}, r"ASSAY_TEMPLATE_VARIABLE.*did you mean 'question'"),
        ({"prompt": "{{ question"}, "ASSAY_TEMPLATE_SYNTAX"),
        ({"options": {"temprature": 0}}, r"ASSAY_UNKNOWN_OPTION.*did you mean 'temperature'"),
        ({"options": {"temperature": 5}}, "ASSAY_INVALID_OPTION"),
        ({"metrics": [assay.Metric("token_f1", variant="v3")]}, "ASSAY_INVALID_OPTION"),
    ],
)
def test_the_engine_refuses_before_any_call(df: DataFrame, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PySparkException, match=says):
        asked(df, **changes)


def test_an_option_of_the_query_cannot_be_a_column(df: DataFrame) -> None:
    with pytest.raises(PySparkException, match="ASSAY_INVALID_OPTION"):
        asked(df, options={"temperature": F.col("id")})


def test_preview(df: DataFrame) -> None:
    preview = assay.preview(df.orderBy("id"), model="echo", prompt="Q: {{ question }}", n=2, options={"seed": 1})
    assert [r["messages"][-1]["content"] for r in preview.requests] == ["Q: answer 0", "Q: answer 1"]
    assert preview.requests[0]["options"] == {"seed": 1}
    rendered = assay.preview(df.orderBy("id"), prompt="Q: {{ question }}", n=1)
    assert rendered.requests == [{"messages": [{"role": "user", "content": "Q: answer 0"}]}]
    assert "Q: answer 0" in preview._repr_html_()
