package org.apache.spark.sql.assay

import _root_.assay.NativeLibrary

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.expressions.{Expression, ExpressionInfo, Literal}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types.StringType
import org.apache.spark.unsafe.types.UTF8String

/** One SQL function.
  *
  * @param arguments
  *   the argument list as a user would write it
  * @param result
  *   the SQL type of the result
  * @param usage
  *   what it gives, its NULL rule and its errors
  * @param example
  *   one call and its result
  */
private[assay] final case class FunctionEntry(
    name: String,
    arguments: String,
    result: String,
    usage: String,
    example: (String, String),
    group: String,
    className: String,
    build: Seq[Expression] => Expression
) {
  val since = "0.1.0"

  def signature: String = s"$name($arguments)"

  def info: ExpressionInfo = new ExpressionInfo(
    className,
    null,
    name,
    s"_FUNC_($arguments) - $usage",
    "",
    s"\n    Examples:\n      > SELECT ${example._1};\n       ${example._2}\n  ",
    "",
    group,
    since,
    "",
    "built-in"
  )
}

private[assay] object FunctionEntry {

  /** A row function of the engine. */
  def row(
      name: String,
      arguments: String,
      result: String,
      usage: String,
      example: (String, String)
  ): FunctionEntry =
    FunctionEntry(
      name,
      arguments,
      result,
      usage,
      example,
      "string_funcs",
      classOf[NativeFunction].getName,
      NativeFunction(name, _)
    )
}

