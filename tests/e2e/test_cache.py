"""Answers in a table, over runs that are killed: nothing paid for is paid for again, and no key stands there twice."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass
class Proof:
    """Runs that something happens to, and what must be true after it."""

    spark: SparkSession
    runs: CacheRuns
    undisturbed: dict[str, Any]
    soak: Any
    stopwatch: Callable[[], float]

    def same(self, outcome: dict[str, Any]) -> dict[str, Any]:
        assert outcome["answers"] == self.undisturbed["answers"]
        return outcome

    def again(self) -> int:
        """The run begun anew, in another application, calls again for exactly what was not durable; gives the number of that.

        Each prompt is on the same number of rows, so what was durable is told by the rows that are hits.
        """
        runs = self.runs
        idle = wait_until(lambda: (s := runs.server.stats())["in_flight"] == 0 and s, within=30, what="an idle server")
        begun = idle["requests"]
        hits = self.same(runs.run_in(self.spark))["hits"]
        durable, rest = divmod(hits, runs.rows // runs.distinct)
        assert rest == 0, "all rows of a prompt are hits, or none"
        assert runs.server.stats()["requests"] == begun + runs.distinct - durable
        return begun - durable

    def check(self, what: str, lost: int | None = None, hit: int = 1) -> None:
        """A last run finds all, and the books are right.

        `lost` is how many calls were begun and not durable. Where nobody can know it, there are at most as many as there are rows
        under way in the `hit` executors that it happened to.
        """
        seconds = self.stopwatch()
        runs, before = self.runs, self.runs.server.stats()
        last = runs.run_in(self.spark, fold=True)
        stats = runs.server.stats()
        most = hit * 2 * OPEN
        allowed = runs.distinct + (most if lost is None else lost)
        self.soak.add(
            "kills",
            what,
            rows=runs.rows,
            seconds=seconds,
            calls=stats["requests"],
            distinct=runs.distinct,
            allowed=allowed,
            exact=lost is not None,
            twice=last["stored"] - last["stored_keys"],
        )
        assert stats["distinct_keys"] == runs.distinct
        assert runs.distinct <= stats["requests"] <= allowed
        assert lost is None or (stats["requests"] == allowed and 0 <= lost <= most)
        assert stats["requests"] == before["requests"], "the last run calls nothing"
        assert self.same(last)["ok"] == runs.rows
        assert last["stored"] == last["stored_keys"] == runs.distinct


@pytest.fixture
def proof(
    spark: SparkSession, runs: CacheRuns, undisturbed: dict[str, Any], soak: Any, stopwatch: Callable[[], float]
) -> Proof:
    return Proof(spark, runs, undisturbed, soak, stopwatch)


def moment(proof: Proof, seed: int) -> None:
    """Waits until a random share of the answers was given."""
    answered(proof.runs.server, random.Random(seed).randrange(10, proof.runs.distinct - 200))


@pytest.mark.skipif(KILLS > 0, reason="the long form kills one at a time")
def test_an_executor_and_then_the_driver_are_killed(proof: Proof) -> None:
    runs = proof.runs
    run = runs.start()
    answered(runs.server, runs.distinct // 4)
    run.kill_executor()
    answered(runs.server, runs.distinct // 2)
    run.kill_all()
    proof.check("executor, then driver kill -9", lost=proof.again(), hit=1 + EXECUTORS)


@pytest.mark.parametrize("kill", range(KILLS))
def test_an_executor_is_killed(proof: Proof, kill: int) -> None:
    run = proof.runs.start()
    moment(proof, kill)
    run.kill_executor(kill)
    proof.same(run.end())
    proof.check("executor kill -9")


@pytest.mark.parametrize("kill", range(KILLS))
def test_the_driver_is_killed_and_the_run_begun_again(proof: Proof, kill: int) -> None:
    run = proof.runs.start()
    moment(proof, 100 + kill)
    run.kill_all()
    proof.check("driver kill -9 and rerun", lost=proof.again(), hit=EXECUTORS)


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_session_is_stopped_in_the_middle(proof: Proof, kill: int) -> None:
    run = proof.runs.start(fault="stop")
    moment(proof, 200 + kill)
    (run.trace / "stop").touch()
    assert run.program.wait(within=240) != 0, "the query ends with the session"
    run.program.stop()
    proof.check("session stop and rerun", lost=proof.again(), hit=EXECUTORS)


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_task_fails_and_is_tried_again(proof: Proof, kill: int) -> None:
    proof.same(proof.runs.start(fault="retry").end())
    # What was under way in the task that failed may be asked again.
    proof.check("task failure and retry")


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_task_runs_twice_by_speculation(proof: Proof, kill: int) -> None:
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "200ms",
        "spark.speculation.multiplier": "1.2",
        "spark.speculation.quantile": "0.3",
        "spark.speculation.minTaskRuntime": "200ms",
    }
    proof.same(proof.runs.start(fault="speculate", conf=speculation).end())
    proof.check("speculative duplicate")


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_stage_runs_again_after_a_lost_shuffle(proof: Proof, kill: int) -> None:
    runs = proof.runs
    run = runs.start(fault="shuffle", conf={"spark.sql.adaptive.coalescePartitions.enabled": "false"})
    wait_until(lambda: any(run.trace.glob("reduce-*")), within=180, what="the second stage")
    assert runs.server.stats()["requests"] == runs.distinct
    run.kill_executor(kill)
    proof.same(run.end())
    proof.check("stage retry after a lost shuffle", hit=0)


def test_two_runs_at_once_share_a_table(proof: Proof) -> None:
    """Half of the requests of each are the other's too."""
    runs = proof.runs
    both = [
        runs.start(master="local[2]", first=first, fold=True, conf={"spark.driver.memory": "1g"})
        for first in (0, runs.distinct // 2)
    ]
    outcomes = [run.end() for run in both]
    assert all(outcome["ok"] == runs.rows for outcome in outcomes)
    stats = runs.server.stats()
    distinct = runs.distinct + runs.distinct // 2
    last = proof.same(runs.run_in(proof.spark, fold=True))
    proof.soak.add(
        "kills",
        "two runs at once",
        rows=2 * runs.rows,
        seconds=proof.stopwatch(),
        calls=stats["requests"],
        distinct=distinct,
        allowed=2 * runs.distinct,
        twice=last["stored"] - last["stored_keys"],
    )
    assert stats["distinct_keys"] == distinct
    # What both want at the same time both may call for; never one of them twice.
    assert distinct <= stats["requests"] <= 2 * runs.distinct
    assert (last["stored"], last["stored_keys"], last["hits"]) == (distinct, distinct, runs.rows)
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
