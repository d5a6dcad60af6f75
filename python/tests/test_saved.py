"""Results that are kept, scored anew and compared, with plain SQL in the engine's place."""

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
from spark_assay import _commands

pytestmark = pytest.mark.standin

MODULE = importlib.import_module("spark_assay.evaluate")


@pytest.fixture
def df(spark: SparkSession) -> DataFrame:
    said = ["A", "A", "B", "!timeout", "!refused", "A"]
    rows = [(i, "ab"[i % 2], f"q{i} ={said[i % 6]}", "A") for i in range(60)]
    return spark.createDataFrame(rows, "id INT, topic STRING, question STRING, expected STRING")


@pytest.fixture
def result(df: DataFrame) -> assay.EvalResult:
    return assay.evaluate(
        df, model="m", prompt="{{ question }}", reference="expected", key="id", slices=["topic"], options={"seed": 7}
    )


def test_a_kept_result_is_loaded_as_it_was(result: assay.EvalResult, tmp_path: Path, spark: SparkSession) -> None:
    path = str(tmp_path / "run")
    result.save(path)
    loaded = assay.load(path)
    assert loaded.estimates == result.estimates
    assert loaded.settings == result.settings
    assert (loaded.metrics, loaded.models, loaded.slices) == (result.metrics, result.models, result.slices)
    assert loaded.to_text() == result.to_text()
    assert loaded.to_html() == result.to_html()
    # The path itself is a table that anything reads.
    assert spark.read.parquet(path).count() == 60
    with pytest.raises(PySparkException, match=r"PATH_ALREADY_EXISTS|DELTA_PATH_EXISTS|already exists"):
        result.save(path)
    result.rescore(level=0.9).save(path, overwrite=True)
    assert assay.load(path).level == 0.9


