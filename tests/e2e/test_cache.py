"""Answers in a table, over runs that are killed: nothing paid for is paid for again, and no key stands there twice."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.cache import OPEN, CacheRuns
from support.processes import wait_until
from support.servers import Moto, installed
from support.spark import APPS, Installation, model
from support.testkit import Testkit

# How many rows ask for few things, or for one.
EQUAL_ROWS = int(os.environ.get("ASSAY_EQUAL_ROWS", "40000"))
# Kills of each kind in the long form. The short one has a test with two kills in one run.
KILLS = int(os.environ.get("ASSAY_KILLS", "0"))
EXECUTORS = 3


@pytest.fixture(scope="session")
def delta() -> list[Path]:
    """The jars of Delta for this Spark."""
    listed = os.environ.get("ASSAY_DELTA")
    assert listed, "ASSAY_DELTA is not set; run scripts/e2e"
    return [Path(path) for path in Path(listed).read_text(encoding="utf-8").split(":")]


@pytest.fixture
def server(start_testkit: Callable[..., Testkit]) -> Testkit:
    return start_testkit("--latency", "50ms", "--price-input", "10", "--price-output", "40")


@pytest.fixture
def runs(installation: Installation, delta: list[Path], server: Testkit, tmp_path: Path) -> CacheRuns:
    return CacheRuns(installation, delta, server, tmp_path)


def answered(server: Testkit, count: int) -> None:
    wait_until(lambda: server.stats()["answered"] >= count, within=180, what=f"{count} answers")


@pytest.fixture(scope="session")
def undisturbed(
    installation: Installation,
    delta: list[Path],
    testkit_binary: Path,
    tmp_path_factory: pytest.TempPathFactory,
    spark: SparkSession,
) -> dict[str, Any]:
    """What a run gives in which nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    server = Testkit.start(testkit_binary, folder)
    try:
        runs = CacheRuns(installation, delta, server, folder)
        outcome = runs.run_in(spark, fold=True)
        assert server.stats()["requests"] == runs.distinct
        assert (outcome["ok"], outcome["stored"], outcome["stored_keys"]) == (runs.rows, runs.distinct, runs.distinct)
        return outcome
    finally:
        server.stop()


def check(
    spark: SparkSession, runs: CacheRuns, undisturbed: dict[str, Any], kills: int, soak: Any, what: str, seconds: float
) -> None:
    """After whatever happened: a last run finds all, and the books are right."""
    before = runs.server.stats()
    last = runs.run_in(spark, fold=True)
    stats = runs.server.stats()
    allowed = kills * EXECUTORS * OPEN
    soak.add(
        "kills",
        what,
        rows=runs.rows,
        seconds=seconds,
        calls=stats["requests"],
        distinct=runs.distinct,
        allowed=runs.distinct + allowed,
        twice=last["stored"] - last["stored_keys"],
    )
    assert stats["distinct_keys"] == runs.distinct
    assert runs.distinct <= stats["requests"] <= runs.distinct + allowed
    assert stats["requests"] == before["requests"], "the last run calls nothing"
    assert (last["ok"], last["answers"]) == (runs.rows, undisturbed["answers"])
    assert last["stored"] == last["stored_keys"] == runs.distinct


