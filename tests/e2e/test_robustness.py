"""What goes wrong around a query: tasks killed, servers that are down, stall or refuse."""

from __future__ import annotations

import collections
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark import InheritableThread
from pyspark.sql import DataFrame, Row, SparkSession
from support.processes import holds, wait_until
from support.spark import APPS, Installation, model
from support.testkit import Testkit

pytestmark = pytest.mark.usefixtures("spark")

# A killed task ends its calls within this time, counted at the server.
AT_ONCE_S = 2.0


@pytest.fixture(autouse=True)
def no_job_outlives_its_test(spark: SparkSession) -> Iterator[None]:
    """A test that fails must not leave the next one without a free core."""
    yield
    spark.sparkContext.cancelAllJobs()


@pytest.fixture
def add_model(spark: SparkSession) -> Iterator[Callable[..., str]]:
    """Configures a model and gives its name."""
    keys: list[str] = []

    def add(endpoint: str, **settings: Any) -> str:
        name = f"robust{len(keys)}"
        for key, value in model(name, endpoint=endpoint, **{"api_key_secret": "k", **settings}).items():
            spark.conf.set(key, value)
            keys.append(key)
        return name

    yield add
    for key in keys:
        spark.conf.unset(key)


def asked(spark: SparkSession, name: str, n: int, partitions: int = 4) -> DataFrame:
    return spark.range(0, n, 1, partitions).selectExpr(
        "id", f"llm_complete('{name}', concat('What is ', id, '?')) AS r"
    )


def statuses(rows: list[Row]) -> dict[str, int]:
    return dict(collections.Counter(row.r.status for row in rows))


class Query:
    """A query on a thread of its own, with the job group or tags of its making."""

    def __init__(self, body: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = InheritableThread(target=self._run, args=(body,))
        self._thread.start()

    def _run(self, body: Callable[[], Any]) -> None:
        try:
            self.result = body()
        except Exception as error:
            self.error = error

    def join(self, within: float = 60) -> None:
        self._thread.join(within)
        assert not self._thread.is_alive(), "the query is still running"


def with_job_group(spark: SparkSession, frame: DataFrame) -> tuple[Callable[[], Any], Callable[[], Any]]:
    def run() -> Any:
        spark.sparkContext.setJobGroup("to be killed", "", interruptOnCancel=False)
        return frame.collect()

    return run, lambda: spark.sparkContext.cancelJobGroup("to be killed")


def with_interrupting_job_group(spark: SparkSession, frame: DataFrame) -> tuple[Callable[[], Any], Callable[[], Any]]:
    def run() -> Any:
        spark.sparkContext.setJobGroup("to be interrupted", "", interruptOnCancel=True)
        return frame.collect()

    return run, lambda: spark.sparkContext.cancelJobGroup("to be interrupted")


def with_tag(spark: SparkSession, frame: DataFrame) -> tuple[Callable[[], Any], Callable[[], Any]]:
    def run() -> Any:
        spark.sparkContext.addJobTag("tagged")
        return frame.collect()

    return run, lambda: spark.sparkContext.cancelJobsWithTag("tagged")


def with_interrupt(spark: SparkSession, frame: DataFrame) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return frame.collect, spark.interruptAll


@pytest.mark.parametrize("way", [with_job_group, with_interrupting_job_group, with_tag, with_interrupt])
@pytest.mark.parametrize("latency", ["stall", "200ms"])
def test_a_killed_query_ends_its_calls(
    spark: SparkSession,
    start_testkit: Callable[..., Testkit],
    add_model: Callable[..., str],
    way: Callable[..., Any],
    latency: str,
) -> None:
    server = start_testkit(*(("--fault", "stall=1") if latency == "stall" else ("--latency", latency)))
    name = add_model(server.url, max_concurrency=32)
    run, kill = way(spark, asked(spark, name, 100_000))
    query = Query(run)
    wait_until(lambda: server.stats()["in_flight"] >= 32, within=60, what="calls to be under way")
    kill()
    killed = time.monotonic()
    wait_until(lambda: server.stats()["in_flight"] == 0, within=AT_ONCE_S, what="the calls to end")
    print(f"calls ended {time.monotonic() - killed:.2f} s after the kill")
    query.join()
    assert query.error is not None
    assert query.result is None
    requests = server.stats()["requests"]
    holds(lambda: server.stats()["requests"] == requests, during=1, what="no new request")
    # The session goes on.
    server.faults(probabilities={})
    rows = asked(spark, name, 20).collect()
    assert statuses(rows) == {"ok": 20}
    assert server.stats()["requests"] == requests + 20


def test_a_killed_query_leaves_others_alone(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str]
) -> None:
    server = start_testkit("--latency", "20ms")
    # Models with the same settings share one limit, so these differ.
    victim, other = (add_model(server.url, served=served, max_concurrency=8) for served in ("a", "b"))
    run, kill = with_job_group(spark, asked(spark, victim, 100_000, partitions=1))
    killed = Query(run)
    spared = Query(lambda: asked(spark, other, 300, partitions=1).collect())
    wait_until(lambda: server.stats()["in_flight"] >= 12, within=60, what="both queries to call")
    kill()
    killed.join()
    spared.join()
    assert killed.error is not None
    assert spared.error is None
    assert statuses(spared.result) == {"ok": 300}


