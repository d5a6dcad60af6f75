package org.apache.spark.sql.assay

import org.apache.spark.sql.types._

/** The structs that model calls give. The engine's schemas are compared with these in a test. */
private[assay] object CompletionSchema {
  private val error = StructType(
    Seq(
      StructField("condition", StringType),
      StructField("message", StringType),
      StructField("retryable", BooleanType),
      StructField("http_status", IntegerType)
    )
  )

  val dataType: StructType = StructType(
    Seq(
      StructField("text", StringType),
      StructField("partial_text", StringType),
      StructField("reasoning", StringType),
      StructField("tool_calls", StringType),
      StructField("logprobs", ArrayType(DoubleType)),
      StructField("status", StringType),
      StructField("error", error),
      StructField("finish_reason", StringType),
      StructField("model", StringType),
      StructField("model_answered", StringType),
      StructField("input_tokens", LongType),
      StructField("cached_input_tokens", LongType),
      StructField("cache_write_tokens", LongType),
      StructField("output_tokens", LongType),
      StructField("reasoning_tokens", LongType),
      StructField("cost_usd", DoubleType),
      StructField("cost_avoided_usd", DoubleType),
      StructField("latency_ms", DoubleType),
      StructField("ttft_ms", DoubleType),
      StructField("wait_ms", DoubleType),
      StructField("attempts", IntegerType),
      StructField("cache_hit", BooleanType),
      StructField("deduplicated", BooleanType),
      StructField("answered_at", TimestampType),
      StructField("request_key", StringType)
    )
  )

  val embedding: StructType = StructType(
    Seq(
      StructField("embedding", ArrayType(FloatType)),
      StructField("status", StringType),
      StructField("error", error),
      StructField("input_tokens", LongType),
      StructField("cost_usd", DoubleType),
      StructField("cache_hit", BooleanType),
      StructField("request_key", StringType)
    )
  )
}
