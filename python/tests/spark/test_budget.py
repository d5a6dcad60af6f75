"""What a run may spend, over the jar."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

import spark_assay as assay
from spark_assay import budget


def spend(spark: SparkSession, text: str, allowed: object) -> dict[str, int]:
    df = spark.range(40).selectExpr("id", f"concat('{text} ', id) AS q")
    result = assay.evaluate(
        df,
        model="echo",
        prompt="{{ q }}",
        reference="q",
        key="id",
        budget=allowed,  # type: ignore[arg-type]
    )
    return result.counts["echo"]


def test_each_run_has_its_own_budget(spark: SparkSession) -> None:
    before = {key: value for key, value in spark.conf.getAll.items() if "budget" in key}
    for text in ("first", "second"):
        assert spend(spark, text, {"requests": 10}) == {"ok": 10, "budget_stopped": 30}
    assert spend(spark, "third", None) == {"ok": 40}
    assert {key: value for key, value in spark.conf.getAll.items() if "budget" in key} == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dollars": 1}, "budget has no 'dollars'"),
        ({"usd": 0}, "budget: usd must be a number above 0"),
        ({"requests": 1.5}, "budget: requests must be a whole number"),
        (True, "budget must be US dollars, or a dict"),
        ("5", "budget must be US dollars, or a dict"),
    ],
)
def test_mistakes(given: object, says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        budget.of(given)


def test_a_budget_is_for_calls(spark: SparkSession) -> None:
    df = spark.createDataFrame([("a",)], "a STRING")
    with pytest.raises(ValueError, match="budget= goes with model="):
        assay.evaluate(df, prediction="a", reference="a", budget=1)
