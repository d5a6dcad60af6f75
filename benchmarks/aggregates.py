"""Part: statistics as aggregates on Spark. Prints one line of JSON: for each query its seconds, the bytes that its states took
on the way between tasks, and the result of one group.

    scripts/bench's environment: python benchmarks/aggregates.py '{"rounds": 1}'
"""

from __future__ import annotations

import json
import os
import sys
import time

import spark_assay as assay
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from session import open_session, task_seconds

# A continuous score, of which no two are equal, and one of 0 and 1: both a function of the row's number alone.
CONTINUOUS = (F.xxhash64("id") / F.lit(2.0**63)).alias("x")
BINARY = (F.pmod(F.hash("id"), F.lit(10)) < 7).alias("x")
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
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    spark = open_session(
        "bench aggregates", **{"spark.sql.shuffle.partitions": "8", "spark.sql.adaptive.enabled": "false"}
    )
    results: dict[str, list[dict]] = {}
    for name in options.get("only") or QUERIES:
        rows, groups, x, how = QUERIES[name]
        numbers = spark.range(0, rows, 1, options.get("partitions", 8))
        frame = numbers.select(F.pmod("id", F.lit(groups)).alias("g"), x)
        for _ in range(options.get("rounds", 1)):
            results.setdefault(name, []).append(run(spark, frame, assay.functions.mean_ci("x", **how)))
            print(name, results[name][-1], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(json.dumps({"runs": results, "spark": spark.version}))
    spark.stop()


if __name__ == "__main__":
    main()