def test_a_server_that_is_down_is_a_status(spark: SparkSession, add_model: Callable[..., str]) -> None:
    with socket.socket() as held:
        # Bound and not listening: nobody else gets the port, and connections are refused.
        held.bind(("127.0.0.1", 0))
        name = add_model(f"http://127.0.0.1:{held.getsockname()[1]}/v1", max_retries=1)
        rows = asked(spark, name, 100).collect()
    assert statuses(rows) == {"network_error": 100}
    for row in rows:
        assert row.r.text is None
        assert row.r.attempts == 2
        assert row.r.error.retryable
        assert "What is" not in row.r.error.message


def test_a_server_that_goes_down_midway_costs_the_rest(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str]
) -> None:
    server = start_testkit("--latency", "20ms")
    name = add_model(server.url, max_concurrency=8, max_retries=0)
    query = Query(lambda: asked(spark, name, 2000).collect())
    wait_until(lambda: server.stats()["answered"] >= 200, within=60, what="some answers")
    server.stop()
    query.join()
    assert query.error is None
    counts = statuses(query.result)
    assert sum(counts.values()) == 2000
    assert set(counts) == {"ok", "network_error"}
    assert counts["ok"] >= 200


@pytest.mark.parametrize("fault", ["stall", "stall-body"])
def test_a_server_that_stalls_is_a_timeout(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str], fault: str
) -> None:
    server = start_testkit("--fault", f"{fault}=1")
    name = add_model(server.url, timeout_ms=200, max_retries=1, max_concurrency=64)
    rows = asked(spark, name, 100).collect()
    assert statuses(rows) == {"timeout": 100}
    assert {row.r.attempts for row in rows} == {2}
    assert {row.r.error.condition for row in rows} == {rows[0].r.error.condition}
    stats = server.stats()
    assert stats["requests"] == 200
    wait_until(lambda: server.stats()["in_flight"] == 0, within=AT_ONCE_S, what="given-up requests to end")


def test_a_wrong_key_is_auth_failed_and_the_key_file_is_read_again(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str], tmp_path: Path
) -> None:
    server = start_testkit("--require-key", "sk-right")
    wrong = add_model(server.url, api_key_secret="sk-wrong")
    rows = asked(spark, wrong, 50).collect()
    assert statuses(rows) == {"auth_failed": 50}
    assert {row.r.error.http_status for row in rows} == {401}
    assert not any(row.r.error.retryable or "sk-wrong" in row.r.error.message for row in rows)
    assert server.stats()["requests"] == 50

    key = tmp_path / "key"
    key.write_text("sk-old\n", encoding="utf-8")
    settings = model("from_file", endpoint=server.url, api_key_file=key, max_concurrency=1)
    for setting, value in settings.items():
        spark.conf.set(setting, value)
    server.reset()
    query = Query(lambda: asked(spark, "from_file", 200, partitions=1).collect())
    wait_until(lambda: server.stats()["requests"] >= 5, within=60, what="calls with the old key")
    key.write_text("sk-right\n", encoding="utf-8")
    query.join()
    for setting in settings:
        spark.conf.unset(setting)
    assert query.error is None
    counts = statuses(query.result)
    assert counts["ok"] > 0
    assert counts["ok"] + counts.get("auth_failed", 0) == 200
    ended = [row.r.status for row in sorted(query.result, key=lambda row: row.id)]
    assert ended[-1] == "ok", "the new key is used from then on"


