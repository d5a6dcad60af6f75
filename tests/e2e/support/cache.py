"""Runs of apps/cache_app.py over one cache table."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps import cache_app
from pyspark.sql import SparkSession

from support.processes import Program
from support.spark import APPS, Installation, executors, model
from support.testkit import Testkit

DELTA = {
    "spark.sql.extensions": "assay.AssayExtensions,io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # The tables are small.
    "spark.databricks.delta.snapshotPartitions": "2",
}
# Requests that are open at once in one executor.
OPEN = 16


@dataclass
class CacheRuns:
    """Starts queries over one table and one server, one after the other or at once."""

    installation: Installation
    delta: list[Path]
    server: Testkit
    folder: Path
    rows: int = 6000
    distinct: int = 1500
    partitions: int = 24
    mode: str = "read_write"
    number: int = 0
    # Where the table is; in the folder if it is not said.
    at: str | None = None

    @property
    def table(self) -> str:
        return self.at or str(self.folder / "table")

    def settings(self) -> dict[str, str]:
        prices = {"price.input": 10, "price.output": 40}
        return {
            **model("m", endpoint=self.server.url, max_concurrency=OPEN, **prices),
            "spark.assay.cache.mode": self.mode,
            "spark.assay.cache.table": self.table,
        }

    def start(self, *, master: str = "local-cluster[3,1,1024]", conf: dict[str, Any] | None = None, **task: Any) -> Run:
        self.number += 1
        trace = self.folder / f"trace-{self.number}"
        trace.mkdir(parents=True)
        results = self.folder / f"results-{self.number}.json"
        shape = {"rows": self.rows, "distinct": self.distinct, "partitions": self.partitions}
        given = {**shape, "results": str(results), "trace": str(trace), **task}
        program = self.installation.start(
            "spark-submit",
            [APPS / "cache_app.py", json.dumps(given)],
            folder=self.folder,
            name=f"run-{self.number}",
            master=master,
            jar=",".join(str(path) for path in [self.installation.jar, *self.delta]),
            conf={
                **self.settings(),
                **DELTA,
                **(conf or {}),
            },
        )
        return Run(program, results, trace)

    def run(self, **arguments: Any) -> dict[str, Any]:
        return self.start(**arguments).end()

    def run_in(self, spark: SparkSession, **task: Any) -> dict[str, Any]:
        """The same in another application, which is there already, and has its settings back after it."""
        before = {key: spark.conf.get(key, None) for key in self.settings()}
        for key, value in self.settings().items():
            spark.conf.set(key, value)
        try:
            shape = {"rows": self.rows, "distinct": self.distinct, "partitions": self.partitions}
            # As the one of another process is read.
            return json.loads(json.dumps(cache_app.outcome_of(spark, **shape, **task), default=str))
        finally:
            for key, value in before.items():
                if value is None:
                    spark.conf.unset(key)
                else:
                    spark.conf.set(key, value)


@dataclass
class Run:
    program: Program
    results: Path
    trace: Path

    def end(self, within: float = 240) -> dict[str, Any]:
        try:
            self.program.succeed(within=within)
        finally:
            self.program.stop()
        return json.loads(self.results.read_text(encoding="utf-8"))

    def kill_executor(self, which: int = 0) -> None:
        found = executors(self.program)
        os.kill(found[which % len(found)], signal.SIGKILL)

    def kill_all(self) -> None:
        """The driver and all that it has started, at once."""
        os.killpg(self.program.process.pid, signal.SIGKILL)
        self.program.process.wait(30)
        self.program.stop()
