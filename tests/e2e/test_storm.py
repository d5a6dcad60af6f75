"""The storm: rows with duplicate prompts against a server of which three requests in ten go wrong, in every way at once.

ASSAY_STORM_ROWS says how many: 3,000, or 100,000 in the long form (scripts/soak).
"""

from __future__ import annotations

import collections
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Soak
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from support.processes import wait_until
from support.spark import model
from support.testkit import Testkit

ROWS = int(os.environ.get("ASSAY_STORM_ROWS", "3000"))
MAX_RETRIES = 6
STOPPED_WITHIN_S = 2.0

# The shares of requests that go wrong; three in ten together.
FAULTS = {
    "429": 0.06,
    "500": 0.04,
    "502html": 0.02,
    "503": 0.03,
    "529": 0.02,
    "reset": 0.03,
    "truncated": 0.02,
    "malformed": 0.02,
    "error200": 0.02,
    "stall-body": 0.01,
    "empty": 0.01,
    "refusal": 0.01,
    "content-filter": 0.005,
    "length": 0.005,
}
# Where the usage comes with the response, a failed attempt is billed. What is cut off is not: no client could know its cost.
BILLED = ("empty", "refusal", "content-filter", "length")
PRICES = {"input": 0.15, "cached_input": 0.075, "output": 0.6}
OUTCOMES = {"ok", "refused", "content_filtered", "truncated"}
INFRASTRUCTURE = {"rate_limited", "server_error", "network_error", "timeout", "parse_failed"}


@pytest.fixture(scope="module")
def server(testkit_binary: Path, questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testkit]:
    arguments = ["--answers", str(questions), "--model", "sim=1", "--latency", "lognormal:15ms,0.6", "--seed", "5"]
    arguments += ["--fault-retry-after", "100ms", "--cached-share", "0.25", "--reasoning-tokens", "2"]
    for kind, share in FAULTS.items():
        arguments += ["--fault", f"{kind}={share}"]
    for kind in BILLED:
        arguments += ["--billed", kind]
    for kind, price in PRICES.items():
        arguments += [f"--price-{kind.replace('_', '-')}", str(price)]
    server = Testkit.start(testkit_binary, tmp_path_factory.mktemp("storm"), *arguments)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def asked(
    spark: SparkSession, server: Testkit, questions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DataFrame]:
    """`id`, `answers` and `prompt`: every prompt stands in two rows, far from each other, and each asks a known question."""
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    file = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    file.write_text(
        "".join(json.dumps({"q": i, **row}, ensure_ascii=False) + "\n" for i, row in enumerate(rows)), encoding="utf-8"
    )
    known = spark.read.schema("q BIGINT, question STRING, answers ARRAY<STRING>").json(str(file))
    distinct = ROWS // 2
    ids = spark.range(0, ROWS, 1, 8).withColumn("k", F.col("id") % distinct).withColumn("q", F.col("k") % len(rows))
    prices = {
        "price.input": PRICES["input"],
        "price.cachedInput": PRICES["cached_input"],
        "price.output": PRICES["output"],
    }
    settings = model(
        "storm",
        endpoint=server.url,
        api_key_secret="k",
        max_concurrency=128,
        max_retries=MAX_RETRIES,
        timeout_ms=20_000,
        idle_timeout_ms=500,
        **prices,
    )
    for key, value in settings.items():
        spark.conf.set(key, value)
    yield ids.join(F.broadcast(known), "q").selectExpr(
        "id", "answers", "concat('Note ', k, ' is of no matter.\\n', question) AS prompt"
    )
    for key in settings:
        spark.conf.unset(key)


