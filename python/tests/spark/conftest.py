"""Here ``spark`` has the jar; without one the tests are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import spark_assay as assay


@pytest.fixture(scope="session")
def _models(jar_spark: SparkSession) -> SparkSession:
    assay.add_model(jar_spark, "echo", provider="mock", model="mock-1", mock_reply="{{ prompt }}")
    tiny = Path(__file__).resolve().parents[3] / "tests/vectors/tiny"
    assay.add_model(jar_spark, "tiny", provider="local", path=str(tiny))
    return jar_spark


@pytest.fixture
def spark(_models: SparkSession) -> SparkSession:
    return _models


@pytest.fixture
def classic(spark: SparkSession) -> SparkSession:
    """A session in this process's JVM, for what starts its own Spark or reads local files."""
    if os.environ.get("ASSAY_REMOTE"):
        pytest.skip("runs on classic Spark only")
    return spark
