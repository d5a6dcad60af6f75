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

  /** 1 if the reference, a regular expression, matches in the prediction, else 0. */
  def llm_regex_match(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_regex_match", Seq(prediction, reference), options)

  /** 1 if the numbers of prediction and reference are close, else 0. */
  def llm_numeric_match(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_numeric_match", Seq(prediction, reference), options)

  /** Whether the prediction is the JSON that it should be. */
  def llm_json_match(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_json_match", Seq(prediction, reference), options)

  /** Sentence BLEU as sacrebleu computes it, divided by 100. */
  def llm_bleu(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_bleu", Seq(prediction, reference), options)

  /** chrF as sacrebleu computes it, divided by 100. */
  def llm_chrf(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_chrf", Seq(prediction, reference), options)

  /** The translation edit rate as sacrebleu computes it, divided by 100. */
  def llm_ter(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_ter", Seq(prediction, reference), options)

  /** ROUGE-1 as rouge-score computes it. */
  def llm_rouge_1(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_1", Seq(prediction, reference), options)

  /** ROUGE-2 as rouge-score computes it. */
  def llm_rouge_2(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_2", Seq(prediction, reference), options)

  /** ROUGE-3 as rouge-score computes it. */
  def llm_rouge_3(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_3", Seq(prediction, reference), options)

  /** ROUGE-L as rouge-score computes it. */
  def llm_rouge_l(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_l", Seq(prediction, reference), options)

  /** ROUGE-Lsum as rouge-score computes it. */
  def llm_rouge_lsum(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_lsum", Seq(prediction, reference), options)

  /** ROUGE for texts in any script. */
  def llm_rouge_unicode(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_rouge_unicode", Seq(prediction, reference), options)

  /** METEOR as nltk computes it, without WordNet. */
  def llm_meteor(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_meteor", Seq(prediction, reference), options)

  /** The word error rate as jiwer computes it. */
  def llm_wer(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_wer", Seq(prediction, reference), options)

  /** The character error rate as jiwer computes it. */
  def llm_cer(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_cer", Seq(prediction, reference), options)

  /** 1 less the edits over the length of the longer text. */
  def llm_levenshtein_similarity(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_levenshtein_similarity", Seq(prediction, reference), options)

  /** 1 less the insertions and deletions over both lengths. */
  def llm_indel_similarity(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_indel_similarity", Seq(prediction, reference), options)

  /** The similarity of Jaro and Winkler. */
  def llm_jaro_winkler(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_jaro_winkler", Seq(prediction, reference), options)

  /** Edits, with swaps of neighbours as one. */
  def llm_osa_distance(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_osa_distance", Seq(prediction, reference), options)

  /** The length of the prediction over that of the reference. */
  def llm_length_ratio(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_length_ratio", Seq(prediction, reference), options)

  /** Several metrics of a pair, named without `llm_`; options are given by metric: `"bleu" -> struct(lit("zh").as("tokenize"))`. */
  def llm_scores(prediction: Column, reference: Column, metrics: Seq[String], options: (String, Any)*): Column =
    call("llm_scores", Seq(prediction, reference, array(metrics.map(lit): _*)), options)

  /** The part of a text that is the answer. */
  def llm_extract(text: Column, options: (String, Any)*): Column = call("llm_extract", Seq(text), options)

  /** The share of distinct n-grams of words. */
  def llm_distinct_n(text: Column, options: (String, Any)*): Column = call("llm_distinct_n", Seq(text), options)

  /** The perplexity from the logarithms of the probabilities of tokens. */
  def llm_perplexity(logprobs: Column): Column = call("llm_perplexity", Seq(logprobs), Nil)

  /** The cosine of the angle between two vectors. */
  def llm_cosine_similarity(a: Column, b: Column): Column = call("llm_cosine_similarity", Seq(a, b), Nil)

  /** The cosine of the embeddings of two texts by a model: a local folder, or a configured model. */
  def llm_semantic_similarity(prediction: Column, reference: Column, model: String): Column =
    call("llm_semantic_similarity", Seq(prediction, reference, lit(model)), Nil)

  /** BERTScore by a local model: precision, recall and F1. */
  def llm_bertscore(prediction: Column, reference: Column, model: String, options: (String, Any)*): Column =
    call("llm_bertscore", Seq(prediction, reference, lit(model)), options)

  /** BLEU of a corpus with its confidence interval. */
  def corpus_bleu(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("corpus_bleu", Seq(prediction, reference), options)

  /** chrF of a corpus with its confidence interval. */
  def corpus_chrf(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("corpus_chrf", Seq(prediction, reference), options)

  /** The translation edit rate of a corpus with its confidence interval. */
  def corpus_ter(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("corpus_ter", Seq(prediction, reference), options)

  /** The word error rate of a corpus with its confidence interval. */
  def corpus_wer(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("corpus_wer", Seq(prediction, reference), options)

  /** The character error rate of a corpus with its confidence interval. */
  def corpus_cer(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("corpus_cer", Seq(prediction, reference), options)

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
