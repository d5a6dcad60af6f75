package org.apache.spark.sql.assay

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

/** The engine's counters as metrics of the operator in the Spark UI. */
private[assay] object CompletionMetrics {
  private val timings = Set("latency_ms", "wait_ms")
  private val titles = Map(
    "requests" -> "requests sent",
    "retries" -> "retries",
    "rows_ok" -> "rows answered (status ok)",
    "rows_failed" -> "rows with another status",
    "input_tokens" -> "input tokens",
    "cached_input_tokens" -> "input tokens served from the provider's prompt cache",
    "output_tokens" -> "output tokens",
    "cost_nanousd" -> "cost in billionths of a US dollar",
    "latency_ms" -> "latency of answering calls",
    "wait_ms" -> "waiting for a free place or before a retry",
    "cache_hits" -> "cache hits"
  )

  def create(sc: SparkContext): Map[String, SQLMetric] = Engine.counters.map { name =>
    val title = titles.getOrElse(name, name.replace('_', ' '))
    name -> (if (timings(name)) SQLMetrics.createTimingMetric(sc, title) else SQLMetrics.createMetric(sc, title))
  }.toMap
}
