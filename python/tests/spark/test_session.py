from __future__ import annotations

from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import spark_assay as assay
from spark_assay import _columns, session
from spark_assay import functions as fn


def settings(spark: SparkSession, name: str) -> dict[str, str]:
    prefix = f"spark.assay.model.{name}."
    return {k.removeprefix(prefix): v for k, v in spark.conf.getAll.items() if k.startswith(prefix)}


def test_use(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    assert assay.use(spark) is spark
    monkeypatch.setattr(session, "__version__", "9.9.9")
    with pytest.raises(assay.SetupError, match=r"has Assay 0\.1\.0, the Python package is 9\.9\.9"):
        assay.use(spark)


def test_use_without_the_jar(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _columns._engine
    monkeypatch.setattr(_columns, "_engine", lambda name, *a: real("no_such_function", *a))
    with pytest.raises(assay.SetupError, match=r"does not have Assay.*--jars spark-assay\.jar"):
        assay.use(spark)


def test_every_setting_is_known_to_the_engine(spark: SparkSession) -> None:
    everything: dict[str, Any] = {
        "endpoint": "http://127.0.0.1:9/v1",
        "api_key": "k",
        "max_concurrency": 2,
        "timeout_ms": 1000,
        "connect_timeout_ms": 500,
        "row_timeout_ms": 5000,
        "max_retries": 1,
        "price_input": 1.5,
        "price_output": 2,
        "price_cached_input": 0.5,
        "headers": {"X-Team": "a"},
        "api_version": "2026-01-01",
    }
    assay.add_model(spark, "full", provider="openai", model="gpt", **everything)
    assert len(settings(spark, "full")) == 2 + len(everything)
    assay.add_model(spark, "full", provider="mock", model="m", mock_latency_ms=1, mock_error_rate=0.5, mock_reply="x")
    assert set(settings(spark, "full")) == {"provider", "model", "mock.latencyMs", "mock.errorRate", "mock.reply"}


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"provider": "opnai"}, "ASSAY_UNKNOWN_PROVIDER"),
        ({"max_concurrency": 0}, "ASSAY_INVALID_MODEL"),
        ({"price_input": -1}, "ASSAY_INVALID_MODEL"),
        ({"mock_error_rate": 2}, "ASSAY_INVALID_MODEL"),
        ({"endpoint": "ftp://x"}, "ASSAY_INVALID_MODEL"),
    ],
)
def test_bad_settings_leave_the_session_as_it_was(spark: SparkSession, changes: dict[str, Any], condition: str) -> None:
    assay.add_model(spark, "kept", provider="mock", model="m", mock_reply="x")
    before = settings(spark, "kept")
    with pytest.raises(PySparkException, match=condition):
        assay.add_model(spark, "kept", **{"provider": "mock", "model": "m", **changes})
    assert settings(spark, "kept") == before


@pytest.mark.parametrize("name", ["", "a.b", "a b", "-a", "ä", None])
def test_names(spark: SparkSession, name: Any) -> None:
    with pytest.raises(ValueError, match="a model cannot be called"):
        assay.add_model(spark, name, provider="mock", model="m")


def test_one_key_only(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="give one of api_key_env"):
        assay.add_model(spark, "x", provider="openai", model="m", api_key="a", api_key_env="B")


def test_a_key_is_in_no_message(spark: SparkSession) -> None:
    with pytest.raises(PySparkException) as error:
        assay.add_model(spark, "x", provider="openai", model="m", api_key="sk-secret-1", max_retries=-1)
    assert "sk-secret-1" not in str(error.value)


def test_an_error_of_a_functions_arguments_keeps_its_message(spark: SparkSession) -> None:
    """Spark gives errors of a function's making the place in the query, which must not cost them their message."""
    with pytest.raises(Exception, match=r"ASSAY_INVALID_ARGUMENT.*assay_model.*constant"):
        spark.range(1).select(fn.assay_model(F.col("id").cast("string"))).collect()
    with pytest.raises(
        Exception, match=r"ASSAY_UNKNOWN_MODEL.*no model named 'ecko' is configured; did you mean 'echo'"
    ):
        spark.sql("SELECT assay_model('ecko')").collect()
