package org.apache.spark.sql.assay

import _root_.assay.{CostMetric, InFlightMetric}

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

/** The engine's counters as metrics of the operator in the Spark UI. */
private[assay] object CompletionMetrics {

  /** A counter that is the most of something and not a sum. */
  val MaxInFlight = "max_in_flight"

  private val titles = Map(
    "rows" -> "rows taken",
    "rows_ok" -> "rows answered (status ok)",
    "rows_failed" -> "rows with another status",
    "requests" -> "requests sent",
    "retries" -> "retries",
    "rate_limited" -> "attempts refused for their number (429)",
    "timeouts" -> "attempts that took too long",
    "server_errors" -> "attempts that the server failed",
    "network_errors" -> "attempts without a connection or on one that broke",
    "input_tokens" -> "input tokens",
    "cached_input_tokens" -> "input tokens read from the provider's prompt cache",
    "cache_write_tokens" -> "input tokens written to the provider's prompt cache",
    "output_tokens" -> "output tokens",
    "reasoning_tokens" -> "output tokens that were reasoning",
    "latency_ms" -> "latency of answering calls",
    "wait_ms" -> "waiting for a quota, a free place or a retry",
    "quota_wait_ms" -> "waiting for a quota",
    "cache_hits" -> "cache hits",
    "deduplicated" -> "calls shared with an equal row"
  )

  def create(sc: SparkContext): Map[String, SQLMetric] = Engine.counters.map { name =>
    val title = titles.getOrElse(name, name.replace('_', ' '))
    name -> (name match {
      case "cost_nanousd" => SQLMetrics.createV2CustomMetric(sc, new CostMetric("cost of calls"))
      case "cost_avoided_nanousd" =>
        SQLMetrics.createV2CustomMetric(sc, new CostMetric("cost avoided by hits and shared calls"))
      case MaxInFlight => SQLMetrics.createV2CustomMetric(sc, new InFlightMetric)
      case timing if timing.endsWith("_ms") => SQLMetrics.createTimingMetric(sc, title)
      case _ => SQLMetrics.createMetric(sc, title)
    })
  }.toMap

  /** Adds what a session has counted since `before`, which it brings up to date. */
  def report(metrics: Map[String, SQLMetric], now: Array[Long], before: Array[Long]): Unit =
    Engine.counters.indices.foreach { i =>
      metrics.get(Engine.counters(i)).foreach { metric =>
        if (Engine.counters(i) == MaxInFlight) metric.set(now(i)) else metric += now(i) - before(i)
      }
      before(i) = now(i)
    }
}