@pytest.mark.skipif(KILLS > 0, reason="the long form kills one at a time")
def test_an_executor_and_then_the_driver_are_killed(
    spark: SparkSession, runs: CacheRuns, undisturbed: dict[str, Any], soak: Any, stopwatch: Callable[[], float]
) -> None:
    run = runs.start()
    answered(runs.server, runs.distinct // 4)
    run.kill_executor()
    answered(runs.server, runs.distinct // 2)
    run.kill_all()
    assert runs.run_in(spark)["answers"] == undisturbed["answers"]
    check(spark, runs, undisturbed, 2, soak, "executor, then driver kill -9", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_an_executor_is_killed(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    run = runs.start()
    answered(runs.server, random.Random(kill).randrange(10, runs.distinct - 200))
    run.kill_executor(kill)
    assert run.end()["answers"] == undisturbed["answers"]
    check(spark, runs, undisturbed, 1, soak, "executor kill -9", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_the_driver_is_killed_and_the_run_begun_again(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    run = runs.start()
    answered(runs.server, random.Random(100 + kill).randrange(10, runs.distinct - 200))
    run.kill_all()
    again = runs.run_in(spark)
    assert again["answers"] == undisturbed["answers"]
    assert again["hits"] > 0
    check(spark, runs, undisturbed, 1, soak, "driver kill -9 and rerun", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_session_is_stopped_in_the_middle(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    run = runs.start(fault="stop", after=1 + 3 * random.Random(200 + kill).random())
    run.program.wait(within=120)
    run.program.stop()
    assert runs.run_in(spark)["answers"] == undisturbed["answers"]
    check(spark, runs, undisturbed, 1, soak, "session stop and rerun", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_task_fails_and_is_tried_again(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    outcome = runs.start(fault="retry").end()
    assert outcome["answers"] == undisturbed["answers"]
    # What was under way in the task that failed may be asked again.
    check(spark, runs, undisturbed, 1, soak, "task failure and retry", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_task_runs_twice_by_speculation(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "200ms",
        "spark.speculation.multiplier": "1.2",
        "spark.speculation.quantile": "0.3",
        "spark.speculation.minTaskRuntime": "200ms",
    }
    outcome = runs.start(fault="speculate", conf=speculation).end()
    assert outcome["answers"] == undisturbed["answers"]
    check(spark, runs, undisturbed, 1, soak, "speculative duplicate", stopwatch())


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_stage_runs_again_after_a_lost_shuffle(
    spark: SparkSession,
    runs: CacheRuns,
    undisturbed: dict[str, Any],
    soak: Any,
    stopwatch: Callable[[], float],
    kill: int,
) -> None:
    run = runs.start(fault="shuffle", conf={"spark.sql.adaptive.coalescePartitions.enabled": "false"})
    wait_until(lambda: any(run.trace.glob("reduce-*")), within=180, what="the second stage")
    calls = runs.server.stats()["requests"]
    assert calls == runs.distinct
    run.kill_executor(kill)
    assert run.end()["answers"] == undisturbed["answers"]
    check(spark, runs, undisturbed, 0, soak, "stage retry after a lost shuffle", stopwatch())


def test_two_runs_at_once_share_a_table(
    spark: SparkSession, runs: CacheRuns, undisturbed: dict[str, Any], soak: Any, stopwatch: Callable[[], float]
) -> None:
    """Half of the requests of each are the other's too."""
    both = [
        runs.start(master="local[2]", first=first, fold=True, conf={"spark.driver.memory": "1g"})
        for first in (0, runs.distinct // 2)
    ]
    outcomes = [run.end() for run in both]
    assert all(outcome["ok"] == runs.rows for outcome in outcomes)
    stats = runs.server.stats()
    distinct = runs.distinct + runs.distinct // 2
    last = runs.run_in(spark, fold=True)
    soak.add(
        "kills",
        "two runs at once",
        rows=2 * runs.rows,
        seconds=stopwatch(),
        calls=stats["requests"],
        distinct=distinct,
        allowed=2 * runs.distinct,
        twice=last["stored"] - last["stored_keys"],
    )
    assert stats["distinct_keys"] == distinct
    # What both want at the same time both may call for; never one of them twice.
    assert distinct <= stats["requests"] <= 2 * runs.distinct
    assert (last["stored"], last["stored_keys"], last["hits"]) == (distinct, distinct, runs.rows)
    assert last["answers"] == undisturbed["answers"]
    assert runs.server.stats()["requests"] == stats["requests"]


def test_an_object_store(
    installation: Installation, delta: list[Path], server: Testkit, tmp_path: Path, spark_version: str
) -> None:
    """Journals of whole objects, and a table, over the S3 API."""
    if spark_version != "4.1":
        pytest.skip("the S3 file system of the tests is that of Spark 4.1")
    jars = [Path(path) for path in installed("ASSAY_S3", "hadoop-aws").read_text(encoding="utf-8").split(":")]
    moto = Moto(installed("ASSAY_MOTO_PYTHON", "moto"), tmp_path)
    try:
        runs = CacheRuns(installation, [*delta, *jars], server, tmp_path, rows=600, distinct=200, partitions=8)
        runs.at = "s3a://evals/answers"
        settings = {"conf": moto.settings(), "master": "local[2]"}
        first = runs.run(**settings)
        assert (first["ok"], server.stats()["requests"]) == (runs.rows, runs.distinct)
        written = moto.keys("answers/_assay/")
        assert any(key.endswith(".journal") for key in written), written
        again = runs.run(fold=True, **settings)
        assert (again["hits"], again["answers"]) == (runs.rows, first["answers"])
        assert again["stored"] == again["stored_keys"] == runs.distinct
        assert any(key.endswith(".parquet") for key in moto.keys("answers/"))
        assert server.stats()["requests"] == runs.distinct
    finally:
        moto.stop()


@pytest.mark.parametrize(
    ("what", "share", "distinct"),
    [("every fourth row is new, over all partitions", 5, 4), ("one prompt on all rows", 1, None)],
)
def test_equal_requests_over_all_partitions(
    runs: CacheRuns, soak: Any, what: str, share: int, distinct: int | None
) -> None:
    runs.rows = EQUAL_ROWS // share
    runs.distinct = runs.rows // distinct if distinct else 1
    runs.partitions = 32
    runs.mode = "session"
    outcome = runs.run(master="local[2]", conf={"spark.assay.model.m.maxConcurrency": 256, "spark.driver.memory": "3g"})
    stats = runs.server.stats()
    tasks = sorted(outcome["task_seconds"])
    soak.add(
        "equal",
        what,
        rows=runs.rows,
        seconds=outcome["seconds"],
        calls=stats["requests"],
        distinct=runs.distinct,
        longest=tasks[-1],
        median=tasks[len(tasks) // 2],
    )
    assert (outcome["ok"], stats["requests"]) == (runs.rows, runs.distinct)
    assert (outcome["shared"], outcome["hits"]) == (runs.rows - runs.distinct, 0)


def test_without_delta_the_error_says_what_to_add(
    installation: Installation, server: Testkit, tmp_path: Path, spark_version: str
) -> None:
    given = {"rows": 10, "distinct": 10, "partitions": 2, "results": str(tmp_path / "none.json")}
    program = installation.start(
        "spark-submit",
        [APPS / "cache_app.py", json.dumps(given)],
        folder=tmp_path,
        name="no-delta",
        conf={
            **model("m", endpoint=server.url),
            "spark.assay.cache.mode": "read_write",
            "spark.assay.cache.table": tmp_path / "table",
        },
    )
    try:
        assert program.wait(within=120) != 0
    finally:
        program.stop()
    said = program.stdout + program.stderr
    assert "[ASSAY_CACHE_TABLE]" in said
    assert f"--packages io.delta:delta-spark_{spark_version}_2.13:" in said
    assert "spark.sql.catalog.spark_catalog" in said
    assert server.stats()["requests"] == 0
