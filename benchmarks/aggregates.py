"""Statistics as aggregates on Spark: for each query its seconds, the bytes that its states took on the way between tasks, and the
result of one group. Called by `scripts/bench aggregates`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import machine
import spark_assay as assay
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from session import open_session, task_seconds

# A continuous score, of which no two are equal, and one of 0 and 1: both a function of the row's number alone.
CONTINUOUS = "xxhash64(id) / power(2.0D, 63) AS x"
BINARY = "pmod(hash(id), 10) < 7 AS x"
QUERIES = {
    "10,000 x 1,000, t": (10_000_000, 10_000, CONTINUOUS, {"method": "t"}),
    "10,000 x 1,000, bca": (10_000_000, 10_000, CONTINUOUS, {"method": "bca"}),
    "10 x 1,000,000, t": (10_000_000, 10, CONTINUOUS, {"method": "t"}),
    "10 x 1,000,000, bca": (10_000_000, 10, CONTINUOUS, {"method": "bca"}),
    "1 x 100,000,000 binary": (100_000_000, 1, BINARY, {}),
    "1 x 100,000,000 continuous": (100_000_000, 1, CONTINUOUS, {"method": "t"}),
}


def shuffled_bytes(spark: SparkSession) -> int:
    context = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    none = spark.sparkContext._gateway.new_array(spark._jvm.double, 0)
    stages = context.statusStore().stageList(None, False, False, none, None)
    return sum(stages.apply(i).shuffleWriteBytes() for i in range(stages.size()))


def run(spark: SparkSession, frame: DataFrame, aggregate: Column) -> dict:
    bytes_before, tasks_before, begun = shuffled_bytes(spark), task_seconds(spark), time.monotonic()
    # Every group is finished; one is shown.
    row = (
        frame.groupBy("g")
        .agg(aggregate.alias("r"))
        .agg(F.count("r.lower").alias("groups"), F.min_by("r", "g").alias("r"))
        .first()
    )
    seconds = time.monotonic() - begun
    return {
        "seconds": round(seconds, 2),
        "task_seconds": round(task_seconds(spark) - tasks_before, 2),
        "shuffled_bytes": shuffled_bytes(spark) - bytes_before,
        "groups": row["groups"],
        "first": row["r"].asDict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench aggregates", description=__doc__)
    parser.add_argument("--only", help="queries, separated by semicolons (default: all)")
    parser.add_argument("--partitions", type=int, default=8, help="of the scan (default: %(default)s)")
    parser.add_argument("--write", metavar="FILE", help="also write the page there")
    args = parser.parse_args()
    settings = {"spark.sql.shuffle.partitions": "8", "spark.sql.adaptive.enabled": "false"}
    spark = open_session("bench aggregates", settings=settings)
    lines = []
    for name in args.only.split(";") if args.only else QUERIES:
        rows, groups, x, how = QUERIES[name]
        numbers = spark.range(0, rows, 1, args.partitions)
        frame = numbers.selectExpr(f"pmod(id, {groups}) AS g", x)
        found = run(spark, frame, assay.functions.mean_ci("x", **how))
        print(name, found, f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        lines.append((name, rows, found))
    text = render(lines, spark.version)
    spark.stop()
    print(text)
    if args.write:
        Path(args.write).write_text(text, encoding="utf-8")


def render(lines: list[tuple[str, int, dict]], spark: str) -> str:
    about = machine.describe()
    text = [
        "# Statistics on Spark",
        "",
        f"`scripts/bench aggregates` writes this page: `SELECT g, mean_ci(x) ... GROUP BY g` in `local[2]` with 4 GiB, Spark {spark}. Rows are "
        "made on the way, two columns of numbers; executors ship states, not rows: of 16 bytes a row at least, what crosses between "
        "tasks is the column *shuffled*.",
        "",
        f"Machine: {about['machine']}; load {about['load']}; commit {about['commit']}.",
        "",
        "| groups x rows, method | seconds | processor seconds of tasks | shuffled | bytes a group | of one group | goal |",
        "|---|--:|--:|--:|--:|---|---|",
    ]
    for name, rows, found in lines:
        groups, first = found["groups"], found["first"]
        bytes_of_one = found["shuffled_bytes"] / max(groups, 1)
        goal = "" if rows > 10_000_000 else f"under 120 s: {'met' if found['seconds'] < 120 else '**missed**'}"
        shown = f"{first['estimate']:.6f}, {first['lower']:.6f} to {first['upper']:.6f}, {first['method']}"
        text.append(
            f"| {name} | {found['seconds']:.1f} | {found['task_seconds']:.1f} | {found['shuffled_bytes'] / 2**20:,.2f} MiB | "
            f"{bytes_of_one:,.0f} | {shown} | {goal} |"
        )
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
