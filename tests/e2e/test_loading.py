"""How the jar and the library get into a process: see also test_sql (jar alone), test_connect (two sessions of one server)
and test_cluster (a library of its own)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from support.processes import Program
from support.spark import APPS, Installation
from support.testkit import Testkit


def libraries(spark: SparkSession) -> set[str]:
    """The files of the native library that are mapped into the driver's process."""
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return {line.split()[-1] for line in maps if "libassay" in line}


def test_service_file_extensions_and_plugin_together_register_once(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.extensions").split(",")[0] == "assay.AssayExtensions"
    assert spark.conf.get("spark.plugins") == "assay.AssayPlugin"
    plan = spark.sql("EXPLAIN SELECT llm_exact_match(CAST(id AS STRING), '1') FROM range(3)").head()[0]
    assert plan.count("NativeEval") == 1, plan
    assert spark.sql("SHOW FUNCTIONS LIKE 'llm_complete'").count() == 1


def test_two_sessions_of_one_process_load_the_library_once(spark: SparkSession) -> None:
    other = spark.newSession()
    for session in (spark, other):
        text = "SELECT sum(llm_exact_match(CAST(id AS STRING), '1')) FROM range(3)"
        assert session.sql(text).head()[0] == 1.0
    assert len(libraries(spark)) == 1
    # What one session configures the other does not have.
    other.conf.set("spark.assay.model.mine.provider", "mock")
    other.conf.set("spark.assay.model.mine.model", "x")
    assert other.sql("SELECT llm_complete('mine', 'hi').text").head()[0] == "hi"
    with pytest.raises(Exception, match="ASSAY_UNKNOWN_MODEL"):
        spark.sql("SELECT llm_complete('mine', 'hi').text").head()


def test_threads_that_come_after_the_one_that_loaded_the_library_has_ended(
    installation: Installation, tmp_path: Path
) -> None:
    """Spark's task threads end when they are idle, and the system gives their identity to others."""
    classes = f"{installation.jar}{os.pathsep}{installation.home / 'jars'}/*"
    program = Program(["java", "-cp", classes, APPS / "Threads.java"], folder=tmp_path, name="threads")
    try:
        program.succeed(within=120)
    finally:
        program.stop()
    assert "every thread came back" in program.stdout


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nowhere") / "libassay.so"


def test_a_library_that_is_not_there_is_an_error_with_its_path(
    installation: Installation, testkit: Testkit, tmp_path: Path, nowhere: Path
) -> None:
    texts = ["SELECT llm_exact_match(CAST(id AS STRING), '1') FROM range(3)", "SELECT id + 1 AS x FROM range(1)"]
    results = installation.run_texts(
        texts, server=testkit.root, folder=tmp_path, name="nowhere", conf={"spark.assay.native.path": nowhere}
    )
    refused, plain = results["outcome"]
    assert refused["error"] == "ASSAY_NATIVE_LIBRARY"
    assert f"spark.assay.native.path names {nowhere}" in refused["message"]
    assert refused["sql_state"] == "58030"
    # What needs no library works.
    assert plain["rows"] == [[1]]


def test_with_the_plugin_a_library_that_is_not_there_stops_the_start(
    installation: Installation, tmp_path: Path, nowhere: Path
) -> None:
    conf = {"spark.assay.native.path": nowhere, "spark.plugins": "assay.AssayPlugin"}
    program = installation.start("spark-sql", ["-e", "SELECT 1"], folder=tmp_path, name="nowhere", conf=conf)
    try:
        assert program.wait(within=120) != 0
    finally:
        program.stop()
    assert "[ASSAY_NATIVE_LIBRARY]" in program.stderr
    assert str(nowhere) in program.stderr
