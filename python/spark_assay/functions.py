"""The SQL functions of Assay, under the names that they have in SQL.

As in ``pyspark.sql.functions``, a ``str`` that stands for data is the name of a column. Text that the query fixes
(a template, a model's name, an option) is given as it is. Options are keyword-only; ``None`` means not given, so
that the function's own default holds. An option that may differ by row also takes a column.

Every function goes to Spark by name, so the same call works on classic Spark and on Spark Connect.

Statistics and metrics of a corpus are aggregates, and each gives one of two structs:

- *Of an interval*: ``estimate``, the bounds ``lower`` and ``upper`` of its confidence interval, ``std_error``, ``n``,
  ``n_null``, the confidence ``level``, the ``method`` that ran, and ``reason``.
- *Of a test*: these fields and then ``statistic``, its degrees of freedom ``df``, ``p_value``, ``alternative``,
  ``effect_size`` with the bounds ``effect_lower`` and ``effect_upper`` and the name ``effect_name``, and
  ``n_discordant``, how many pairs differ.

A row in which an argument is NULL, or no reference is left, is left out: it counts in ``n_null`` and not in ``n``.
A field that a method does not have is NULL. So is what the rows do not allow, and then ``reason`` says why.
"""

from __future__ import annotations

from spark_assay._columns import ColumnOrName as ColumnOrName
from spark_assay._functions.agreement import (
    cohens_kappa,
    fleiss_kappa,
    kendall_tau,
    krippendorff_alpha,
    pearson,
    spearman,
)
from spark_assay._functions.calls import PerRow as PerRow
from spark_assay._functions.calls import (
    llm_complete,
    llm_embed,
    llm_estimate,
    llm_prompt,
    llm_request,
    llm_request_key,
    prompt,
)
from spark_assay._functions.corpus import (
    compare_corpus_bleu,
    compare_corpus_chrf,
    compare_corpus_ter,
    corpus_bleu,
    corpus_cer,
    corpus_chrf,
    corpus_ter,
    corpus_wer,
)
from spark_assay._functions.edits import (
    llm_cer,
    llm_indel_similarity,
    llm_jaro_winkler,
    llm_levenshtein_similarity,
    llm_osa_distance,
    llm_wer,
)
from spark_assay._functions.effects import (
    cliffs_delta,
    cohens_d,
    cohens_h,
    hedges_g,
    odds_ratio,
    rank_biserial,
)
from spark_assay._functions.engine import (
    assay_model,
    assay_on_driver,
    assay_progress,
    assay_version,
)
from spark_assay._functions.intervals import (
    bootstrap_ci,
    cluster_mean_ci,
    mean_ci,
    pass_at_k,
    pass_hat_k,
    ratio_ci,
    weighted_mean_ci,
)
from spark_assay._functions.match import (
    llm_contains,
    llm_exact_match,
    llm_extract,
    llm_json_match,
    llm_numeric_match,
    llm_regex_match,
    llm_token_f1,
)
from spark_assay._functions.other_metrics import (
    llm_distinct_n,
    llm_length_ratio,
    llm_perplexity,
    llm_scores,
)
from spark_assay._functions.p_values import (
    p_adjust,
)
from spark_assay._functions.power import (
    mde_independent_t,
    mde_paired_t,
    mde_two_proportions_h,
    power_independent_t,
    power_mcnemar,
    power_paired_t,
    power_two_proportions,
    power_two_proportions_h,
    sample_size_independent_t,
    sample_size_mcnemar,
    sample_size_paired_t,
    sample_size_two_proportions,
    sample_size_two_proportions_h,
)
from spark_assay._functions.semantic import (
    llm_bertscore,
    llm_cosine_similarity,
    llm_semantic_similarity,
)
from spark_assay._functions.summaries import (
    llm_rouge_1,
    llm_rouge_2,
    llm_rouge_3,
    llm_rouge_l,
    llm_rouge_lsum,
    llm_rouge_unicode,
)
from spark_assay._functions.tests_paired import (
    compare_paired,
    compare_paired_clustered,
    equivalence_test,
    mcnemar_test,
    non_inferiority_test,
    paired_t_test,
    permutation_test,
    risk_difference,
    sign_test,
    wilcoxon_test,
)
from spark_assay._functions.tests_unpaired import (
    mann_whitney_test,
    permutation_test_unpaired,
    welch_t_test,
)
from spark_assay._functions.translation import (
    llm_bleu,
    llm_bleu_nltk,
    llm_chrf,
    llm_meteor,
    llm_ter,
)

__all__ = [
    "assay_model",
    "assay_on_driver",
    "assay_progress",
    "assay_version",
    "bootstrap_ci",
    "cliffs_delta",
    "cluster_mean_ci",
    "cohens_d",
    "cohens_h",
    "cohens_kappa",
    "compare_corpus_bleu",
    "compare_corpus_chrf",
    "compare_corpus_ter",
    "compare_paired",
    "compare_paired_clustered",
    "corpus_bleu",
    "corpus_cer",
    "corpus_chrf",
    "corpus_ter",
    "corpus_wer",
    "equivalence_test",
    "fleiss_kappa",
    "hedges_g",
    "kendall_tau",
    "krippendorff_alpha",
    "llm_bertscore",
    "llm_bleu",
    "llm_bleu_nltk",
    "llm_cer",
    "llm_chrf",
    "llm_complete",
    "llm_contains",
    "llm_cosine_similarity",
    "llm_distinct_n",
    "llm_embed",
    "llm_estimate",
    "llm_exact_match",
    "llm_extract",
    "llm_indel_similarity",
    "llm_jaro_winkler",
    "llm_json_match",
    "llm_length_ratio",
    "llm_levenshtein_similarity",
    "llm_meteor",
    "llm_numeric_match",
    "llm_osa_distance",
    "llm_perplexity",
    "llm_prompt",
    "llm_regex_match",
    "llm_request",
    "llm_request_key",
    "llm_rouge_1",
    "llm_rouge_2",
    "llm_rouge_3",
    "llm_rouge_l",
    "llm_rouge_lsum",
    "llm_rouge_unicode",
    "llm_scores",
    "llm_semantic_similarity",
    "llm_ter",
    "llm_token_f1",
    "llm_wer",
    "mann_whitney_test",
    "mcnemar_test",
    "mde_independent_t",
    "mde_paired_t",
    "mde_two_proportions_h",
    "mean_ci",
    "non_inferiority_test",
    "odds_ratio",
    "p_adjust",
    "paired_t_test",
    "pass_at_k",
    "pass_hat_k",
    "pearson",
    "permutation_test",
    "permutation_test_unpaired",
    "power_independent_t",
    "power_mcnemar",
    "power_paired_t",
    "power_two_proportions",
    "power_two_proportions_h",
    "prompt",
    "rank_biserial",
    "ratio_ci",
    "risk_difference",
    "sample_size_independent_t",
    "sample_size_mcnemar",
    "sample_size_paired_t",
    "sample_size_two_proportions",
    "sample_size_two_proportions_h",
    "sign_test",
    "spearman",
    "weighted_mean_ci",
    "welch_t_test",
    "wilcoxon_test",
]
