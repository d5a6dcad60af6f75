"""One query over a cache, with something that goes wrong in it.

    spark-submit --master ... --jars JAR cache_app.py '{"rows": 6000, "distinct": 1500, "partitions": 24, ...}'

| key | what it is |
|---|---|
| `results` | a file for what came of it |
| `first` | the number of the first prompt |
| `fault` | `retry`: a task fails once, when its calls are made; `speculate`: a task is slow the first time, and runs twice; `shuffle`: answers are aggregated slowly, so that their shuffle files can be lost; `stop`: the session ends when there is a file `stop` in `trace` |
| `trace` | a folder where a task that runs puts a file, for whoever watches from outside |
"""

import json
import os
import sys
import threading
import time

from pyspark import TaskContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def disturbed(task):
    """Passes its number on, and disturbs the first attempt of one task."""
    fault, trace = task["fault"], task["trace"]

    @F.udf("bigint")
    def pass_on(number):
        context = TaskContext.get()
        is_first = context.attemptNumber() == 0 and context.partitionId() == 1
        if fault == "retry" and is_first and number % 97 == 50:
            raise RuntimeError("asked for by a test")
        if fault == "speculate" and is_first:
            mark(trace, "slow")
            time.sleep(0.2)
        if fault == "shuffle":
            mark(trace, f"reduce-{context.partitionId()}")
            time.sleep(0.01)
        return number

    return pass_on


def longest_stage(spark):
    """How long each task of the stage ran that took longest."""
    context = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    none = spark.sparkContext._gateway.new_array(spark._jvm.double, 0)
    stages = context.statusStore().stageList(None, False, False, none, None)
    found = max((stages.apply(i) for i in range(stages.size())), key=lambda stage: stage.executorRunTime())
    tasks = context.statusStore().taskList(found.stageId(), found.attemptId(), 100000)
    took = (tasks.apply(i).duration() for i in range(tasks.size()))
    return [milliseconds.get() / 1000 for milliseconds in took if milliseconds.isDefined()]


def mark(folder, name):
    open(os.path.join(folder, name), "w").close()


def stop_on(spark, file):
    while not os.path.exists(file):
        time.sleep(0.01)
    spark.stop()


def outcome_of(spark, **given):
    """What comes of the query, in a session that is there."""
    task = {"fault": None, "trace": "/tmp", "first": 0, **given}
    if task["fault"]:
        spark.udf.register("pass_on", disturbed(task))
    spark.range(0, task["rows"], 1, task["partitions"]).createOrReplaceTempView("q")
    asked = (
        f"SELECT id, llm_complete('m', concat('item ', {task['first']} + id % {task['distinct']}), "
        "named_struct('max_tokens', 64)) AS r FROM q"
    )
    sums = (
        "count(*) AS n, count_if(r.status = 'ok') AS ok, count_if(r.deduplicated) AS shared, count_if(r.cache_hit) AS hits, "
        "sum(r.cost_usd) AS usd, sum(CAST(xxhash64(id, r.text) AS DECIMAL(38, 0))) AS answers"
    )
    if task["fault"] in ("retry", "speculate"):
        asked = f"SELECT pass_on(id) AS id, r FROM ({asked})"
    if task["fault"] == "shuffle":
        spread = f"SELECT id, r FROM ({asked}) DISTRIBUTE BY id % 8"
        asked = f"SELECT pass_on(id) AS id, r FROM ({spread})"
    if task["fault"] == "stop":
        threading.Thread(target=stop_on, args=(spark, os.path.join(task["trace"], "stop")), daemon=True).start()
    print("the query begins", flush=True)
    begun = time.monotonic()
    outcome = spark.sql(f"SELECT {sums} FROM ({asked})").head().asDict()
    outcome["seconds"] = time.monotonic() - begun
    outcome["task_seconds"] = longest_stage(spark)
    if task.get("fold"):
        outcome["fold"] = spark.sql("SELECT * FROM assay_cache_fold()").head().asDict()
        stored = spark.sql("SELECT count(*), count(DISTINCT request_key) FROM assay_cache()").head()
        outcome["stored"], outcome["stored_keys"] = stored[0], stored[1]
    return outcome


def main(text):
    task = json.loads(text)
    spark = SparkSession.builder.getOrCreate()
    outcome = outcome_of(spark, **task)
    with open(task["results"], "w", encoding="utf-8") as file:
        json.dump(outcome, file, default=str)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
