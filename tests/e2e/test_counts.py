"""Who pays for what, counted at the server: queries over a million rows that need few answers, and over ASSAY_ROWS rows
that need all of them (a million in scripts/soak)."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Soak
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from support.spark import model
from support.testkit import Calls, Testkit

MANY = 1_000_000
ALL = int(os.environ.get("ASSAY_ROWS", "20000"))
ACCURACY = 0.75
# In the long form a query that pays for all rows takes minutes; without AQE only those that shuffle are another plan.
LONG = ALL >= MANY


@pytest.fixture(scope="module")
def server(testkit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testkit]:
    folder = tmp_path_factory.mktemp("counts")
    key = folder / "answers.jsonl"
    with key.open("w", encoding="utf-8") as file:
        for i in range(ALL):
            row = {"question": f"What is item {i}?", "answers": [f"Item {i}"], "category": str(i % 10)}
            file.write(json.dumps(row) + "\n")
    server = Testkit.start(
        testkit_binary,
        folder,
        "--answers",
        str(key),
        "--model",
        f"sim={ACCURACY}",
        "--ledger-limit",
        "0",
        "--latency",
        "5ms",
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tables(spark: SparkSession, server: Testkit, tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    """`many` and `t`: rows in 8 files. Of a thousand rows one is of category x."""
    folder = tmp_path_factory.mktemp("tables")
    for name, n in (("many", MANY), ("t", ALL)):
        spark.range(0, n, 1, 8).selectExpr(
            "id",
            "if(id % 1000 = 7, 'x', concat('c', id % 10)) AS category",
            "concat('What is item ', id, '?') AS q",
            "concat('Item ', id) AS a",
        ).write.parquet(str(folder / name))
        spark.read.parquet(str(folder / name)).createOrReplaceTempView(name)
    for key, value in model(
        "sim", endpoint=server.url, api_key_secret="k", max_concurrency=512, deduplicate="false"
    ).items():
        spark.conf.set(key, value)
    return spark


@pytest.fixture(params=[True, False], ids=["adaptive", "static"])
def sql(request: pytest.FixtureRequest, tables: SparkSession) -> Iterator[Callable[[str], DataFrame]]:
    """`spark.sql`, with and without adaptive execution."""
    tables.conf.set("spark.sql.adaptive.enabled", str(request.param).lower())
    yield tables.sql
    tables.conf.unset("spark.sql.adaptive.enabled")


@pytest.fixture
def paid(
    server: Testkit, soak: Soak, request: pytest.FixtureRequest
) -> Callable[..., contextlib.AbstractContextManager]:
    """Counts the calls of a block, says how long it took, and checks that nobody was asked the same twice."""

    @contextlib.contextmanager
    def count(rows: int) -> Iterator[Calls]:
        begun = time.monotonic()
        with server.counting() as calls:
            yield calls
            seconds = time.monotonic() - begun
        assert calls.answered == calls.requests
        soak.add(
            "counts",
            request.node.name,
            rows=rows,
            seconds=seconds,
            calls=calls.requests,
            distinct_requests=calls.distinct_keys,
            peak_in_flight=calls.peak_in_flight,
        )

    return count


CALL = "llm_complete('sim', q)"


# --- A million rows, few answers -------------------------------------------------------------------------------------


def test_show_asks_for_what_it_shows(sql, paid) -> None:
    with paid(MANY) as calls, contextlib.redirect_stdout(io.StringIO()) as shown:
        sql(f"SELECT id, {CALL}.status FROM many").show()
    assert "only showing top 20 rows" in shown.getvalue()
    assert 20 <= calls.requests <= 21


def test_limit_asks_for_as_many(sql, paid) -> None:
    with paid(MANY) as calls:
        rows = sql(f"SELECT id, {CALL} AS r FROM many LIMIT 10").collect()
    assert [r.r.status for r in rows] == ["ok"] * 10
    assert calls.requests == 10


def test_order_by_another_column_with_a_limit_asks_for_as_many(sql, paid) -> None:
    with paid(MANY) as calls:
        rows = sql(f"SELECT id, {CALL} AS r FROM many ORDER BY id DESC LIMIT 10").collect()
    assert [r.id for r in rows] == list(range(MANY - 1, MANY - 11, -1))
    assert calls.requests == 10


def test_counting_rows_asks_nobody(sql, paid) -> None:
    with paid(MANY) as calls:
        assert sql(f"SELECT id, {CALL} AS r FROM many").count() == MANY
    assert calls.requests == 0


def test_a_column_that_needs_no_answer_asks_nobody(sql, paid) -> None:
    with paid(MANY) as calls:
        frame = sql(f"SELECT id, {CALL} AS r FROM many")
        assert frame.select(F.sum("id")).first()[0] == MANY * (MANY - 1) // 2
    assert calls.requests == 0


def test_explain_and_schema_ask_nobody(sql, paid) -> None:
    with paid(MANY) as calls, contextlib.redirect_stdout(io.StringIO()) as shown:
        frame = sql(f"SELECT id, {CALL} AS r FROM many")
        assert frame.schema["r"].dataType["status"].dataType.simpleString() == "string"
        for mode in ("simple", "extended", "codegen", "cost", "formatted"):
            frame.explain(mode)
        sql(f"EXPLAIN SELECT {CALL}.text FROM many").collect()
        sql(f"DESCRIBE QUERY SELECT {CALL}.text FROM many").collect()
    assert "Completion" in shown.getvalue()
    assert calls.requests == 0


def test_where_asks_for_the_rows_it_keeps(sql, paid) -> None:
    with paid(MANY) as calls:
        rows = sql(f"SELECT id, {CALL} AS r FROM many WHERE category = 'x'").collect()
    assert len(rows) == MANY // 1000
    assert calls.requests == calls.distinct_keys == MANY // 1000


def test_a_filter_above_the_call_asks_for_the_rows_it_keeps(sql, paid) -> None:
    with paid(MANY) as calls:
        rows = sql(
            f"SELECT * FROM (SELECT *, {CALL} AS r FROM many) WHERE category = 'x' AND r.status = 'ok'"
        ).collect()
    assert len(rows) == MANY // 1000
    assert calls.requests == calls.distinct_keys == MANY // 1000


def test_case_asks_for_the_rows_of_its_branch(sql, paid) -> None:
    with paid(MANY) as calls:
        text = f"SELECT count(*) AS n, count(x) AS answered FROM (SELECT CASE WHEN category = 'x' THEN {CALL}.text END AS x FROM many)"
        row = sql(text).first()
    assert (row.n, row.answered) == (MANY, MANY // 1000)
    assert calls.requests == calls.distinct_keys == MANY // 1000


# --- All rows ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_what_is_the_same_plan(sql, tables: SparkSession) -> None:
    if LONG and tables.conf.get("spark.sql.adaptive.enabled") == "false":
        pytest.skip("in the long form only with adaptive execution")


def test_a_sort_on_another_column_asks_once_per_row(sql, paid) -> None:
    with paid(ALL) as calls:
        rows = sql(f"SELECT id, r.status FROM (SELECT id, {CALL} AS r FROM t) ORDER BY id").toPandas()
    assert rows.id.tolist() == list(range(ALL))
    assert (rows.status == "ok").all()
    assert calls.requests == calls.distinct_keys == ALL


def test_a_sort_on_the_answer_asks_once_per_row(sql, paid) -> None:
    with paid(ALL) as calls:
        rows = sql(f"SELECT id, r.text FROM (SELECT id, {CALL} AS r FROM t) ORDER BY r.text, id").toPandas()
    assert rows.text.is_monotonic_increasing
    assert sorted(rows.id.tolist()) == list(range(ALL))
    assert calls.requests == calls.distinct_keys == ALL


def test_the_same_call_in_select_and_where_is_one(sql, paid, without_what_is_the_same_plan) -> None:
    with paid(ALL) as calls:
        n = sql(f"SELECT count({CALL}.text) AS n FROM t WHERE {CALL}.status = 'ok' AND {CALL}.attempts = 1").first().n
    assert n == ALL
    assert calls.requests == calls.distinct_keys == ALL


def test_a_cte_used_twice_asks_once_per_row(sql, paid) -> None:
    with paid(ALL) as calls:
        text = f"""WITH c AS (SELECT id, {CALL} AS r FROM t)
            SELECT count(*) AS n, sum(CASE WHEN a.r.text = b.r.text THEN 1 ELSE 0 END) AS same FROM c a JOIN c b ON a.id = b.id"""
        row = sql(text).first()
    assert (row.n, row.same) == (ALL, ALL)
    assert calls.requests == calls.distinct_keys == ALL


def test_scores_and_intervals_by_group_ask_once_per_row(sql, paid) -> None:
    with paid(ALL) as calls:
        rows = sql(f"""SELECT category, mean_ci(llm_exact_match({CALL}.text, a)) AS ci,
            avg(CASE WHEN {CALL}.text = a THEN 1D ELSE 0D END) AS plain, count(*) AS n FROM t GROUP BY category""").collect()
    assert len(rows) == 11
    assert sum(r.ci.n for r in rows) == ALL
    for row in rows:
        assert (row.ci.n, row.ci.n_null, row.ci.method) == (row.n, 0, "wilson")
        assert row.ci.estimate == pytest.approx(row.plain, abs=1e-12)
        assert row.ci.lower < row.ci.estimate < row.ci.upper
    overall = sum(r.ci.estimate * r.ci.n for r in rows) / ALL
    assert abs(overall - ACCURACY) < 6 * (ACCURACY * (1 - ACCURACY) / ALL) ** 0.5
    assert calls.requests == calls.distinct_keys == ALL


def test_a_union_of_a_frame_with_itself_asks_at_most_twice(sql, paid, without_what_is_the_same_plan) -> None:
    with paid(ALL) as calls:
        frame = sql(f"SELECT id, {CALL} AS r FROM t")
        row = frame.union(frame).agg(F.count("*").alias("n"), F.count("r.text").alias("answered")).first()
    assert (row.n, row.answered) == (2 * ALL, 2 * ALL)
    assert calls.distinct_keys == ALL
    assert ALL <= calls.requests <= 2 * ALL
