"""Sessions for the tests.

ASSAY_REMOTE=sc://... runs everything through Spark Connect; ASSAY_JAR=<path> has the jar in a classic session. Without
either, the tests that need the jar are skipped and say so. ASSAY_DELTA=<file with a class path> adds Delta to the
session of the jar.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import standins
from pyspark.sql import SparkSession
from pyspark.util import is_remote_only

import spark_assay as assay
from spark_assay import _columns

# Workers of UDFs are to find what this Python has.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

NO_JAR = "needs the jar: set ASSAY_JAR to its path, or ASSAY_REMOTE to a Spark Connect server that has it"


@pytest.fixture(scope="session")
def any_spark() -> Iterator[SparkSession]:
    """A session, with or without the jar."""
    remote = os.environ.get("ASSAY_REMOTE")
    if remote:
        session = SparkSession.builder.remote(remote).getOrCreate()
    elif is_remote_only():
        pytest.skip("this Python has the Spark Connect client only: set ASSAY_REMOTE to a server")
    else:
        builder = (
            SparkSession.builder.master(os.environ.get("ASSAY_MASTER", "local[2]"))
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.session.timeZone", "UTC")
        )
        if os.environ.get("ASSAY_JAR"):
            builder = assay.configure(_with_delta(builder))
        else:
            # Only stand-ins run: compiling Java for each small query would take most of the time.
            builder = builder.config("spark.sql.codegen.wholeStage", "false").config(
                "spark.sql.codegen.factoryMode", "NO_CODEGEN"
            )
        session = builder.getOrCreate()
    yield session
    session.stop()


def _with_delta(builder: SparkSession.Builder) -> SparkSession.Builder:
    listed = os.environ.get("ASSAY_DELTA")
    if not listed:
        return builder
    return (
        builder.config("spark.jars", Path(listed).read_text(encoding="utf-8").replace(":", ","))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.databricks.delta.snapshotPartitions", "2")
        .config("spark.sql.sources.parallelPartitionDiscovery.parallelism", "2")
    )


@pytest.fixture(scope="session")
def jar_spark(any_spark: SparkSession) -> SparkSession:
    """A session with the jar; the test is skipped where there is none."""
    if not (os.environ.get("ASSAY_JAR") or os.environ.get("ASSAY_REMOTE")):
        pytest.skip(NO_JAR)
    return assay.use(any_spark)


@pytest.fixture
def spark(any_spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> SparkSession:
    """A session in which plain SQL stands in for the jar's functions. ``tests/spark`` has its own, with the jar."""
    monkeypatch.setattr(_columns, "_engine", standins.call)
    return any_spark


@pytest.fixture
def columns_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns without a session: those of Spark Connect, which are descriptions."""
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
