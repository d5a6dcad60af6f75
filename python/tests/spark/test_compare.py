"""`compare`, clusters and weights over the jar."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

import spark_assay as assay
from spark_assay import cli

N = 120


def answers(spark: SparkSession) -> DataFrame:
    """Right in both, in one, in none: 50, 24 for new, 8 for old, the rest; the third model is old again."""
    rows = []
    for i in range(N):
        old = "yes" if i < 50 or 74 <= i < 82 else "no"
        new = "yes" if i < 74 else "no"
        rows.append((i, "yes", old, new, old, "ab"[i % 2], i // 3, float(i % 4)))
    random.Random(3).shuffle(rows)
    return spark.createDataFrame(
        rows, "id INT, expected STRING, old STRING, new STRING, same STRING, side STRING, doc INT, w DOUBLE"
    )


def evaluated(spark: SparkSession, **changes: Any) -> assay.EvalResult:
    given: dict[str, Any] = {
        "prediction": {"old": "old", "new": "new"},
        "reference": "expected",
        "key": "id",
        "metrics": ["exact_match", "token_f1"],
    }
    return assay.evaluate(answers(spark), **{**given, **changes})


def midp(b: int, c: int) -> float:
    """Two-sided mid-p of McNemar's test, from the binomial distribution itself."""
    n, k = b + c, min(b, c)
    below = sum(math.comb(n, i) for i in range(k)) / 2**n
    return 2 * below + math.comb(n, k) / 2**n


def test_a_pair_of_models(spark: SparkSession) -> None:
    found = assay.compare(evaluated(spark))
    pair = found.pair()
    d = pair.difference
    assert (pair.role, pair.metric, pair.candidate, pair.baseline) == ("primary", "exact_match", "new", "old")
    assert (d.n, d.n_higher, d.n_lower, d.method) == (N, 24, 8, "mcnemar_midp")
    assert d.estimate == pytest.approx(16 / N)
    assert (d.candidate_mean, d.baseline_mean) == (pytest.approx(74 / N), pytest.approx(58 / N))
    assert d.p_value == pytest.approx(midp(24, 8), rel=1e-9)
    assert pair.p_adjusted == d.p_value
    assert (pair.verdict, pair.stable) == ("better", True)
    assert d.lower is not None
    assert d.lower > 0
    assert pair.sentence.startswith("new is better than old by exact_match (+0.133 on 120 pairs, 95 % interval ")
    assert found["token_f1"].role == "secondary"
    # The t test of so many pairs: what it finds with 80 % is 2.8 standard errors.
    spread = math.sqrt((32 - 16**2 / N) / (N - 1) / N)
    assert d.detectable == pytest.approx(2.8 * spread, rel=0.02)


def test_p_values_of_several_pairs_are_adjusted(spark: SparkSession) -> None:
    three = {"old": "old", "new": "new", "same": "same"}
    found = assay.compare(evaluated(spark, prediction=three, slices=["side"]))
    by_models = {(p.candidate, p.baseline): p for p in found if p.role == "primary"}
    assert list(by_models) == [("new", "old"), ("same", "old"), ("same", "new")]
    # Two of three are as small as each other: Holm takes both times three.
    assert by_models["new", "old"].p_adjusted == pytest.approx(min(1, 3 * midp(24, 8)), rel=1e-9)
    assert by_models["same", "new"].verdict == "worse"
    assert by_models["same", "old"].verdict == "not_shown"
    assert {p.adjustment for p in found if p.role != "primary" and p.p_adjusted is not None} == {"fdr_bh"}
    assert {(p.difference.slice, p.difference.value) for p in found if p.role == "slice"} == {
        ("side", "a"),
        ("side", "b"),
    }
    assert "Only exact_match over all rows decides." in found.to_text()
    assert found.to_dataframe().count() == len(found) == 3 * 2 * 3
    assert "| exact\\_match | all rows | new - old | +0.133 |" in found.to_markdown()


def test_what_matters_and_what_does_not(spark: SparkSession) -> None:
    result = evaluated(spark)
    assert assay.compare(result, smallest_effect=0.2).pair().verdict == "negligible"
    assert (
        "by less than what matters, 0.2" in assay.compare(result, smallest_effect={"exact_match": 0.2}).pair().sentence
    )
    assert assay.compare(result, smallest_effect=0.1).pair().verdict == "better"
    same = evaluated(spark, prediction={"old": "old", "same": "same"})
    assert assay.compare(same).pair().verdict == "not_shown"


def test_a_verdict_that_failed_calls_could_turn_is_unstable(spark: SparkSession) -> None:
    def frame(failed: int) -> DataFrame:
        rows = []
        for i in range(60):
            # New is right in ten rows where old is not.
            old = (None, "timeout") if i >= 60 - failed else ("yes" if i < 20 else "no", "ok")
            rows.append((i, "yes", old, ("yes" if i < 30 else "no", "ok")))
        return spark.createDataFrame(
            rows, "id INT, e STRING, old STRUCT<text: STRING, status: STRING>, new STRUCT<text: STRING, status: STRING>"
        )

    def pair(failed: int) -> assay.PairedComparison:
        given = {"old": "old", "new": "new"}
        return assay.compare(assay.evaluate(frame(failed), prediction=given, reference="e", key="id")).pair()

    whole, few, many = pair(0), pair(1), pair(12)
    assert (whole.verdict, whole.stable) == ("better", True)
    assert (few.verdict, few.stable, few.difference.n_absent) == ("better", True, 1)
    assert (many.verdict, many.stable, many.difference.n_absent) == ("better", False, 12)
    assert many.difference.least is not None
    assert many.difference.least.estimate == pytest.approx((10 - 12) / 60)
    assert many.difference.most is not None
    assert many.difference.most.estimate == pytest.approx(10 / 60)
    assert "Unstable: the answers of 12 pairs with a failed call could turn it." in many.sentence


