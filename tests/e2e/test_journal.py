"""One call for each key over a cluster, whatever is killed, counted at the server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.processes import Program, wait_until
from support.spark import APPS, Installation, executors, model
from support.testkit import Testkit

ROWS, DISTINCT, PARTITIONS = 6000, 1500, 24
# Requests that are open at once in one executor.
OPEN = 16


def begin(installation: Installation, server: Testkit, folder: Path) -> tuple[Program, Path]:
    results = folder / "results.json"
    prices = {"price.input": 10, "price.output": 40}
    program = installation.start(
        "spark-submit",
        [APPS / "journal_app.py", str(ROWS), str(DISTINCT), str(PARTITIONS), results],
        folder=folder,
        name="journal",
        master="local-cluster[3,1,1024]",
        conf={
            **model("m", endpoint=server.url, max_concurrency=OPEN, **prices),
            "spark.assay.cache.mode": "session",
            "spark.assay.cache.dir": folder / "journals",
        },
    )
    return program, results


def end(program: Program, results: Path) -> list[dict[str, Any]]:
    try:
        program.succeed(within=240)
    finally:
        program.stop()
    return json.loads(results.read_text(encoding="utf-8"))


@pytest.fixture
def server(start_testkit: Callable[..., Testkit]) -> Testkit:
    return start_testkit("--latency", "50ms", "--price-input", "10", "--price-output", "40")


def test_a_key_is_called_for_once_over_the_cluster(installation: Installation, server: Testkit, tmp_path: Path) -> None:
    first, second = end(*begin(installation, server, tmp_path))
    stats = server.stats()
    assert stats["requests"] == stats["distinct_keys"] == DISTINCT
    assert (first["n"], first["ok"], first["shared"], first["hits"]) == (ROWS, ROWS, ROWS - DISTINCT, 0)
    assert first["usd"] == pytest.approx(stats["cost_nano_usd"] / 1e9)
    assert (second["ok"], second["hits"], second["usd"]) == (ROWS, ROWS, 0.0)
    assert second["answers"] == first["answers"]
    assert not any((tmp_path / "journals").iterdir()), "a session's journal is deleted with its application"


def test_what_a_killed_executor_had_written_is_not_paid_for_again(
    installation: Installation, server: Testkit, tmp_path: Path
) -> None:
    program, results = begin(installation, server, tmp_path)
    try:
        wait_until(lambda: server.stats()["answered"] >= DISTINCT // 3, within=180, what="a third of the answers")
        os.kill(executors(program)[0], signal.SIGKILL)
        first, second = end(program, results)
    finally:
        program.stop()
    stats = server.stats()
    assert stats["distinct_keys"] == DISTINCT
    # Open at the kill, or answered and not yet durable: the window of a commit.
    assert DISTINCT <= stats["requests"] <= DISTINCT + 2 * OPEN
    assert first["ok"] == second["ok"] == ROWS
    assert first["answers"] == second["answers"]
    assert (second["hits"], second["usd"]) == (ROWS, 0.0)