def test_every_row_of_a_storm_says_what_became_of_it(
    spark: SparkSession, server: Testkit, asked: DataFrame, soak: Soak
) -> None:
    server.reset()
    begun = time.monotonic()
    asked.createOrReplaceTempView("asked")
    rows = spark.sql(
        "SELECT id, r.status, r.text, r.error, r.attempts, r.cost_usd, r.cache_hit, r.deduplicated, r.request_key, "
        "llm_exact_match(r.text, answers) AS score FROM "
        "(SELECT id, answers, llm_complete('storm', prompt, named_struct('max_tokens', 64)) AS r FROM asked)"
    ).collect()
    seconds = time.monotonic() - begun
    stats = wait_until(lambda: (s := server.stats())["in_flight"] == 0 and s, within=30, what="the server to be idle")
    counts = collections.Counter(row.status for row in rows)
    soak.add("storm", "30 % mixed faults", rows=ROWS, seconds=seconds, calls=stats["requests"], statuses=dict(counts))
    print(f"\n{ROWS} rows in {seconds:.0f} s: {dict(counts)}; {stats['requests']} calls, {stats['by_outcome']}")

    # Every row came once and has one status.
    assert sorted(row.id for row in rows) == list(range(ROWS))
    assert set(counts) <= OUTCOMES | INFRASTRUCTURE
    # Six retries against three in ten leave next to nothing.
    assert counts["ok"] >= 0.95 * ROWS
    # No failed row has a score, and every answer is right, as the server answers all questions by the key.
    assert all((row.score is None) == (row.status != "ok") for row in rows)
    assert all(row.score == 1.0 for row in rows if row.status == "ok")
    assert all((row.text is None) == (row.status != "ok") for row in rows)
    # Retries stay under the cap, row by row and by the server's own count of each request.
    assert max(row.attempts for row in rows) <= 1 + MAX_RETRIES
    per_key = collections.Counter(row.request_key for row in rows)
    assert set(per_key.values()) == {2}
    assert stats["max_requests_per_key"] <= 2 * (1 + MAX_RETRIES)
    assert stats["distinct_keys"] == len(per_key) == ROWS // 2
    own = [row for row in rows if not (row.cache_hit or row.deduplicated)]
    assert sum(row.attempts for row in own) == stats["requests"]
    # The money: what failed and was billed is in it.
    billed_failures = sum(stats["by_outcome"][f"fault_{kind}"] for kind in BILLED)
    assert billed_failures > 0
    assert all(row.cost_usd is not None for row in rows)
    assert all(row.cost_usd == 0 for row in rows if row.cache_hit or row.deduplicated)
    assert sum(row.cost_usd for row in rows) == pytest.approx(stats["cost_nano_usd"] / 1e9, abs=1e-9)


def test_the_sum_in_sql_is_the_servers_bill(spark: SparkSession, server: Testkit, asked: DataFrame) -> None:
    server.reset()
    asked.where("id < 1000").createOrReplaceTempView("some")
    (row,) = spark.sql(
        "SELECT sum(r.cost_usd) AS cost, count(*) AS n FROM "
        "(SELECT llm_complete('storm', prompt, named_struct('max_tokens', 63)) AS r FROM some)"
    ).collect()
    stats = wait_until(lambda: (s := server.stats())["in_flight"] == 0 and s, within=30, what="the server to be idle")
    assert row.n == 1000
    assert row.cost == pytest.approx(stats["cost_nano_usd"] / 1e9, abs=1e-9)


def test_a_killed_task_stops_its_calls(spark: SparkSession, start_testkit: Callable[..., Testkit]) -> None:
    """The task and not the query: Spark starts it anew, and only the calls of the first attempt end."""
    from test_robustness import Query

    server = start_testkit("--fault", "stall=1")
    settings = model("killed", endpoint=server.url, api_key_secret="k", max_concurrency=32, timeout_ms=60_000)
    for key, value in settings.items():
        spark.conf.set(key, value)
    group = "a task to be killed"

    def run() -> None:
        spark.sparkContext.setJobGroup(group, "", interruptOnCancel=False)
        spark.range(0, 10_000, 1, 1).selectExpr("llm_complete('killed', concat('What is ', id, '?')).status").collect()

    query = Query(run)
    try:
        wait_until(lambda: server.stats()["in_flight"] >= 32, within=60, what="calls to be under way")
        context = spark.sparkContext._jsc.sc()
        (stage,) = spark.sparkContext.statusTracker().getActiveStageIds()
        tasks = context.statusStore().taskList(stage, 0, 10)
        running = [tasks.apply(i) for i in range(tasks.size())]
        (task,) = [task for task in running if task.status() == "RUNNING"]
        assert context.killTaskAttempt(task.taskId(), False, "by a test")
        killed = time.monotonic()
        # A stalled request ends only when its client goes.
        ended = lambda: server.stats()["by_outcome"].get("fault_stall", 0) >= 32  # noqa: E731
        wait_until(ended, within=STOPPED_WITHIN_S, what="the calls of the killed task to end")
        print(f"calls ended {time.monotonic() - killed:.2f} s after the task was killed")
        wait_until(lambda: server.stats()["in_flight"] >= 32, within=30, what="the task to be run again")
    finally:
        spark.sparkContext.cancelJobGroup(group)
        query.join()
        for key in settings:
            spark.conf.unset(key)
    wait_until(lambda: server.stats()["in_flight"] == 0, within=STOPPED_WITHIN_S, what="the calls of the query to end")