def test_two_results_are_joined_by_key(spark: SparkSession) -> None:
    df = answers(spark)
    given: dict[str, Any] = {"reference": "expected", "key": "id"}
    old = assay.evaluate(df.where("id < 100"), prediction={"m": "old"}, **given)
    new = assay.evaluate(df.where("id >= 10").repartition(7), prediction={"m": "new"}, **given)
    d = assay.compare(new, old).pair().difference
    assert (d.n, d.n_only_candidate, d.n_only_baseline, d.n_higher, d.n_lower) == (90, 20, 10, 24, 8)


def test_clusters(spark: SparkSession) -> None:
    result = evaluated(spark, cluster="doc")
    estimate = result.estimate("exact_match", model="new")
    # Documents of three rows: all right, all wrong, and one with two of three.
    sums = [sum(1 for i in range(doc * 3, doc * 3 + 3) if i < 74) - 3 * 74 / N for doc in range(N // 3)]
    assert estimate.method == "cr2"
    expected = math.sqrt(sum(s * s for s in sums) / (1 - 3 / N)) / N
    assert estimate.std_error == pytest.approx(expected, rel=1e-9)
    pair = assay.compare(result).pair()
    assert pair.difference.method == "cluster_t"
    assert pair.difference.p_value is not None
    assert pair.difference.p_value > midp(24, 8)
    assert result.settings["cluster"] == ["doc"]
    several = evaluated(spark, cluster=["doc", "side"])
    assert several.estimate("exact_match", model="new").method == "cr2"
    again = result.rescore(metrics="token_f1")
    assert again.estimate("token_f1", model="new").std_error == pytest.approx(expected, rel=1e-9)


def test_weights(spark: SparkSession) -> None:
    result = evaluated(spark, weights="w")
    total = sum(i % 4 for i in range(N))
    right = sum(i % 4 for i in range(74))
    estimate = result.estimate("exact_match", model="new")
    assert estimate.estimate == pytest.approx(right / total)
    d = assay.compare(result).pair().difference
    gain = sum(i % 4 for i in range(50, 74)) - sum(i % 4 for i in range(74, 82))
    assert (d.estimate, d.p_value) == (pytest.approx(gain / total), None)
    assert "a weighted mean" in result.to_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cluster": "dok"}, "cluster: there is no column 'dok'; did you mean 'doc'?"),
        ({"cluster": "doc", "weights": "w"}, "give cluster= or weights=, not both"),
        ({"weights": "side"}, "weights: column 'side' is string, not numeric"),
    ],
)
def test_mistakes_of_clusters_and_weights(spark: SparkSession, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")):
        evaluated(spark, **changes)


def test_weights_that_are_none(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, "a", -1.0), (2, "b", None), (3, "c", 1.0)], "id INT, a STRING, w DOUBLE")
    with pytest.raises(assay.DataError, match="weights: 'w' is NULL, negative or no number in 2 rows"):
        assay.evaluate(df, prediction="a", reference="a", key="id", weights="w")


def test_mistakes_of_compare(spark: SparkSession) -> None:
    one = evaluated(spark, prediction={"old": "old"})
    two = evaluated(spark)
    with pytest.raises(ValueError, match="compare needs a second result, or one with several models"):
        assay.compare(one)
    with pytest.raises(ValueError, match=r"primary: there is no metric 'exactmatch' to compare by; did you mean"):
        assay.compare(two, primary="exactmatch")
    with pytest.raises(ValueError, match="smallest_effect of exact_match must be a number above 0"):
        assay.compare(two, smallest_effect=-0.1)
    other = evaluated(spark, prediction={"x": "old", "y": "new"})
    with pytest.raises(ValueError, match="no model is in both results: old, new and x, y"):
        assay.compare(two, other)
    assert one.comparison is None


def test_the_command(
    spark: SparkSession, classic: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(spark).save(str(tmp_path / "run"))
    made = {name: tmp_path / f"c.{name}" for name in ("html", "json", "markdown")}
    outputs = [part for name, path in made.items() for part in (f"--{name}", str(path))]
    assert cli.main(["compare", str(tmp_path / "run"), "--smallest-effect", "0.01", *outputs]) == 0
    assert "new is better than old by exact_match" in capsys.readouterr().out
    assert json.loads(made["json"].read_text())["comparisons"][0]["verdict"] == "better"
    assert "new is better than old" in made["html"].read_text()
    assert cli.main(["compare", str(tmp_path / "run"), "--primary", "bleu"]) == 2


def test_reports_say_how_models_compare(spark: SparkSession) -> None:
    result = evaluated(spark)
    assert "new is better than old by exact_match" in result.to_text()
    page = result.to_html()
    assert "<h2>Comparison</h2>" in page
    assert "new minus old" in page
    assert "<script" not in page
