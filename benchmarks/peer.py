"""spark-llm-eval over the same questions and the same server, through its public API. Runs in an environment of its own.

Prints one line of JSON. Its defaults are the first form; the second is the fastest that its settings give here: many more
tasks than cores, since each task makes one call after the other, and the cheap interval instead of the bootstrap.
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


def main() -> None:
    options = json.loads(sys.argv[1])
    testkit = server.Server(options["url"])
    os.environ.update(OPENAI_API_KEY="unused", OPENAI_BASE_URL=testkit.url)
    best = options["form"] == "best"
    spark = (
        SparkSession.builder.master("local[16]" if best else "local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    model = ModelConfig(ModelProvider.OPENAI, server.MODEL, endpoint=testkit.url, api_key_secret="openai/key")
    metrics = [MetricConfig(name="exact_match"), MetricConfig(name="f1")]
    statistics = StatisticsConfig(ci_method="analytical") if best else StatisticsConfig()
    inference = InferenceConfig()
    config = RunnerConfig(model, metrics, statistics_config=statistics, inference_config=inference)

    def evaluate(label: str, n: int) -> dict:
        rows = [
            (i, f"Run {options['label']}-{label}, row {i}.\nQuestion: {question}\nAnswer:", answer)
            for i, question, answer in server.rows(n)
        ]
        frame = spark.createDataFrame(rows, "id string, prompt string, reference string")
        # Under another name the column would stay, be passed to its lexical metrics as `queries`, and fail there.
        task = EvalTask("bench", "bench", "unused", model, "{{ prompt }}", metrics, input_column="prompt")
        before, start = testkit.calls(), time.perf_counter()
        result = EvaluationRunner(spark, config).run(frame, task)
        seconds = time.perf_counter() - start
        scores = {name: value.value for name, value in result.metrics.items()}
        return {"rows": n, "seconds": seconds, "calls": testkit.calls() - before, "scores": scores}

    evaluate("warm", 32)
    runs = [evaluate(str(i), options["rows"]) for i in range(options["rounds"])]
    print(json.dumps({"runs": runs, "partitions": spark.sparkContext.defaultParallelism, "spark": spark.version}))
    spark.stop()


if __name__ == "__main__":
    main()
