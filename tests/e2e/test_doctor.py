"""`assay doctor` with a server that says what its limits are."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import SparkSession
from spark_assay import doctor
from support.testkit import Testkit


def test_it_shows_what_rate_headers_say(spark: SparkSession, start_testkit: Callable[..., Testkit]) -> None:
    server = start_testkit("--rpm", "600", "--tpm", "90000", "--count", "bucket")
    models = {"examined": {"provider": "openai", "model": "m", "endpoint": server.url}}
    checks = {check.name: check for check in doctor.diagnose(lambda: spark, models=models, call=True, remote=True)}
    headers = checks["model examined: rate headers"]
    assert headers.verdict == "ok"
    assert "600 requests a minute" in headers.message
    assert "90,000 tokens a minute" in headers.message
    assert checks["model examined: call"].verdict == "ok"
    assert checks["model examined: endpoint"].verdict == "ok"
    assert server.stats()["requests"] == 1
