"""spark-llm-eval under a limit of requests per minute, on the cluster that tests/e2e/test_quota.py uses. Part of scripts/soak.

peer_quota.py TESTKIT RPM SECONDS LINES.jsonl: appends a line of the server's account. Runs in the peer's environment, with its
own setting for the limit and its other defaults.
"""

from __future__ import annotations

import json
import os
import sys
import time

import server
from pyspark.sql import SparkSession
from spark_llm_eval.core.config import InferenceConfig, MetricConfig, ModelConfig, ModelProvider, StatisticsConfig
from spark_llm_eval.core.task import EvalTask
from spark_llm_eval.orchestrator.runner import EvaluationRunner, RunnerConfig

# A guess of how many examples a second it does on four executors with a core each, which decides how long the run takes.
ROWS_PER_SECOND = 13


def main(testkit: str, rpm: str, seconds: str, lines: str) -> None:
    spark = (
        SparkSession.builder.master("local-cluster[4,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.executorEnv.PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        .config("spark.executorEnv.OPENAI_API_KEY", "unused")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    n = ROWS_PER_SECOND * int(seconds)
    with server.serving(testkit, "200ms", "--rpm", rpm, "--count", "bucket") as kit:
        os.environ.update(OPENAI_API_KEY="unused", OPENAI_BASE_URL=kit.url)
        model = ModelConfig(ModelProvider.OPENAI, server.MODEL, endpoint=kit.url, api_key_secret="openai/key")
        metrics = [MetricConfig(name="exact_match"), MetricConfig(name="f1")]
        config = RunnerConfig(
            model,
            metrics,
            statistics_config=StatisticsConfig(ci_method="analytical"),
            inference_config=InferenceConfig(rate_limit_rpm=int(rpm)),
        )
        rows = [(i, f"Row {i}.\nQuestion: {question}\nAnswer:", answer) for i, question, answer in server.rows(n)]
        frame = spark.createDataFrame(rows, "id string, prompt string, reference string").repartition(16)
        task = EvalTask("quota", "quota", "unused", model, "{{ prompt }}", metrics, input_column="prompt")
        begun = time.perf_counter()
        EvaluationRunner(spark, config).run(frame, task)
        took = time.perf_counter() - begun
        used = kit.usage()
        line = {
            "part": "quota peer",
            "what": f"requests, spread, bucket, {rpm} a minute",
            "rows": n,
            "seconds": round(took, 1),
            "calls": kit.stats()["requests"],
            "share": used["limits"]["requests"]["share"],
            "rejected": used["rejected"],
        }
    with open(lines, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