def test_faults_of_all_kinds_are_retried_and_add_up(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str]
) -> None:
    kinds = ("429", "500", "502html", "503", "reset", "truncated", "malformed", "error200")
    arguments = [part for kind in kinds for part in ("--fault", f"{kind}=0.025")]
    server = start_testkit(*arguments, "--fault-retry-after", "20ms")
    name = add_model(server.url, max_concurrency=128, max_retries=6)
    n = 1000
    rows = asked(spark, name, n).collect()
    counts = statuses(rows)
    assert sorted(row.id for row in rows) == list(range(n))
    assert sum(counts.values()) == n
    assert all((row.r.text is not None) == (row.r.status == "ok") for row in rows)
    assert all((row.r.error is None) == (row.r.status == "ok") for row in rows)
    assert counts["ok"] >= n * 0.97
    stats = server.stats()
    assert stats["requests"] == sum(row.r.attempts for row in rows)
    assert stats["answered"] == counts["ok"]


def test_no_status_fails_a_job_and_none_is_lost(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str]
) -> None:
    """The next requests end in ways that are not tried again."""
    server = start_testkit()
    name = add_model(server.url, max_concurrency=1, max_retries=0)
    error = '{"error":{"message":"You asked: What is it? Your key: k","type":"%s","code":"%s"}}'
    server.faults(
        next=[
            {"status": 400, "body": error % ("invalid_request_error", "x")},
            {"status": 400, "body": error % ("invalid_request_error", "content_filter")},
            {"status": 401, "body": error % ("invalid_request_error", "invalid_api_key")},
            {"status": 404, "body": error % ("invalid_request_error", "model_not_found")},
            {"status": 429, "body": error % ("insufficient_quota", "insufficient_quota")},
            {"status": 429},
            {"status": 500, "body": "<html>What is it?</html>"},
        ]
    )
    rows = sorted(asked(spark, name, 8, partitions=1).collect(), key=lambda row: row.id)
    assert sorted(row.r.status for row in rows) == sorted(
        [
            "invalid_request",
            "content_filtered",
            "auth_failed",
            "invalid_request",
            "quota_exhausted",
            "rate_limited",
            "server_error",
            "ok",
        ]
    )
    assert not any("What is it" in row.r.error.message for row in rows if row.r.error)


def test_stopping_the_session_ends_what_is_under_way(
    installation: Installation, start_testkit: Callable[..., Testkit], tmp_path: Path
) -> None:
    """In local mode the process lives on after SparkSession.stop(), and so would its calls. Twice in one process, without
    the plugin and with it."""
    server = start_testkit("--latency", "100ms")
    program = installation.start(
        "spark-submit",
        [APPS / "stop_session.py", server.root],
        folder=tmp_path,
        name="stop",
        conf=model("m", endpoint=server.url, max_concurrency=16, api_key_secret="k"),
    )
    try:
        out = program.succeed(within=180)
    finally:
        program.stop()
    print(out)
    assert out.count("calls ended") == 2
    assert out.count("a new session answers 5 rows") == 2


def test_threads_of_the_runtime_do_not_pile_up(
    spark: SparkSession, start_testkit: Callable[..., Testkit], add_model: Callable[..., str]
) -> None:
    server = start_testkit()
    name = add_model(server.url)
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()

    def threads() -> int:
        names = [p.read_text(errors="replace").strip() for p in Path(f"/proc/{pid}/task").glob("*/comm")]
        return sum("assay-inference"[:15] in name for name in names)

    asked(spark, name, 8).collect()
    before = threads()
    assert before == min(max(len(os.sched_getaffinity(0)) // 4, 1), 4)
    for _ in range(5):
        asked(spark, name, 8).collect()
    assert threads() == before
