"""What Python does around the engine, with plain SQL in the engine's place (see ``standins``)."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay import status, summary
from spark_assay._columns import call

pytestmark = pytest.mark.standin

# Under this name the package has the function.
MODULE = importlib.import_module("spark_assay.evaluate")

SCHEMA = "id INT, topic STRING, question STRING, answer STRING, expected ARRAY<STRING>"


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    topics = ["rivers", "lakes", None]
    said = ["A", "A", "B", "!timeout", "!refused", "A"]
    rows = [(i, topics[i % 3], f"q{i} ={said[i % 6]}", None if i % 6 == 3 else said[i % 6], ["A"]) for i in range(60)]
    return spark.createDataFrame(rows, SCHEMA)


def asked(df: DataFrame, **changes: Any) -> assay.EvalResult:
    arguments: dict[str, Any] = {"model": "m", "prompt": "{{ question }}", "reference": "expected", "key": "id"}
    return assay.evaluate(df, **{**arguments, **changes})


def test_statuses_and_scores(df: DataFrame) -> None:
    result = asked(df, metrics=["exact_match", "token_f1"])
    rows = {row["key"]: row for row in result.rows.collect()}
    assert len(rows) == 60
    for i in range(6):
        assert rows[i]["model"] == "m"
        assert rows[i]["input"]["question"].startswith(f"q{i} =")
    assert [rows[i]["status"] for i in range(6)] == ["ok", "ok", "ok", "timeout", "refused", "ok"]
    assert [rows[i]["exact_match"] for i in range(6)] == [1.0, 1.0, 0.0, None, None, 1.0]
    assert [rows[i]["token_f1"] for i in range(6)] == [0.5, 0.5, 0.0, None, None, 0.5]
    assert result.counts == {"m": {"ok": 40, "refused": 10, "timeout": 10}}
    assert (result.cost_usd, result.input_tokens, result.output_tokens) == (15.0, 600, 120)


def test_failures_are_missing_and_refusals_wrong(df: DataFrame) -> None:
    e = asked(df)["exact_match"]
    assert (e.n, e.n_null, e.estimate) == (50, 10, 30 / 50)
    assert (e.estimate_wrong, e.estimate_missing) == (30 / 50, 30 / 40)
    assert (e.usage.n_rows, e.usage.n_ok, e.usage.n_outcome, e.usage.n_failed) == (60, 40, 10, 10)
    assert e.outcome_policy == "wrong"
    missing = asked(df, outcome_policy="missing")["exact_match"]
    assert (missing.n, missing.n_null, missing.estimate) == (40, 20, 30 / 40)
    assert (missing.estimate_wrong, missing.estimate_missing) == (30 / 50, 30 / 40)


def test_a_refusal_without_a_reference_is_not_wrong(spark: SparkSession) -> None:
    rows = [
        (1, "=!refused", ["A"]),
        (2, "=!refused", None),
        (3, "=!refused", []),
        (4, "=!refused", [None]),
        (5, "=A", None),
    ]
    df = spark.createDataFrame(rows, "id INT, question STRING, expected ARRAY<STRING>")
    e = asked(df)["exact_match"]
    assert (e.n, e.n_null, e.estimate) == (1, 4, 0.0)
    text = df.withColumn("expected", F.get("expected", F.lit(0)))
    e = asked(text)["exact_match"]
    assert (e.n, e.n_null) == (1, 4)


def test_rows_are_computed_once(df: DataFrame) -> None:
    result = asked(df, model=["m", "n"])
    columns = ("key", "model", "completion.answered_at")
    first = result.rows.select(*columns).orderBy("key", "model").collect()
    again = result.rows.repartition(7).select(*columns).orderBy("key", "model").collect()
    assert first == again
    assert len({row["answered_at"] for row in first}) == 120
    result.unpersist()


@pytest.mark.parametrize("partitions", [1, 7])
def test_partitioning_changes_nothing(df: DataFrame, partitions: int) -> None:
    def scored(frame: DataFrame, key: str | None) -> list[Any]:
        result = asked(frame, key=key, slices=["topic"])
        columns = ("key", "model", "prediction", "status", "exact_match")
        return [*result.rows.select(*columns).orderBy("key").collect(), *(e.as_tuple() for e in result.estimates)]

    for key in ("id", None):
        assert scored(df, key) == scored(df.repartition(partitions), key)


def test_several_models_are_in_long_form(df: DataFrame) -> None:
    result = asked(df, model=["m", "n"], slices=["topic"])
    assert result.rows.count() == 120
    assert [e.model for e in result.estimates[:2]] == ["m", "n"]
    assert result.rows.where("model != completion.model").count() == 0
    assert {(e.slice, e.value) for e in result.estimates} == {
        (None, None),
        ("topic", "rivers"),
        ("topic", "lakes"),
        ("topic", None),
    }
    assert result.estimate("exact_match", model="n", slice="topic", value="lakes").usage.n_rows == 20


def test_summary_is_a_frame(df: DataFrame) -> None:
    result = asked(df, slices=["topic"])
    summary = result.summary
    assert summary.count() == 4
    row = summary.where("slice IS NULL").first()
    assert row is not None
    assert row["n_by_status"] == {"ok": 40, "refused": 10, "timeout": 10}
    assert (row["metric"], row["model"], row["estimate"], row["n_failed"], row["level"]) == (
        "exact_match",
        "m",
        0.6,
        10,
        0.95,
    )


def test_answers_that_exist(df: DataFrame) -> None:
    result = assay.evaluate(df, prediction="answer", reference="expected", key="id")
    assert result.models == ["answer"]
    assert "completion" not in result.rows.columns
    assert result.counts == {"answer": {"no_prediction": 10, "ok": 50}}
    assert result["exact_match"].n == 50
    assert result.cost_usd is None


def test_named_answers_and_the_hash_key(df: DataFrame) -> None:
    doubled = df.drop("id").union(df.drop("id")).withColumn("other", F.lit("A"))
    result = assay.evaluate(doubled, prediction={"old": "answer", "new": "other"}, reference="expected")
    keys = result.rows.groupBy("model").agg(F.count("key").alias("n"), F.count_distinct("key").alias("d"))
    assert {(row["model"], row["n"], row["d"]) for row in keys.collect()} == {("old", 120, 120), ("new", 120, 120)}
    assert result.rows.where("key LIKE '%-2'").count() == 120
    # The answers are not part of the identity: the same examples with other answers have the same keys.
    changed = doubled.withColumn("other", F.lit("B"))
    again = assay.evaluate(changed, prediction={"old": "answer", "new": "other"}, reference="expected")
    assert again.rows.select("key").exceptAll(result.rows.select("key")).count() == 0


def test_completions_are_answers_too(df: DataFrame) -> None:
    completed = df.withColumn("c", call("llm_complete", F.lit("m"), F.col("question")))
    result = assay.evaluate(completed, prediction="c", reference="expected", key="id")
    assert result.counts == {"c": {"ok": 40, "refused": 10, "timeout": 10}}
    assert result["exact_match"].n == 50
    assert "completion" in result.rows.columns


def test_compound_keys(df: DataFrame) -> None:
    result = asked(
        df.withColumn("half", F.col("id") % 2).withColumn("no", F.floor(F.col("id") / 2)), key=["half", "no"]
    )
    assert result.rows.select("key.half", "key.no").distinct().count() == 60


def test_output_is_written_and_read_back(df: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "rows")
    result = asked(df, output=path)
    assert df.sparkSession.read.parquet(path).count() == 60
    assert result["exact_match"].n == 50
    with pytest.raises(PySparkException, match=r"PATH_ALREADY_EXISTS|DELTA_PATH_EXISTS|already exists"):
        asked(df, output=path)


def test_no_rows_at_all(df: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_materialize", lambda *_: pytest.fail("something ran"))
    with pytest.raises(assay.DataError, match="there are no rows to evaluate"):
        asked(df.limit(0), model=["m", "n"])
    with pytest.raises(assay.DataError, match="there are no rows to evaluate in the sample"):
        asked(df.limit(1), sample=1e-9)


def test_only_columns_of_the_template_are_carried(df: DataFrame) -> None:
    rendered = assay.preview(df.limit(1), prompt="{{ question }} {{ topic }}").requests[0]["messages"][0]["content"]
    assert set(re.findall(r'"(\w+)":', rendered)) == {"question", "topic"}


def test_column_names_need_no_care(df: DataFrame) -> None:
    odd = df.withColumnRenamed("expected", "the.right `one`").withColumnRenamed("topic", "a.b")
    result = asked(odd, reference="the.right `one`", slices=["a.b"], prompt=F.col("question"))
    assert result["exact_match"].n == 50


def test_names_of_result_columns_are_free_for_data(df: DataFrame) -> None:
    names = [
        "key",
        "model",
        "prediction",
        "status",
        "completion",
        "input",
        "exact_match",
        "reference",
        "answer_0",
        "value",
    ]
    many = df.select("*", *(F.col("topic").alias(name) for name in names))
    result = asked(many, slices=names)
    for name in names:
        assert result.estimate("exact_match", slice=name, value="rivers").usage.n_rows == 20
    same = df.select("id", "expected", *(F.col("answer").alias(name) for name in names))
    result = assay.evaluate(same, prediction={name: name for name in names}, reference="expected")
    assert [e.n for e in result.estimates] == [50] * len(names)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"prediction": "answer"}, ValueError, "give either model="),
        ({"model": None}, ValueError, "give either model="),
        ({"model": []}, ValueError, "model is an empty list"),
        ({"model": ["m", "m"]}, ValueError, "model names something twice"),
        ({"model": 3}, TypeError, "model must be a name"),
        ({"prompt": None}, ValueError, "model= needs prompt="),
        ({"prompt": 3}, TypeError, "prompt must be a template, a column or a list"),
        ({"prompt": []}, ValueError, "empty list of messages"),
        ({"prompt": [{"role": "user"}]}, ValueError, "message 1 of the prompt must have a role and a content"),
        ({"prompt": [{"role": "usr", "content": "a"}]}, ValueError, "role 'usr'; did you mean 'user'?"),
        ({"prompt": "What is it?"}, ValueError, "the prompt uses no column"),
        ({"prompt": F}, TypeError, "not a module"),
        ({"reference": None}, ValueError, "exact_match compares with a reference"),
        ({"reference": "expcted"}, ValueError, "reference: there is no column 'expcted'; did you mean 'expected'?"),
        ({"reference": "id"}, ValueError, "reference must be STRING or ARRAY<STRING>, not int"),
        ({"key": "idd"}, ValueError, "key: there is no column 'idd'; did you mean 'id'?"),
        ({"slices": ["topik"]}, ValueError, "slices: there is no column 'topik'; did you mean 'topic'?"),
        ({"slices": ["expected"]}, ValueError, "slices: column 'expected' is array<string>"),
        ({"metrics": ["exact"]}, ValueError, "there is no metric 'exact'; did you mean 'exact_match'?"),
        ({"options": 3}, TypeError, "options must be a dict"),
        ({"options": {"seed": object()}}, TypeError, "option 'seed' cannot be a object"),
        ({"level": 95}, ValueError, "level must be a number between 0 and 1"),
        ({"level": True}, ValueError, "level must be a number between 0 and 1"),
        ({"outcome_policy": "zero"}, ValueError, "outcome_policy must be 'wrong' or 'missing'"),
        ({"output": ""}, TypeError, "output must be a path"),
        ({"model": None, "prompt": None, "prediction": "anser"}, ValueError, "did you mean 'answer'?"),
        ({"model": None, "prediction": "answer"}, ValueError, "prompt= goes with model="),
        ({"model": None, "prompt": None, "prediction": {}}, TypeError, "prediction must be"),
        ({"model": None, "prompt": None, "prediction": "id"}, ValueError, "column 'id' must be STRING"),
        ({"model": None, "prompt": None, "prediction": 3}, TypeError, "prediction must be a column's name or a dict"),
    ],
)
def test_mistakes_show_before_anything_runs(
    df: DataFrame, changes: dict[str, Any], error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "_materialize", lambda *_: pytest.fail("something ran"))
    with pytest.raises(error, match=re.escape(says)):
        asked(df, **changes)


def test_keys_are_checked_before_any_call(df: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_materialize", lambda *_: pytest.fail("something was called"))
    with pytest.raises(
        assay.DataError, match=r"key 'topic' is NULL in 20 rows and is not unique: 2 values .* in 40 rows"
    ):
        asked(df, key="topic")
    with pytest.raises(assay.DataError, match="key 'topic, id' is NULL in 20 rows"):
        asked(df, key=["topic", "id"])
    monkeypatch.setattr("spark_assay.summary.MAX_GROUPS", 10)
    with pytest.raises(assay.DataError, match=r"'id' has about .* values"):
        asked(df, slices=["id"])


def test_keys_of_answers_are_checked(df: DataFrame) -> None:
    with pytest.raises(assay.DataError, match="key 'topic' is NULL in 20 rows and is not unique"):
        assay.evaluate(df, prediction="answer", reference="expected", key="topic")
    two = df.withColumn("b", F.col("answer"))
    assert assay.evaluate(two, prediction={"a": "answer", "b": "b"}, reference="expected", key="id").models == [
        "a",
        "b",
    ]


def test_other_things_than_frames() -> None:
    with pytest.raises(TypeError, match="df must be a Spark DataFrame, not a list"):
        assay.evaluate([1], prediction="a", reference="b")  # type: ignore[arg-type]


def test_columns_that_differ_by_case_only(df: DataFrame) -> None:
    with pytest.raises(ValueError, match="two columns called 'ID'"):
        asked(df.select("*", F.col("id").alias("ID")))


def test_every_status_has_one_meaning() -> None:
    names = [status.OK, *status.OUTCOMES, *status.INFRASTRUCTURE, status.NO_PREDICTION]
    assert len(set(names)) == len(names) == 17
    assert set(names) - {"ok"} == set(status.WORDS)


def test_hash_keys_tell_everything_apart(spark: SparkSession) -> None:
    df = spark.sql(
        """SELECT * FROM VALUES
        ('a', NULL, TIMESTAMP '2026-01-01 00:00:00.000001', 'x', array('r')),
        ('a', '', TIMESTAMP '2026-01-01 00:00:00.000001', 'x', array('r')),
        ('a', '', TIMESTAMP '2026-01-01 00:00:00.000002', 'x', array('r')),
        ('a', '', TIMESTAMP '2026-01-01 00:00:00.000002', 'y', array('r')),
        ('a', '', TIMESTAMP '2026-01-01 00:00:00.000002', 'z', array('r')) AS t(a, b, at, answer, expected)"""
    )
    keys = assay.evaluate(df, prediction="answer", reference="expected").rows.orderBy("prediction").collect()
    hashes = {row["key"].split("-")[0] for row in keys}
    assert len(hashes) == 3
    # Equal but for the answer: numbered by the answer, so that the numbers come out the same every time.
    assert len({row["key"] for row in keys}) == 5


def test_preview_shows_messages_and_calls_nothing(df: DataFrame) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ question }}"}]
    preview = assay.preview(df.orderBy("id"), prompt=chat, n=2)
    assert [m["role"] for m in preview.requests[0]["messages"]] == ["system", "user"]
    assert preview.requests[0]["messages"][0]["content"] == "Be brief."
    assert "q1 =A" in preview.to_text()
    assert "2 requests rendered, none sent." in str(preview)
    whole = assay.preview(df, model="m", prompt="{{ question }}", options={"temperature": 0.5})
    assert len(whole.requests) == 5
    assert whole.requests[0]["options"] == {"temperature": 0.5}
    page = assay.preview(df.withColumn("question", F.lit("<b>&\x1b")), prompt="{{ question }}", n=1)._repr_html_()
    assert "<b>" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("n", [0, -1, 1.5, True])
def test_preview_takes_some_rows(df: DataFrame, n: Any) -> None:
    with pytest.raises(ValueError, match="n must be a whole number"):
        assay.preview(df, prompt="{{ question }}", n=n)
    with pytest.raises(ValueError, match="options= goes with model="):
        assay.preview(df, prompt="{{ question }}", options={"seed": 1})


def test_an_interval_ends_where_the_metric_does() -> None:
    f1, wer = assay.Metric("token_f1"), assay.Metric("wer")
    assert [summary._within(f1, x) for x in (-0.4, 0.3, 1.7, None)] == [0.0, 0.3, 1.0, None]
    assert summary._within(wer, -0.4) == -0.4
