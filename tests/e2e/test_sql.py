"""tests/sql/*.sql through spark-submit and spark-sql with nothing but `--jars`, on one JVM and on a cluster of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import sqlfiles
from support.processes import Program
from support.spark import LOCAL_CLUSTER, Installation, model, plan_has
from support.sqlfiles import Statement
from support.testkit import Testkit

PLUGIN = {"spark.plugins": "assay.AssayPlugin"}
EXTENSIONS = {"spark.sql.extensions": "assay.AssayExtensions"}
FILES = [path.name for path in sqlfiles.all_files()]


def statements() -> list[Statement]:
    return [statement for path in sqlfiles.all_files() for statement in sqlfiles.read(path)]


def check(statement: Statement, result: dict[str, Any], *, calls: bool = True) -> None:
    """Compares what one statement gave with what its file expects."""
    place = statement.place
    if statement.error:
        assert result.get("error") == statement.error, f"{place}: {result}"
        assert result["sql_state"], place
        assert result["calls"] == 0, place
        return
    assert "error" not in result, f"{place}: {result.get('message')}"
    if statement.rows is not None:
        shown = [[sqlfiles.shown(value) for value in row] for row in result["rows"]]
        assert shown == statement.rows, place
    for word in statement.contains:
        assert word in result["rows"][0][0], f"{place}: {result['rows'][0][0]}"
    if statement.plan:
        assert plan_has(result["plan"], statement.plan) == [], f"{place}: {result['plan']}"
    if calls and statement.calls is not None:
        assert result["calls"] == statement.calls, place
        assert result["calls_at_planning"] == 0, place


MODES = {
    "jars only, one JVM": ("local[2]", {}),
    "jars only, a cluster": (LOCAL_CLUSTER, {}),
}


@pytest.fixture(scope="module", params=list(MODES))
def submitted(
    request: pytest.FixtureRequest,
    installation: Installation,
    testkit: Testkit,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """All statements, run by `spark.sql` in one spark-submit."""
    master, conf = MODES[request.param]
    texts = [statement.text for statement in statements()]
    conf = {**conf, **model("m", endpoint=testkit.url, deduplicate="false")}
    results = installation.run_texts(
        texts, server=testkit.root, folder=tmp_path_factory.mktemp("submit"), name="sql", master=master, conf=conf
    )
    assert results["plugins"] == conf.get("spark.plugins", "")
    return {s.place: outcome for s, outcome in zip(statements(), results["outcome"], strict=True)}


@pytest.mark.parametrize("file", FILES)
def test_spark_submit_runs_plain_sql(submitted: dict[str, Any], file: str) -> None:
    found = [s for s in statements() if s.file == file]
    assert found
    for statement in found:
        check(statement, submitted[statement.place])


@pytest.mark.parametrize("file", FILES)
def test_a_session_with_service_file_extensions_and_plugin_runs_plain_sql(
    spark: SparkSession, testkit: Testkit, file: str
) -> None:
    from apps import run_sql

    for key, value in model("m", endpoint=testkit.url, deduplicate="false").items():
        spark.conf.set(key, value)
    for statement in (s for s in statements() if s.file == file):
        check(statement, run_sql.run(spark, statement.text, testkit.root))


SHELLS = {
    "one JVM": ("local[2]", EXTENSIONS),
    "a cluster with the plugin": (LOCAL_CLUSTER, PLUGIN),
}


@pytest.fixture
def run_spark_sql(installation: Installation, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def run(file: Path, **options: Any) -> Program:
        started.append(
            installation.start("spark-sql", ["-f", file], folder=tmp_path, name=f"spark-sql-{len(started)}", **options)
        )
        return started[-1]

    yield run
    for program in started:
        program.stop()


@pytest.mark.parametrize("shell", list(SHELLS))
def test_spark_sql_runs_a_file(
    run_spark_sql: Callable[..., Program], testkit: Testkit, tmp_path: Path, shell: str
) -> None:
    # The command line stops at the first error, so the statements that must fail are left to spark-submit.
    good = [s for s in statements() if s.error is None]
    file = tmp_path / "all.sql"
    file.write_text("\n\n".join(f"-- {s.place}\n{s.text};" for s in good) + "\n", encoding="utf-8")
    master, conf = SHELLS[shell]
    with testkit.counting() as calls:
        text = run_spark_sql(
            file, master=master, conf={**conf, **model("m", endpoint=testkit.url, deduplicate="false")}
        ).succeed(within=240)
    lines = iter(text.splitlines())
    for statement in good:
        if statement.rows is not None:
            got = [next(lines).split("\t") for _ in statement.rows]
            assert got == statement.rows, f"{statement.place}\n{text}"
        else:
            plan = []
            for line in lines:
                if line.strip():
                    plan.append(line)
                elif plan:
                    break
            assert plan_has("\n".join(plan), statement.contains) == [], f"{statement.place}\n{text}"
            next(lines, None)
    assert calls.requests == sum(s.calls or 0 for s in good)


def test_spark_sql_stops_at_an_error_and_names_the_condition(
    run_spark_sql: Callable[..., Program], testkit: Testkit, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.sql"
    file.write_text("SELECT llm_complete('mm', CAST(id AS STRING)) FROM range(3);\nSELECT 1;\n", encoding="utf-8")
    program = run_spark_sql(file, conf=model("m", endpoint=testkit.url, deduplicate="false"))
    assert program.wait(within=240) != 0
    assert "ASSAY_UNKNOWN_MODEL" in program.stderr
    assert "did you mean 'm'?" in program.stderr
    assert program.stdout.strip() == ""


def test_the_format_of_sql_files_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_text(
        "-- A note.\n-- plan: A B\n-- calls: 2\n-- rows:\n--   1 | x\nSELECT\n  1;\n\n-- error: E\nSELECT 2;\n"
    )
    first, second = sqlfiles.read(file)
    assert (first.text, first.plan, first.calls, first.rows) == ("SELECT\n  1", ["A", "B"], 2, [["1", "x"]])
    assert (second.text, second.error, second.rows) == ("SELECT 2", "E", None)
    assert (
        json.dumps([sqlfiles.shown(v) for v in (None, True, 0.5, ["a"], [1.0])])
        == '["NULL", "true", "0.5", "[\\"a\\"]", "[1.0]"]'
    )
