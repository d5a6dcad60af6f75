package org.apache.spark.sql.assay

import org.apache.spark.sql.types._

/** The metrics of the function table. What options they have the engine says. */
private[assay] object MetricFunctions {
  import FunctionEntry.row

  private val referenceRule =
    "`reference` is a STRING or an ARRAY<STRING>; NULL elements are ignored, '' is an answer. NULL where the prediction or the " +
      "reference is NULL or no reference is left."

  private def metric(name: String, usage: String, example: (String, String)): FunctionEntry =
    row(name, "prediction, reference [, options]", "DOUBLE", s"$usage $referenceRule", example)

  private def corpus(name: String, usage: String, example: (String, String)): FunctionEntry =
    FunctionEntry(
      name,
      "prediction, reference [, options]",
      StatResult.interval.sql,
      s"$usage With a bootstrap interval over rows, whose counts are added up; other options: level (0.95), method (auto, percentile, " +
        "basic, bca; auto is bca), n_resamples (1000), seed (0). Rows in which the prediction or the reference is NULL, or no reference " +
        "is left, are counted in n_null. Where no interval can be given its bounds are NULL and `reason` says why.",
      example,
      "agg_funcs",
      classOf[CorpusMetric].getName,
      CorpusMetric(name, _)
    )

  private def comparison(name: String, what: String): FunctionEntry = FunctionEntry(
    s"compare_corpus_$name",
    "candidate, baseline, reference [, options]",
    StatResult.test.sql,
    s"Whether two systems differ in $what of a corpus, as sacrebleu computes it, divided by 100: candidate minus baseline, by resampling rows " +
      "of both together. Options are those of the metric, and level, method, alternative, n_resamples (1000) and seed. Rows in which one " +
      "of the texts is NULL, or no reference is left, are counted in n_null.",
    (s"compare_corpus_$name(a, b, r).estimate FROM VALUES ('a b c d', 'a b c d', 'a b c d') AS t(a, b, r)", "0.0"),
    "agg_funcs",
    classOf[CorpusMetric].getName,
    CorpusMetric(s"compare_corpus_$name", _)
  )

  private val pairs: Seq[FunctionEntry] = Seq(
    metric(
      "llm_bleu",
      "Sentence BLEU as sacrebleu computes it, divided by 100: from 0 to 1. Options are sacrebleu's, with effective_order on.",
      ("round(llm_bleu('the cat sat on the mat', 'the cat sat on a mat'), 4)", "0.5373")
    ),
    metric(
      "llm_bleu_nltk",
      "Sentence BLEU as nltk computes it over str.split(), with its smoothing and weights: from 0 to 1, above 1 possible for " +
        "method5 and method7; NULL where nltk's method6 raises an error. Options are nltk's.",
      (
        "round(llm_bleu_nltk('the cat sat on the mat', 'the cat sat on a mat', map('smoothing', 'method1')), 4)",
        "0.5373"
      )
    ),
    metric(
      "llm_cer",
      "The character error rate as jiwer computes it: edits of code points over the length of the reference; 0 is best, and more " +
        "than 1 is possible. Of several references the one with the least rate counts.",
      ("llm_cer('abxd', 'abcd')", "0.25")
    ),
    metric(
      "llm_chrf",
      "chrF as sacrebleu computes it, divided by 100: from 0 to 1; chrF++ with word_order 2. The best reference counts.",
      ("llm_chrf('same text', 'same text')", "1.0")
    ),
    metric(
      "llm_contains",
      "1 if the reference occurs in the prediction, else 0. Any reference will do.",
      ("llm_contains('It is Paris.', 'Paris')", "1.0")
    ),
    metric(
      "llm_exact_match",
      "1 if prediction and reference are equal, else 0; option `normalize` is 'none' (default), 'squad' (case, ASCII punctuation, " +
        "English articles and white space are ignored) or 'gsm8k'. Any reference will do.",
      ("llm_exact_match('the Paris.', 'Paris', named_struct('normalize', 'squad'))", "1.0")
    ),
    metric(
      "llm_indel_similarity",
      "1 less the insertions and deletions of code points between the texts over their lengths together, as rapidfuzz's " +
        "fuzz.ratio / 100: from 0 to 1. The best reference counts.",
      ("llm_indel_similarity('abcd', 'abxd')", "0.75")
    ),
    metric(
      "llm_jaro_winkler",
      "The similarity of Jaro and Winkler as rapidfuzz computes it: from 0 to 1. The best reference counts.",
      ("round(llm_jaro_winkler('martha', 'marhta'), 4)", "0.9611")
    ),
    metric(
      "llm_json_match",
      "Whether the prediction is the JSON that it should be, by option `mode`: 'equal' (default) to the reference, 'subset', " +
        "'fields' (the share of fields that are equal) or 'schema' (the reference is a JSON schema). A prediction that is no JSON " +
        "scores 0; a reference that is none gives NULL. The best reference counts.",
      ("llm_json_match('{\"b\": 2.0, \"a\": 1}', '{\"a\": 1, \"b\": 2}')", "1.0")
    ),
    metric(
      "llm_length_ratio",
      "The length of the prediction over that of the reference, in words or, by option `unit`, in code points; NULL for a " +
        "reference without any. Of several references the ratio that is closest to 1 counts.",
      ("llm_length_ratio('one two', 'one two three four')", "0.5")
    ),
    metric(
      "llm_levenshtein_similarity",
      "1 less the edits of code points between the texts over the length of the longer, as rapidfuzz computes it: from 0 to 1. The " +
        "best reference counts.",
      ("llm_levenshtein_similarity('abcd', 'abxd')", "0.75")
    ),
    metric(
      "llm_meteor",
      "METEOR as nltk computes it, without WordNet: equal words, then words with equal stems; from 0 to 1. The best reference counts.",
      ("round(llm_meteor('the cat sat', 'the cat sat down'), 4)", "0.755")
    ),
    metric(
      "llm_numeric_match",
      "1 if the last number of the prediction (or the first, by option `extract`) is close to the last number of the reference, else " +
        "0. Any reference will do.",
      ("llm_numeric_match('It costs 1,250.0 dollars', '1250')", "1.0")
    ),
    metric(
      "llm_osa_distance",
      "The edits of code points between the texts, with swaps of neighbours as one, as rapidfuzz's OSA: 0 is best. Of several " +
        "references the closest counts.",
      ("llm_osa_distance('abcd', 'abdc')", "1.0")
    ),
    metric(
      "llm_regex_match",
      "1 if the reference, a regular expression of Rust's crate regex, matches somewhere in the prediction (or all of it, by option " +
        "`full_match`), else 0. A pattern that does not compile gives NULL. Any reference will do.",
      ("llm_regex_match('Answer: 42', '[0-9]+$')", "1.0")
    )
  ) ++ Seq(
    ("llm_rouge_1", "ROUGE-1: shared tokens", "0.6667"),
    ("llm_rouge_2", "ROUGE-2: shared pairs of tokens", "0.5"),
    ("llm_rouge_3", "ROUGE-3: shared triples of tokens", "0.0"),
    ("llm_rouge_l", "ROUGE-L: the longest common subsequence of tokens", "0.6667"),
    ("llm_rouge_lsum", "ROUGE-Lsum: the same by lines, which are taken as sentences", "0.6667")
  ).map { case (name, what, result) =>
    metric(
      name,
      s"$what, as rouge-score computes it; the F measure or, by option `measure`, precision or recall, from 0 to 1. Tokens are " +
        "lowered runs of a to z and digits. The reference with the greatest F counts.",
      (s"round($name('the cat', 'the cat sat down'), 4)", result)
    )
  } ++ Seq(
    metric(
      "llm_rouge_unicode",
      "ROUGE for texts in any script, by option `rouge_type` (rougeL): tokens are runs of letters, marks and digits, and single " +
        "letters in scripts without spaces. No number of rouge-score, but the same for ASCII.",
      ("llm_rouge_unicode('das Gr\u00fcn', 'DAS GR\u00dcN')", "1.0")
    ),
    metric(
      "llm_ter",
      "The translation edit rate as sacrebleu computes it, divided by 100: edits and shifts of words over the length of the " +
        "references; 0 is best, and more than 1 is possible.",
      ("llm_ter('a b c d', 'a b d c')", "0.25")
    ),
    metric(
      "llm_token_f1",
      "The F1 of the tokens that prediction and reference share, as SQuAD defines it, from 0 to 1; option `variant` is 'v1.1' " +
        "(default) or 'v2.0', which differ where both are empty. The best reference counts.",
      ("llm_token_f1('the city of Paris', 'Paris')", "0.5")
    ),
    metric(
      "llm_wer",
      "The word error rate as jiwer computes it: edits of words over the length of the reference; 0 is best, and more than 1 is " +
        "possible. Of several references the one with the least rate counts.",
      ("llm_wer('one two four', 'one two three')", "0.3333333333333333")
    )
  )

  private val others: Seq[FunctionEntry] = Seq(
    row(
      "llm_distinct_n",
      "text [, options]",
      "DOUBLE",
      "The share of distinct n-grams of words (option n, 1) among all of the text, from 0 to 1; NULL for fewer than n words.",
      ("llm_distinct_n('to be or not to be')", "0.6666666666666666")
    ),
    row(
      "llm_extract",
      "text [, options]",
      "STRING",
      "The part of the text that is the answer, by option `method`: 'whole' (default), 'last_number', 'first_number', 'regex', 'json', " +
        "'marker' or 'gsm8k'. NULL where there is none.",
      ("llm_extract('4 and 5 make 9.', map('method', 'last_number'))", "9")
    ),
    row(
      "llm_perplexity",
      "logprobs",
      "DOUBLE",
      "The perplexity of a text from the natural logarithms of the probabilities of its tokens, such as `logprobs` of llm_complete: " +
        "exp of their negative mean. NULL for none, and where one is NULL.",
      ("llm_perplexity(array(0.0D, 0.0D))", "1.0")
    ),
    row(
      "llm_scores",
      "prediction, reference, metrics [, options]",
      "STRUCT<...: DOUBLE>",
      "Several metrics of a pair: `metrics` is a constant array of names without llm_, and so are the fields of the result. Options " +
        s"are given by metric: named_struct('bleu', named_struct('tokenize', 'zh')). $referenceRule",
      ("llm_scores('the city', 'the city', array('exact_match', 'wer')).wer", "0.0")
    )
  )

  private val corpora: Seq[FunctionEntry] = Seq(
    corpus(
      "corpus_bleu",
      "BLEU of a corpus as sacrebleu computes it, divided by 100. Options are sacrebleu's.",
      ("round(corpus_bleu(p, r).estimate, 4) FROM VALUES ('a b c d e', 'a b c d f') AS t(p, r)", "0.6687")
    ),
    corpus(
      "corpus_cer",
      "The character error rate of a corpus as jiwer computes it. Of several references of a row the one with the least rate counts.",
      ("corpus_cer(p, r).estimate FROM VALUES ('abxd', 'abcd') AS t(p, r)", "0.25")
    ),
    corpus(
      "corpus_chrf",
      "chrF of a corpus as sacrebleu computes it, divided by 100. Options are sacrebleu's.",
      ("corpus_chrf(p, r).estimate FROM VALUES ('same', 'same') AS t(p, r)", "1.0")
    ),
    corpus(
      "corpus_ter",
      "The translation edit rate of a corpus as sacrebleu computes it, divided by 100. Options are sacrebleu's.",
      ("corpus_ter(p, r).estimate FROM VALUES ('a b c d', 'a b d c') AS t(p, r)", "0.25")
    ),
    corpus(
      "corpus_wer",
      "The word error rate of a corpus as jiwer computes it. Of several references of a row the one with the least rate counts.",
      ("corpus_wer(p, r).estimate FROM VALUES ('a b', 'a c'), ('d e', 'd e') AS t(p, r)", "0.25")
    )
  )

  private val comparisons: Seq[FunctionEntry] =
    Seq(comparison("bleu", "BLEU"), comparison("chrf", "chrF"), comparison("ter", "the translation edit rate"))

  val entries: Seq[FunctionEntry] = pairs ++ others ++ corpora ++ comparisons

  val rowFunctions: Map[String, RowFunction] = pairs.map(_.name -> RowFunction.metric).toMap ++ Map(
    "llm_distinct_n" -> RowFunction.text(DoubleType),
    "llm_extract" -> RowFunction.text(StringType),
    "llm_perplexity" -> RowFunction.logprobs,
    "llm_scores" -> RowFunction.scores
  )
}