def test_output_is_a_kept_result(df: DataFrame, tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    made = assay.evaluate(df, prediction="question", reference="expected", key="id", output=path)
    assert assay.load(path).estimates == made.estimates


def test_what_is_no_result(tmp_path: Path, spark: SparkSession) -> None:
    for name in (str(tmp_path / "none"), "no_such_table"):
        with pytest.raises(assay.DataError, match="holds no result"):
            assay.load(name, spark=spark)


def test_settings_say_what_it_takes(result: assay.EvalResult, df: DataFrame) -> None:
    settings = result.settings
    assert settings["models"] == {"m": {"model": "m"}}
    assert (settings["prompt"], settings["options"], settings["key"]) == ("{{ question }}", {"seed": 7}, ["id"])
    assert settings["data"]["rows"] == 60
    again = assay.evaluate(df.repartition(5), prediction="question", reference="expected")
    assert again.settings["data"]["fingerprint"] == settings["data"]["fingerprint"]
    other = assay.evaluate(df.withColumn("topic", F.upper("topic")), prediction="question", reference="expected")
    assert other.settings["data"]["fingerprint"] != settings["data"]["fingerprint"]


def test_rescoring_calls_nothing(
    result: assay.EvalResult, tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    result.save(str(tmp_path / "run"))
    loaded = assay.load(str(tmp_path / "run"))
    monkeypatch.setattr("standins.llm_complete", lambda *_: pytest.fail("a model was called"))
    again = loaded.rescore(metrics=["token_f1", "distinct_n"], level=0.9)
    assert [m.label for m in again.metrics] == ["token_f1", "distinct_n"]
    assert again["token_f1"].estimate == pytest.approx(result["exact_match"].estimate / 2)
    assert again.counts == result.counts
    assert "exact_match" not in again.rows.columns
    assert again.rescore(metrics="exact_match", level=0.95).estimates == result.estimates
    # Without the refused, which count as wrong by default.
    missing = loaded.rescore(outcome_policy="missing")["exact_match"]
    assert (missing.estimate, missing.n) == (0.75, 40)


def test_bounds_say_what_the_missing_could_do(result: assay.EvalResult) -> None:
    e = result["exact_match"]
    # 30 right, 10 wrong, 10 refused (wrong), 10 timed out (missing).
    assert (e.estimate, e.n, e.usage.n_failed, e.usage.n_truncated) == (0.6, 50, 10, 0)
    assert (e.estimate_worst, e.estimate_best) == (0.5, pytest.approx(40 / 60))
    e = result.rescore(outcome_policy="missing")["exact_match"]
    assert (e.estimate_worst, e.estimate_best) == (0.5, pytest.approx(50 / 60))


def test_details_are_few_and_right(result: assay.EvalResult) -> None:
    details = result.details
    assert [(h.metric, h.edges, h.counts) for h in details.histograms] == [("exact_match", [0.0, 1.0], [10, 30])]
    assert [e.key for e in details.worst] == ["14", "2", "20", "26", "32"]
    assert details.worst[0].references == ["A"]
    assert [e.status for e in details.failed] == ["refused"] * 3 + ["timeout"] * 3
    assert details.failed[0].input["topic"] == "a"


def test_a_gate_against_a_baseline(df: DataFrame, spark: SparkSession, tmp_path: Path) -> None:
    def answered(share: str) -> assay.EvalResult:
        answers = spark.range(1000).selectExpr(
            "id", f"IF({share}, 'A', 'B') AS answer", "'A' AS expected", "id % 2 AS s"
        )
        return assay.evaluate(answers, prediction="answer", reference="expected", key="id", slices=["s"])

    old, same, worse = answered("id % 10 < 8"), answered("id % 10 > 1"), answered("id % 10 < 6")
    rule = {"metric": "exact_match", "margin": 0.06}
    verdict = assay.gate(same, [rule], baseline=old).verdicts[0]
    # 200 pairs gained, 200 lost: the standard error is sqrt(0.4 / 999) = 0.02.
    assert (verdict.outcome, verdict.message) == ("pass", "+0.000, interval -0.039 to +0.039, 1,000 pairs")
    assert assay.gate(worse, [rule], baseline=old).exit_code == 1
    assert assay.gate(same, [{**rule, "margin": 0.02}], baseline=old).outcome == "inconclusive"
    by_slice = assay.gate(worse, [{**rule, "slice": "s"}], baseline=old)
    assert [(v.where, v.outcome) for v in by_slice.verdicts] == [("answer, s = 0", "fail"), ("answer, s = 1", "fail")]
    other = old.rescore(metrics=[assay.Metric("exact_match", normalize="squad")])
    with pytest.raises(ValueError, match="the baseline's exact_match is"):
        assay.gate(same, [rule], baseline=other)


def test_the_commands(df: DataFrame, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assay.evaluate(df.withColumn("answer", F.lit("A")), prediction="answer", reference="expected", output=run)
    rules = tmp_path / "gate.yaml"
    rules.write_text("rules:\n  - {metric: exact_match, at_least: 0.8}\n")

    def gated(**changes: Any) -> int:
        arguments: dict[str, Any] = {"baseline": None, "outputs": {}, "new_session": lambda: spark}
        return _commands.run_gate(str(rules), run, **{**arguments, **changes})

    assert gated(outputs={"junit": str(tmp_path / "gate.xml"), "json": None}) == 0
    assert "Gate: PASS" in capsys.readouterr().out
    assert 'failures="0"' in (tmp_path / "gate.xml").read_text(encoding="utf-8")
    assert gated(baseline=str(tmp_path / "none")) == 2
    assert "none holds no result" in capsys.readouterr().err
    rules.write_text("rules:\n  - {metric: exact_mach, at_least: 0.8}\n")
    assert gated() == 2
    assert "there is no metric 'exact_mach'; did you mean" in capsys.readouterr().err
    outputs = {form: str(tmp_path / f"report.{form}") for form in ("html", "json", "markdown", "junit")}
    assert _commands.report(run, outputs=outputs, title="T", new_session=lambda: spark) == 0
    assert all(Path(path).is_file() for path in outputs.values())
    assert _commands.report(run, outputs={}, title=None, new_session=lambda: spark) == 0
    assert re.search(r"exact_match +estimate", capsys.readouterr().out)
