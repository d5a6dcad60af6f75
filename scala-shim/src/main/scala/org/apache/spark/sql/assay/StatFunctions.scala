package org.apache.spark.sql.assay

import StatArgument._

/** The statistics of the function table. What options they have the engine says. */
private[assay] object StatFunctions {

  private val nulls =
    "Rows with a NULL argument are counted in n_null and left out; what the rows do not allow is NULL and `reason` says why."
  private val pairs =
    "The first argument is the candidate, the second the baseline, numeric or BOOLEAN (0 and 1); `estimate` and `alternative` are of first " +
      s"minus second. $nulls"
  private val samples =
    "`is_candidate` BOOLEAN says to which sample a row belongs; `estimate` and `alternative` are of the candidate minus the other. " + nulls
  private val either =
    "Pairs (candidate, baseline) or, where the second argument is BOOLEAN, two samples (x, is_candidate); cast paired BOOLEANs to INT. " + nulls

  private val pair = Seq("the candidate" -> Number, "the baseline" -> Number)
  private val labelled = Seq("x" -> Number, "is_candidate" -> Label)
  private val pairOrLabelled = Seq("the first argument" -> Number, "the second argument" -> NumberOrLabel)
  private val two = Seq("a" -> Number, "b" -> Number)

  private final case class Statistic(
      name: String,
      arguments: String,
      kind: StatKind,
      usage: String,
      example: (String, String)
  )

  private val oneSample = Seq(
    Statistic(
      "mean_ci",
      "x [, options]",
      StatKind(Seq("x" -> Number), keepsMoments = true),
      s"The mean of x, numeric or BOOLEAN, with its confidence interval. $nulls",
      ("round(mean_ci(x).upper, 3) FROM VALUES (1), (1), (0), (1) AS t(x)", "0.954")
    ),
    Statistic(
      "bootstrap_ci",
      "x [, options]",
      StatKind(Seq("x" -> Number)),
      s"A mean, median, standard deviation, quantile or trimmed mean of x with its bootstrap interval. $nulls",
      ("round(bootstrap_ci(x, map('statistic', 'median')).upper, 3) FROM VALUES (1), (2), (4), (8), (9) AS t(x)", "9.0")
    ),
    Statistic(
      "cluster_mean_ci",
      "x, cluster [, options]",
      StatKind(Seq("x" -> Number, "cluster" -> Cluster)),
      s"The mean of x with an interval that allows for rows of one cluster, a value of any type, being alike. $nulls",
      (
        "round(cluster_mean_ci(x, c).std_error, 3) FROM VALUES (1, 'a'), (1, 'a'), (0, 'b'), (1, 'c') AS t(x, c)",
        "0.289"
      )
    ),
    Statistic(
      "weighted_mean_ci",
      "x, w [, options]",
      StatKind(Seq("x" -> Number, "w" -> Number)),
      s"The mean of x with weights w, of any scale, and its interval. $nulls",
      ("weighted_mean_ci(x, w).estimate FROM VALUES (1, 3), (0, 1) AS t(x, w)", "0.75")
    ),
    Statistic(
      "ratio_ci",
      "a, b [, options]",
      StatKind(two),
      s"The sum of a over the sum of b, such as dollars per answer, with its interval. $nulls",
      ("ratio_ci(a, b).estimate FROM VALUES (1, 2), (3, 2) AS t(a, b)", "1.0")
    ),
    Statistic(
      "pass_at_k",
      "n, c, k [, options]",
      StatKind(Seq("n" -> Number, "c" -> Number), option = Some(("k", true))),
      "The mean over problems, one a row, of the probability that one at least of k attempts succeeds, where c of n did; with its interval. " +
        "k is constant. Problems of fewer than k attempts are counted in n_null too.",
      ("pass_at_k(n, c, 1).estimate FROM VALUES (4, 2), (4, 4) AS t(n, c)", "0.75")
    ),
    Statistic(
      "pass_hat_k",
      "n, c, k [, options]",
      StatKind(Seq("n" -> Number, "c" -> Number), option = Some(("k", true))),
      "The mean over problems, one a row, of the probability that all of k attempts succeed, where c of n did; with its interval. k is " +
        "constant. Problems of fewer than k attempts are counted in n_null too.",
      ("pass_hat_k(n, c, 1).estimate FROM VALUES (4, 2), (4, 4) AS t(n, c)", "0.75")
    )
  )

  private val someBinary = "FROM VALUES (1, 0), (1, 0), (1, 1), (0, 0), (1, 0) AS t(a, b)"
  private val somePairs = "FROM VALUES (5, 3), (6, 5), (4, 4.5), (8, 6), (7, 4) AS t(a, b)"
  private val someLabelled =
    "FROM VALUES (5, true), (7, true), (8, true), (4, false), (5, false), (3, false) AS t(x, c)"

  private val paired = Seq(
    Statistic(
      "paired_t_test",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"Student's t test that the mean difference of pairs is 0. $pairs",
      (s"round(paired_t_test(a, b).statistic, 3) $somePairs", "2.535")
    ),
    Statistic(
      "wilcoxon_test",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"Wilcoxon's signed-rank test; the estimate is that of Hodges and Lehmann. $pairs",
      (s"wilcoxon_test(a, b).p_value $somePairs", "0.125")
    ),
    Statistic(
      "mcnemar_test",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"McNemar's test that the shares of 1 in pairs of 0 and 1 are equal; the estimate is their difference. $pairs",
      (s"mcnemar_test(a, b).p_value $someBinary", "0.125")
    ),
    Statistic(
      "sign_test",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"The test that pairs differ upwards as often as downwards. $pairs",
      (s"round(sign_test(a, b).p_value, 3) $somePairs", "0.375")
    ),
    Statistic(
      "permutation_test",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"The test that the mean difference of pairs is 0, by turning the signs of differences; exact for few pairs. $pairs",
      (s"permutation_test(a, b).p_value $somePairs", "0.125")
    ),
    Statistic(
      "compare_paired",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      "Whether pairs differ, by the test that suits what the values are: McNemar's, a permutation test, t or Wilcoxon's; `method` " +
        s"says which. $pairs",
      (s"compare_paired(a, b).method $someBinary", "mcnemar_midp")
    ),
    Statistic(
      "compare_paired_clustered",
      "candidate, baseline, cluster [, options]",
      StatKind(pair :+ ("cluster" -> Cluster), isTest = true),
      "Whether pairs differ that come in clusters, which may be values of any type: by a permutation test over clusters where they are " +
        s"few, else by a cluster-robust t. $pairs",
      (s"compare_paired_clustered(a, b, a % 3).method $somePairs", "cluster_permutation")
    ),
    Statistic(
      "non_inferiority_test",
      "candidate, baseline, options",
      StatKind(pair, isTest = true),
      s"The test that the candidate is not worse than the baseline by `margin` or more. $pairs",
      (s"round(non_inferiority_test(a, b, named_struct('margin', 1)).p_value, 3) $somePairs", "0.007")
    ),
    Statistic(
      "equivalence_test",
      "candidate, baseline, options",
      StatKind(pair, isTest = true),
      s"The test that candidate and baseline differ by less than `margin`, by two one-sided tests. $pairs",
      (s"round(equivalence_test(a, b, named_struct('margin', 4)).p_value, 3) $somePairs", "0.007")
    ),
    Statistic(
      "risk_difference",
      "candidate, baseline [, options]",
      StatKind(pair, isTest = true),
      s"The difference of the shares of 1 in pairs of 0 and 1, with Tango's interval and the test that it inverts. $pairs",
      (s"round(risk_difference(a, b).estimate, 3) $someBinary", "0.6")
    )
  )

  private val unpaired = Seq(
    Statistic(
      "welch_t_test",
      "x, is_candidate [, options]",
      StatKind(labelled, isTest = true),
      s"Welch's t test that two samples have one mean. $samples",
      (s"round(welch_t_test(x, c).statistic, 3) $someLabelled", "2.53")
    ),
    Statistic(
      "mann_whitney_test",
      "x, is_candidate [, options]",
      StatKind(labelled, isTest = true),
      "The test of Mann and Whitney that values of two samples are as often above as below one another; the estimate is that of " +
        s"Hodges and Lehmann. $samples",
      (s"mann_whitney_test(x, c).statistic $someLabelled", "8.5")
    ),
    Statistic(
      "permutation_test_unpaired",
      "x, is_candidate [, options]",
      StatKind(labelled, isTest = true),
      s"The test that two samples have one mean, by splitting all values anew; exact for few. $samples",
      (s"permutation_test_unpaired(x, c).p_value $someLabelled", "0.2")
    )
  )

  private val effects = Seq(
    Statistic(
      "cohens_d",
      "a, b [, options]",
      StatKind(pairOrLabelled),
      s"Cohen's d, the difference of means over a standard deviation, with its interval. $either",
      (s"round(cohens_d(a, b).estimate, 3) $somePairs", "1.134")
    ),
    Statistic(
      "hedges_g",
      "a, b [, options]",
      StatKind(pairOrLabelled),
      s"Hedges' g: Cohen's d without its bias in small samples. $either",
      (s"round(hedges_g(x, c).estimate, 3) $someLabelled", "1.652")
    ),
    Statistic(
      "cliffs_delta",
      "x, is_candidate [, options]",
      StatKind(labelled),
      s"Cliff's delta: how much more often a value of the candidate is above one of the other than below. $samples",
      (s"round(cliffs_delta(x, c).estimate, 3) $someLabelled", "0.889")
    ),
    Statistic(
      "rank_biserial",
      "a, b [, options]",
      StatKind(pairOrLabelled),
      s"The rank-biserial correlation: of pairs that of Wilcoxon's test; of two samples it is Cliff's delta. $either",
      (s"round(rank_biserial(a, b).estimate, 3) $somePairs", "0.867")
    ),
    Statistic(
      "cohens_h",
      "x, is_candidate [, options]",
      StatKind(labelled),
      s"Cohen's h of the shares of 1 in two samples of 0 and 1. $samples",
      ("round(cohens_h(x, c).estimate, 3) FROM VALUES (1, true), (0, true), (0, false) AS t(x, c)", "1.571")
    ),
    Statistic(
      "odds_ratio",
      "a, b [, options]",
      StatKind(pairOrLabelled, isTest = true),
      s"The odds ratio of 0 and 1: of two samples with Fisher's exact test, of pairs that of those which differ. $either",
      (
        "odds_ratio(x, c).estimate FROM VALUES (1, true), (1, true), (0, true), (1, false), (0, false) AS t(x, c)",
        "2.0"
      )
    )
  )

  private val correlated = "FROM VALUES (1, 2), (2, 1), (3, 4), (4, 3), (5, 6) AS t(a, b)"

  private val agreement = Seq(
    Statistic(
      "cohens_kappa",
      "a, b [, options]",
      StatKind(Seq("a" -> Category, "b" -> Category), ordered = Some(("weights", "none", "none"))),
      s"The agreement of two raters beyond chance; categories are values of any type. $nulls",
      ("round(cohens_kappa(a, b).estimate, 3) FROM VALUES ('x', 'x'), ('y', 'y'), ('x', 'y') AS t(a, b)", "0.4")
    ),
    Statistic(
      "pearson",
      "a, b [, options]",
      StatKind(two, isTest = true),
      s"Pearson's correlation with Fisher's interval and the test that it is 0. $nulls",
      (s"round(pearson(a, b).estimate, 3) $correlated", "0.822")
    ),
    Statistic(
      "spearman",
      "a, b [, options]",
      StatKind(two, isTest = true),
      s"Spearman's correlation of ranks with its interval and the test that it is 0. $nulls",
      (s"round(spearman(a, b).estimate, 3) $correlated", "0.8")
    ),
    Statistic(
      "kendall_tau",
      "a, b [, options]",
      StatKind(two, isTest = true),
      s"Kendall's tau with its interval and the test that it is 0. $nulls",
      (s"round(kendall_tau(a, b).estimate, 3) $correlated", "0.6")
    ),
    Statistic(
      "fleiss_kappa",
      "ratings [, options]",
      StatKind(Seq("ratings" -> Ratings)),
      s"The agreement of many raters beyond chance; `ratings` is an ARRAY with the category, of any type, that each gave a row. $nulls",
      (
        "round(fleiss_kappa(r).estimate, 3) FROM VALUES (array('x', 'x')), (array('y', 'y')), (array('x', 'y')) AS t(r)",
        "0.333"
      )
    ),
    Statistic(
      "krippendorff_alpha",
      "ratings [, level_of_measurement] [, options]",
      StatKind(
        Seq("ratings" -> Ratings),
        option = Some(("level_of_measurement", false)),
        ordered = Some(("level_of_measurement", "interval", "nominal"))
      ),
      "Krippendorff's alpha of any number of raters; `ratings` is an ARRAY in which NULL is a rating that is missing. The level of " +
        s"measurement is 'nominal', 'ordinal', 'interval' (default) or 'ratio'; values that are not numeric are nominal. $nulls",
      (
        "round(krippendorff_alpha(r, 'ordinal').estimate, 3) FROM VALUES (array(1, 1)), (array(2, 3)), (array(3, NULL)) AS t(r)",
        "0.833"
      )
    )
  )

  private val statistics: Seq[Statistic] = oneSample ++ paired ++ unpaired ++ effects ++ agreement
  private lazy val kinds: Map[String, StatKind] = statistics.map(s => s.name -> s.kind).toMap

  def kind(name: String): StatKind = kinds(name)

  private val noSense = "NULL where an argument is NULL or makes no sense, and where no sample is large enough."

  private val numbers = Seq(
    (
      "power_paired_t",
      Seq("effect_size", "n"),
      "The power of a paired t test of n pairs for the effect d_z, the mean difference over its standard deviation.",
      ("round(power_paired_t(0.5, 34), 3)", "0.808")
    ),
    (
      "power_mcnemar",
      Seq("first_only", "second_only", "n"),
      "The power of McNemar's test of n pairs, of which a share first_only is 1 in the first alone and second_only in the second alone.",
      ("round(power_mcnemar(0.2, 0.1, 250), 3)", "0.827")
    ),
    (
      "power_independent_t",
      Seq("effect_size", "n1"),
      "The power of a t test of two samples for the effect d; the second has `ratio` times n1 values.",
      ("round(power_independent_t(0.5, 64), 3)", "0.801")
    ),
    (
      "power_two_proportions",
      Seq("p1", "p2", "n1"),
      "The power of the test that two samples have one proportion, where they are p1 and p2; the second has `ratio` times n1 values.",
      ("round(power_two_proportions(0.6, 0.5, 388), 3)", "0.801")
    ),
    (
      "power_two_proportions_h",
      Seq("effect_size", "n1"),
      "The power of the test that two samples have one proportion, for the effect h of Cohen.",
      ("round(power_two_proportions_h(0.2, 392), 3)", "0.8")
    ),
    (
      "sample_size_paired_t",
      Seq("effect_size", "power"),
      "How many pairs power_paired_t needs for that power, not rounded.",
      ("ceil(sample_size_paired_t(0.5, 0.8))", "34")
    ),
    (
      "sample_size_mcnemar",
      Seq("first_only", "second_only", "power"),
      "How many pairs power_mcnemar needs for that power, not rounded.",
      ("ceil(sample_size_mcnemar(0.2, 0.1, 0.8))", "234")
    ),
    (
      "sample_size_independent_t",
      Seq("effect_size", "power"),
      "How many values the first sample of power_independent_t needs for that power, not rounded.",
      ("ceil(sample_size_independent_t(0.5, 0.8))", "64")
    ),
    (
      "sample_size_two_proportions",
      Seq("p1", "p2", "power"),
      "How many values the first sample of power_two_proportions needs for that power, not rounded.",
      ("ceil(sample_size_two_proportions(0.6, 0.5, 0.8))", "388")
    ),
    (
      "sample_size_two_proportions_h",
      Seq("effect_size", "power"),
      "How many values the first sample of power_two_proportions_h needs for that power, not rounded.",
      ("ceil(sample_size_two_proportions_h(0.2, 0.8))", "393")
    ),
    (
      "mde_paired_t",
      Seq("n", "power"),
      "The smallest effect d_z that power_paired_t detects with that power; below 0 for alternative less.",
      ("round(mde_paired_t(34, 0.8), 3)", "0.495")
    ),
    (
      "mde_independent_t",
      Seq("n1", "power"),
      "The smallest effect d that power_independent_t detects with that power; below 0 for alternative less.",
      ("round(mde_independent_t(64, 0.8), 3)", "0.499")
    ),
    (
      "mde_two_proportions_h",
      Seq("n1", "power"),
      "The smallest effect h that power_two_proportions_h detects with that power; below 0 for alternative less.",
      ("round(mde_two_proportions_h(392, 0.8), 3)", "0.2")
    )
  )

  private def row(
      name: String,
      arguments: String,
      result: String,
      usage: String,
      example: (String, String)
  ): FunctionEntry =
    FunctionEntry.row(name, arguments, result, usage, example).copy(group = "math_funcs")

  private val onDriver = FunctionEntry(
    OnDriver.name,
    "statistic",
    "STRUCT<...>",
    "The same result, but computed by the driver, on all its cores, from the states that the executors made: for few groups of a statistic " +
      "that takes long, such as a bootstrap. All states of the query travel to the driver, so they must fit there.",
    ("round(assay_on_driver(mean_ci(x)).upper, 3) FROM VALUES (1), (1), (0), (1) AS t(x)", "0.954"),
    "agg_funcs",
    classOf[OnDriver].getName,
    OnDriver.build
  )

  val entries: Seq[FunctionEntry] = statistics.map { s =>
    FunctionEntry(
      s.name,
      s.arguments,
      StatResult.of(s.kind).sql,
      s.usage,
      s.example,
      "agg_funcs",
      classOf[StatAggregate].getName,
      StatAggregate.of(s.name)
    )
  } ++ numbers.map { case (name, arguments, usage, example) =>
    row(name, s"${arguments.mkString(", ")} [, options]", "DOUBLE", s"$usage $noSense", example)
  } :+ onDriver :+ row(
    "p_adjust",
    "p_values [, method]",
    "ARRAY<DOUBLE>",
    "p-values adjusted for how many there are, in the same places: `method` is 'holm' (default), 'bonferroni', 'sidak', 'holm_sidak', " +
      "'hochberg', 'hommel', or 'bh' or 'by' for the false discovery rate. A NULL stays NULL and does not count.",
    ("p_adjust(array(0.01, 0.04, 0.03), 'bonferroni')[1]", "0.12")
  )

  val rowFunctions: Map[String, RowFunction] =
    numbers.map { case (name, arguments, _, _) => name -> RowFunction.numbers(arguments) }.toMap +
      ("p_adjust" -> RowFunction.adjustment)
}
