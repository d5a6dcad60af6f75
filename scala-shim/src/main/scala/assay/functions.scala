package assay

import org.apache.spark.sql.Column
import org.apache.spark.sql.functions.{array, call_function, lit, struct}

/** Assay's functions for Scala, under their SQL names. Options are given by name and may be columns where the SQL
  * function takes columns: `llm_complete("gpt", $"prompt", "temperature" -> 0.2, "seed" -> $"seed")`.
  */
object functions {

  /** What is in force for a configured model, as JSON without a key. */
  def assay_model(model: String): Column = call_function("assay_model", lit(model))

  /** How far the model calls of the application are, as JSON. */
  def assay_progress(): Column = call_function("assay_progress")

  /** The version of Assay. */
  def assay_version(): Column = call_function("assay_version")

  /** Renders a Jinja template with the fields of a struct. */
  def llm_prompt(template: String, fields: Column): Column = call_function("llm_prompt", lit(template), fields)

  /** Calls a configured model; gives a struct that is never NULL and whose `status` says what happened. */
  def llm_complete(model: String, prompt: Column, options: (String, Any)*): Column =
    call("llm_complete", Seq(lit(model), prompt), options)

  /** The embedding of a text by a configured model; gives a struct that is never NULL and whose `status` says what
    * happened.
    */
  def llm_embed(model: String, text: Column, options: (String, Any)*): Column =
    call("llm_embed", Seq(lit(model), text), options)

  /** The request that `llm_complete` would send, as canonical JSON; nothing is sent. */
  def llm_request(model: String, prompt: Column, options: (String, Any)*): Column =
    call("llm_request", Seq(lit(model), prompt), options)

  /** The key of that request. */
  def llm_request_key(model: String, prompt: Column, options: (String, Any)*): Column =
    call("llm_request_key", Seq(lit(model), prompt), options)

  /** 1 if prediction and reference are equal, else 0. */
  def llm_exact_match(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_exact_match", Seq(prediction, reference), options)

  /** The F1 of the tokens that prediction and reference share, as SQuAD defines it. */
  def llm_token_f1(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_token_f1", Seq(prediction, reference), options)

  /** 1 if the reference occurs in the prediction, else 0. */
  def llm_contains(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_contains", Seq(prediction, reference), options)

  /** The mean of a column with its confidence interval. */
  def mean_ci(x: Column, options: (String, Any)*): Column = call("mean_ci", Seq(x), options)

  private def call(name: String, arguments: Seq[Column], options: Seq[(String, Any)]): Column = {
    val optionColumn =
      if (options.isEmpty) None
      else Some(struct(options.map { case (option, value) => column(value).as(option) }: _*))
    call_function(name, arguments ++ optionColumn: _*)
  }

  private def column(value: Any): Column = value match {
    case c: Column => c
    case list: Iterable[_] => array(list.map(column).toSeq: _*)
    case other => lit(other)
  }
}