/** The one table of functions: registration, documentation and the parity tests of Scala and Python read it. */
private[assay] object FunctionTable {
  import FunctionEntry.row

  val Prompt = "llm_prompt"

  private val rowFunctions: Map[String, RowFunction] = Map(
    Prompt -> RowFunction.prompt,
    "llm_request" -> RowFunction.request,
    "llm_request_key" -> RowFunction.request,
    "llm_estimate" -> RowFunction.estimate
  ) ++ MetricFunctions.rowFunctions ++ SemanticFunctions.rowFunctions ++ StatFunctions.rowFunctions

  def rowFunction(name: String): RowFunction = rowFunctions(name)

  private def call(kind: CallKind, arguments: String, usage: String, example: (String, String)): FunctionEntry =
    FunctionEntry(
      kind.function,
      arguments,
      kind.dataType.sql,
      usage,
      example,
      "misc_funcs",
      classOf[ModelCall].getName,
      if (kind == CallKind.Embed) SemanticFunctions.embed else ModelCall(kind, _)
    )

  private val own: Seq[FunctionEntry] = Seq(
    FunctionEntry(
      "assay_model",
      "model",
      "STRING",
      "What is in force for a model that is configured, as JSON: `provider`, `endpoint`, `model`, where the key comes from " +
        "(`key`, and `key_env` with the names of environment variables), `limits` per minute, `max_concurrency`, prices in US " +
        "dollars per million tokens. Holds no key. It is what is configured when the query is analyzed.",
      ("get_json_object(assay_model('mock'), '$.provider')", "mock"),
      "misc_funcs",
      classOf[Literal].getName,
      children => {
        Arguments.count("assay_model", children, 1, 1)
        val model = ModelConf.of(Arguments.constantText("assay_model", "model", children.head), SQLConf.get)
        val described = AssayAnalysisException.planning(NativeLibrary.json("describe_model", model.json))
        Literal(UTF8String.fromString(JsonValues.mapper.writeValueAsString(described)), StringType)
      }
    ),
    FunctionEntry(
      "assay_progress",
      "",
      "STRING",
      "How far the model calls of the application are, as JSON: `active`, rows done and failed, requests, retries by cause, " +
        "tokens, `cost_usd`, `rows_per_second`, tasks, `elapsed_seconds` and `seconds_left` (null where unknown), and in " +
        "`quotas` what of each limit was used in the last minute, in `budget_used` what counts against a budget. It is what the driver knows when the query is analyzed: ask " +
        "again for newer values. Holds nothing of a request or an answer.",
      ("get_json_object(assay_progress(), '$.seconds_left') IS NULL", "true"),
      "misc_funcs",
      classOf[Literal].getName,
      children => {
        Arguments.count("assay_progress", children, 0, 0)
        Literal(UTF8String.fromString(Progress.json), StringType)
      }
    ),
    FunctionEntry(
      "assay_version",
      "",
      "STRING",
      "The version of Assay.",
      ("assay_version()", NativeLibrary.version),
      "misc_funcs",
      classOf[Literal].getName,
      children => {
        Arguments.count("assay_version", children, 0, 0)
        Literal(UTF8String.fromString(NativeLibrary.version), StringType)
      }
    ),
    call(
      CallKind.Complete,
      "model, prompt [, options]",
      "Calls the configured model `model` with `prompt`, a STRING or an ARRAY<STRUCT<role, content [, tool_calls, " +
        "tool_call_id]>>, where content is a STRING or an ARRAY<STRUCT<type, text, image_url, image BINARY, media_type>> whose " +
        "fields may be left out. Never NULL: `status` " +
        "says what happened, and `text` is NULL unless it is 'ok'. A failed row does not fail the query. Each row is called " +
        "once, after the filters and limits that need no answer.",
      ("llm_complete('mock', 'Hello').text", "Hello")
    ),
    call(
      CallKind.Embed,
      "model, text [, options]",
      "The embedding of `text` by the configured model `model`. Never NULL: `status` says what happened, and `embedding` is " +
        "NULL unless it is 'ok'. A failed row does not fail the query. A call like that of llm_complete: made once for each " +
        "row, after the filters and limits that need no embedding, and retried, counted and cached in the same way. `model` may also " +
        "be the folder of an encoder ('file:/models/name') or the name of a model with provider=local: it runs in the executors.",
      ("size(llm_embed('mock', 'Hello').embedding)", "8")
    ),
    row(
      "llm_estimate",
      "model, prompt [, options]",
      RowFunction.estimateType.sql,
      "What the request of llm_complete would use: its key, about how many input tokens it has, and the most tokens that it lets " +
        "the model answer, NULL where it sets no bound. Nothing is sent. NULL for a NULL prompt.",
      ("llm_estimate('mock', 'Hello', map('max_tokens', '9')).max_output_tokens", "9")
    ),
    row(
      Prompt,
      "template, struct",
      "STRING",
      "Renders the Jinja template with the fields of the struct. A variable that no field gives is an error at planning; a " +
        "row that does not render, for instance because it prints a NULL, gives NULL.",
      ("llm_prompt('Capital of {{ country }}?', named_struct('country', 'Peru'))", "Capital of Peru?")
    ),
    row(
      "llm_request",
      "model, prompt [, options]",
      "STRING",
      "The request that llm_complete would send, as canonical JSON without secrets. Nothing is sent. NULL for a NULL prompt.",
      ("get_json_object(llm_request('mock', 'Hello'), '$.model')", "mock")
    ),
    row(
      "llm_request_key",
      "model, prompt [, options]",
      "STRING",
      "The key of the request, SHA-256 in hexadecimal: equal requests have equal keys. NULL for a NULL prompt.",
      ("length(llm_request_key('mock', 'Hello'))", "64")
    )
  )

  /** By kind and name. */
  val entries: Seq[FunctionEntry] =
    (own ++ MetricFunctions.entries ++ SemanticFunctions.entries ++ StatFunctions.entries).sortBy(e =>
      (e.group == "agg_funcs", e.name)
    )

  def signature(name: String): String = entries.find(_.name == name).fold(name)(_.signature)

  def register(extensions: SparkSessionExtensions): Unit = entries.foreach { e =>
    extensions.injectFunction((FunctionIdentifier(e.name), e.info, e.build))
  }
}
