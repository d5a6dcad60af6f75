"""The doctor over a session with the jar."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_assay import doctor
from spark_assay import functions as fn


def by_name(checks: list[doctor.Check]) -> dict[str, doctor.Check]:
    return {check.name: check for check in checks}


def test_a_session_in_good_health(jar_spark: SparkSession) -> None:
    remote = bool(os.environ.get("ASSAY_REMOTE"))
    models = {"healthy": {"provider": "mock", "model": "echo"}}
    checks = by_name(list(doctor.diagnose(lambda: jar_spark, models=models, call=True, remote=remote)))
    assert [check for check in checks.values() if check.verdict == "fail"] == []
    assert checks["native library"].verdict == "ok"
    assert checks["model healthy: settings"].message == "mock, echo"
    call = checks["model healthy: call"]
    assert call.verdict == "ok"
    assert call.message.startswith("ok in ")
    assert "Say OK" not in "".join(check.message for check in checks.values())


def test_a_local_model_is_tried_on_executors(jar_spark: SparkSession) -> None:
    tiny = Path(__file__).resolve().parents[3] / "tests/vectors/tiny"
    models = {"encoder": {"provider": "local", "path": str(tiny)}, "gone": {"provider": "local", "path": "/no/such"}}
    checks = by_name(list(doctor.diagnose(lambda: jar_spark, models=models, call=True, remote=True)))
    assert checks["model encoder: settings"].message.startswith("local, ")
    assert checks["model encoder: folder on executors"].verdict == "ok"
    assert "bert, " in checks["model encoder: folder on executors"].message
    assert checks["model gone: settings"].verdict == "fail"
    assert "/no/such" in checks["model gone: settings"].message
    with pytest.raises(Exception, match=r"ASSAY_INVALID_ARGUMENT.*'encoder' is a local one"):
        jar_spark.range(1).select(fn.llm_complete("encoder", F.lit("x"))).collect()


def test_what_is_wrong_is_named_with_what_to_do(jar_spark: SparkSession) -> None:
    models = {
        "wrong": {"provider": "mock", "model": "echo", "mock_error_rate": 7},
        "keyless": {
            "provider": "openai",
            "model": "m",
            "endpoint": "http://127.0.0.1:9",
            "api_key_env": "ASSAY_NO_SUCH_KEY",
        },
        "down": {"provider": "openai", "model": "m", "endpoint": "http://127.0.0.1:9"},
    }
    checks = by_name(list(doctor.diagnose(lambda: jar_spark, models=models, remote=True)))
    assert checks["model wrong: settings"].verdict == "fail"
    assert "mock.errorRate" in checks["model wrong: settings"].message
    assert checks["model keyless: settings"].verdict == "fail"
    assert "ASSAY_NO_SUCH_KEY" in checks["model keyless: settings"].message
    assert checks["model down: endpoint"].verdict == "fail"
    assert all(check.advice for check in checks.values() if check.verdict != "ok")


@pytest.mark.skipif("ASSAY_REMOTE" in os.environ, reason="the server's environment is its own")
def test_a_key_is_present_or_absent_on_executors(jar_spark: SparkSession) -> None:
    has = list(doctor.key_on_executors(jar_spark, {"name": "m", "key": "env", "key_env": ["PATH"]}))
    assert [(check.verdict, "PATH is set" in check.message) for check in has] == [("ok", True)]
    assert os.environ["PATH"] not in has[0].message
    missing = {"name": "m", "key": "env", "key_env": ["ASSAY_NO_SUCH_KEY"]}
    (absent,) = doctor.key_on_executors(jar_spark, missing)
    assert absent.verdict == "fail"
    assert "spark.executorEnv.ASSAY_NO_SUCH_KEY" in absent.advice
