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
  def llm_bleu_nltk(prediction: Column, reference: Column, options: (String, Any)*): Column =
    call("llm_bleu_nltk", Seq(prediction, reference), options)

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

  /** The same statistic, computed by the driver on all its cores. */
  def assay_on_driver(statistic: Column): Column = call_function("assay_on_driver", statistic)

  /** A statistic with its bootstrap interval. */
  def bootstrap_ci(x: Column, options: (String, Any)*): Column =
    call("bootstrap_ci", Seq(x), options)

  /** The mean of rows that come in clusters, with its interval. */
  def cluster_mean_ci(x: Column, cluster: Column, options: (String, Any)*): Column =
    call("cluster_mean_ci", Seq(x, cluster), options)

  /** The weighted mean with its interval. */
  def weighted_mean_ci(x: Column, w: Column, options: (String, Any)*): Column =
    call("weighted_mean_ci", Seq(x, w), options)

  /** The ratio of two sums with its interval, such as dollars per answer. */
  def ratio_ci(a: Column, b: Column, options: (String, Any)*): Column =
    call("ratio_ci", Seq(a, b), options)

  /** The probability that one at least of `k` attempts succeeds, with its interval. */
  def pass_at_k(n: Column, c: Column, k: Int, options: (String, Any)*): Column =
    call("pass_at_k", Seq(n, c, lit(k)), options)

  /** The probability that all of `k` attempts succeed, with its interval. */
  def pass_hat_k(n: Column, c: Column, k: Int, options: (String, Any)*): Column =
    call("pass_hat_k", Seq(n, c, lit(k)), options)

  /** Student's t test that the mean difference of pairs is 0. */
  def paired_t_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("paired_t_test", Seq(candidate, baseline), options)

  /** Wilcoxon's signed-rank test of pairs. */
  def wilcoxon_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("wilcoxon_test", Seq(candidate, baseline), options)

  /** McNemar's test of pairs of 0 and 1. */
  def mcnemar_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("mcnemar_test", Seq(candidate, baseline), options)

  /** The test that pairs differ upwards as often as downwards. */
  def sign_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("sign_test", Seq(candidate, baseline), options)

  /** The test that the mean difference of pairs is 0 by turning signs, exact for few pairs. */
  def permutation_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("permutation_test", Seq(candidate, baseline), options)

  /** Whether pairs differ, by the test that suits what the values are. */
  def compare_paired(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("compare_paired", Seq(candidate, baseline), options)

  /** Whether pairs differ that come in clusters. */
  def compare_paired_clustered(candidate: Column, baseline: Column, cluster: Column, options: (String, Any)*): Column =
    call("compare_paired_clustered", Seq(candidate, baseline, cluster), options)

  /** The test that the candidate is not worse than the baseline by `margin` or more. */
  def non_inferiority_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("non_inferiority_test", Seq(candidate, baseline), options)

  /** The test that candidate and baseline differ by less than `margin`. */
  def equivalence_test(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("equivalence_test", Seq(candidate, baseline), options)

  /** The difference of the shares of 1 in pairs of 0 and 1, with Tango's interval. */
  def risk_difference(candidate: Column, baseline: Column, options: (String, Any)*): Column =
    call("risk_difference", Seq(candidate, baseline), options)

  /** Welch's t test that two samples have one mean. */
  def welch_t_test(x: Column, isCandidate: Column, options: (String, Any)*): Column =
    call("welch_t_test", Seq(x, isCandidate), options)

  /** The test of Mann and Whitney of two samples. */
  def mann_whitney_test(x: Column, isCandidate: Column, options: (String, Any)*): Column =
    call("mann_whitney_test", Seq(x, isCandidate), options)

  /** The test that two samples have one mean by splitting all values anew, exact for few. */
  def permutation_test_unpaired(x: Column, isCandidate: Column, options: (String, Any)*): Column =
    call("permutation_test_unpaired", Seq(x, isCandidate), options)

  /** Cohen's d of pairs or of two samples, with its interval. */
  def cohens_d(a: Column, b: Column, options: (String, Any)*): Column =
    call("cohens_d", Seq(a, b), options)

  /** Hedges' g, which is Cohen's d without its bias in small samples, with its interval. */
  def hedges_g(a: Column, b: Column, options: (String, Any)*): Column =
    call("hedges_g", Seq(a, b), options)

  /** Cliff's delta of two samples, with its interval. */
  def cliffs_delta(x: Column, isCandidate: Column, options: (String, Any)*): Column =
    call("cliffs_delta", Seq(x, isCandidate), options)

  /** The rank-biserial correlation of pairs, or Cliff's delta of two samples, with its interval. */
  def rank_biserial(a: Column, b: Column, options: (String, Any)*): Column =
    call("rank_biserial", Seq(a, b), options)

  /** Cohen's h of the shares of 1 in two samples, with its interval. */
  def cohens_h(x: Column, isCandidate: Column, options: (String, Any)*): Column =
    call("cohens_h", Seq(x, isCandidate), options)

  /** The odds ratio of two samples of 0 and 1, with Fisher's exact test, or of the pairs that differ. */
  def odds_ratio(a: Column, b: Column, options: (String, Any)*): Column =
    call("odds_ratio", Seq(a, b), options)

  /** Cohen's kappa of two raters, with its interval. */
  def cohens_kappa(a: Column, b: Column, options: (String, Any)*): Column =
    call("cohens_kappa", Seq(a, b), options)

  /** Pearson's correlation, with Fisher's interval and the test that it is 0. */
  def pearson(a: Column, b: Column, options: (String, Any)*): Column =
    call("pearson", Seq(a, b), options)

  /** Spearman's correlation of ranks, with its interval and the test that it is 0. */
  def spearman(a: Column, b: Column, options: (String, Any)*): Column =
    call("spearman", Seq(a, b), options)

  /** Kendall's tau, with its interval and the test that it is 0. */
  def kendall_tau(a: Column, b: Column, options: (String, Any)*): Column =
    call("kendall_tau", Seq(a, b), options)

  /** Fleiss' kappa of many raters, with its interval. */
  def fleiss_kappa(ratings: Column, options: (String, Any)*): Column =
    call("fleiss_kappa", Seq(ratings), options)

  /** Krippendorff's alpha of any number of raters, with its interval. */
  def krippendorff_alpha(ratings: Column, options: (String, Any)*): Column =
    call("krippendorff_alpha", Seq(ratings), options)

  /** Whether two systems differ in BLEU of a corpus. */
  def compare_corpus_bleu(candidate: Column, baseline: Column, reference: Column, options: (String, Any)*): Column =
    call("compare_corpus_bleu", Seq(candidate, baseline, reference), options)

  /** Whether two systems differ in chrF of a corpus. */
  def compare_corpus_chrf(candidate: Column, baseline: Column, reference: Column, options: (String, Any)*): Column =
    call("compare_corpus_chrf", Seq(candidate, baseline, reference), options)

  /** Whether two systems differ in the translation edit rate of a corpus. */
  def compare_corpus_ter(candidate: Column, baseline: Column, reference: Column, options: (String, Any)*): Column =
    call("compare_corpus_ter", Seq(candidate, baseline, reference), options)

  /** The power of a paired t test. */
  def power_paired_t(effectSize: Column, n: Column, options: (String, Any)*): Column =
    call("power_paired_t", Seq(effectSize, n), options)

  /** The power of McNemar's test. */
  def power_mcnemar(firstOnly: Column, secondOnly: Column, n: Column, options: (String, Any)*): Column =
    call("power_mcnemar", Seq(firstOnly, secondOnly, n), options)

  /** The power of a t test of two samples. */
  def power_independent_t(effectSize: Column, n1: Column, options: (String, Any)*): Column =
    call("power_independent_t", Seq(effectSize, n1), options)

  /** The power of the test that two samples have one proportion. */
  def power_two_proportions(p1: Column, p2: Column, n1: Column, options: (String, Any)*): Column =
    call("power_two_proportions", Seq(p1, p2, n1), options)

  /** The power of the test that two samples have one proportion, for an effect h. */
  def power_two_proportions_h(effectSize: Column, n1: Column, options: (String, Any)*): Column =
    call("power_two_proportions_h", Seq(effectSize, n1), options)

  /** How many pairs a paired t test needs. */
  def sample_size_paired_t(effectSize: Column, power: Column, options: (String, Any)*): Column =
    call("sample_size_paired_t", Seq(effectSize, power), options)

  /** How many pairs McNemar's test needs. */
  def sample_size_mcnemar(firstOnly: Column, secondOnly: Column, power: Column, options: (String, Any)*): Column =
    call("sample_size_mcnemar", Seq(firstOnly, secondOnly, power), options)

  /** How many values the first sample of a t test needs. */
  def sample_size_independent_t(effectSize: Column, power: Column, options: (String, Any)*): Column =
    call("sample_size_independent_t", Seq(effectSize, power), options)

  /** How many values the first sample needs to tell two proportions apart. */
  def sample_size_two_proportions(p1: Column, p2: Column, power: Column, options: (String, Any)*): Column =
    call("sample_size_two_proportions", Seq(p1, p2, power), options)

  /** How many values the first sample needs to tell proportions an effect h apart. */
  def sample_size_two_proportions_h(effectSize: Column, power: Column, options: (String, Any)*): Column =
    call("sample_size_two_proportions_h", Seq(effectSize, power), options)

  /** The smallest effect d_z that a paired t test detects; below 0 for alternative `less`. */
  def mde_paired_t(n: Column, power: Column, options: (String, Any)*): Column =
    call("mde_paired_t", Seq(n, power), options)

  /** The smallest effect d that a t test of two samples detects; below 0 for alternative `less`. */
  def mde_independent_t(n1: Column, power: Column, options: (String, Any)*): Column =
    call("mde_independent_t", Seq(n1, power), options)

  /** The smallest effect h that the test of two proportions detects; below 0 for alternative `less`. */
  def mde_two_proportions_h(n1: Column, power: Column, options: (String, Any)*): Column =
    call("mde_two_proportions_h", Seq(n1, power), options)

  /** p-values adjusted for how many there are, by `holm` or another method. */
  def p_adjust(pValues: Column, method: String = "holm"): Column = call_function("p_adjust", pValues, lit(method))

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
