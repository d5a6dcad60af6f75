"""Statistics on Spark: values of other libraries, the same bits for any partitioning, what has no result, errors."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_assay import functions as fn

ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "tests" / "vectors" / "stats" / "tests.jsonl"
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT / ".." / "shared")) / "vectors" / "stats_public.json"

RECORD = (
    "id STRING, part STRING, a ARRAY<DOUBLE>, b ARRAY<DOUBLE>, c ARRAY<STRING>, t ARRAY<INT>, r ARRAY<ARRAY<DOUBLE>>"
)


MOST_ROWS = 200_000


class Case(NamedTuple):
    """One call of an aggregate, and what its fields must be: the keys of a row's expected values."""

    function: str
    options: dict[str, Any]
    data: dict[str, list[Any]]
    fields: dict[str, str]


TEST = {"statistic": "statistic", "p_value": "pvalue", "df": "df", "lower": "ci_low", "upper": "ci_high"}
BOUNDS = {"lower": "low", "upper": "high"}
ALTERNATIVES = {"smaller": "less", "larger": "greater"}


def number(value: Any) -> float:
    return float(value) if value is not None else math.nan


def numbers(value: Any, folder: Path, at: int = 0) -> list[float]:
    if isinstance(value, dict):
        lines = (folder / value["csv"]).read_text(encoding="utf-8").splitlines()
        rows = [line.split(",") for line in lines]
        return [float(row[at]) for row in rows if all(part.strip().lstrip("-")[:1].isdigit() for part in row)]
    return [number(x) for x in value]


def labelled(first: list[float], second: list[float]) -> dict[str, list[Any]]:
    return {"a": first + second, "b": [1.0] * len(first) + [0.0] * len(second)}


def counted(*cells: tuple[float, float, int]) -> dict[str, list[Any]]:
    kept = [cell for cell in cells if cell[2] > 0]
    return {"a": [cell[0] for cell in kept], "b": [cell[1] for cell in kept], "t": [cell[2] for cell in kept]}


def cases(row: dict[str, Any], folder: Path) -> Iterator[Case]:
    """The aggregates that give what a row of the vectors expects."""
    function, given, params = row["function"], row["inputs"], row["params"]
    options: dict[str, Any] = {"level": params.get("confidence", 0.95)}
    alternative = params.get("alternative", "two-sided")
    tested = {**options, "alternative": ALTERNATIVES.get(alternative, alternative)}

    def column(name: str) -> list[float]:
        return numbers(given[name], folder)

    def zeros(name: str) -> dict[str, list[Any]]:
        return {"a": column(name), "b": [0.0] * len(column(name))}

    match function:
        case "mean_ci":
            options |= {"method": params["method"], "kind": "unbounded"}
            yield Case("mean_ci", options, {"a": column("x")}, {"estimate": "mean", "std_error": "se", **BOUNDS})
        case "proportion_ci" if params["method"] not in ("wald", "wilson_cc"):
            data = counted((1, 0, given["successes"]), (0, 0, given["n"] - given["successes"]))
            yield Case("mean_ci", {**options, "method": params["method"]}, data, {"estimate": "estimate", **BOUNDS})
        case "mcnemar" | "mcnemar_odds_ratio":
            table = given.get("table") or [[0, given["b"]], [given["c"], 0]]
            data = counted((1, 1, table[0][0]), (1, 0, given["b"]), (0, 1, given["c"]), (0, 0, table[1][1]))
            if function == "mcnemar":
                method = "corrected" if params.get("correction") else params["method"]
                fields = {"statistic": "statistic", "p_value": "pvalue"}
                yield Case("mcnemar_test", {**tested, "method": method}, data, fields)
            else:
                yield Case("odds_ratio/pairs", tested, data, {"estimate": "odds_ratio", **BOUNDS})
        case "wilcoxon":
            how = {name: params[name] for name in ("zero_method", "method", "correction")}
            fields = {"statistic": "statistic", "p_value": "pvalue"}
            yield Case("wilcoxon_test", {**tested, **how}, zeros("d"), fields)
            yield Case("rank_biserial", options, zeros("d"), {"estimate": "rank_biserial"})
        case "ttest_paired":
            yield Case("paired_t_test", tested, {"a": column("a"), "b": column("b")}, TEST)
        case "ttest_ind":
            data = labelled(column("a"), column("b"))
            yield Case("welch_t_test", {**tested, "equal_var": params["equal_var"]}, data, TEST)
        case "mannwhitneyu":
            how = {"method": params["method"], "use_continuity": params.get("use_continuity", True)}
            fields = {"statistic": "statistic", "p_value": "pvalue"}
            yield Case("mann_whitney_test", {**tested, **how}, labelled(column("a"), column("b")), fields)
        case "permutation_paired":
            yield Case("permutation_test", tested, zeros("d"), {"statistic": "statistic", "p_value": "pvalue"})
        case "permutation_independent":
            fields = {"statistic": "statistic", "p_value": "pvalue"}
            yield Case("permutation_test_unpaired", tested, labelled(column("a"), column("b")), fields)
        case "sign_test":
            yield Case("sign_test", tested, zeros("d"), {"statistic": "M", "p_value": "pvalue"})
        case "cohens_d_independent":
            data = labelled(column("a"), column("b"))
            fields = {"estimate": "d", "lower": "ci_low_nct", "upper": "ci_high_nct"}
            yield Case("cohens_d/samples", options, data, fields)
            fields = {"estimate": "d", "lower": "ci_low_t_approx", "upper": "ci_high_t_approx"}
            yield Case("cohens_d/samples", {**options, "interval": "t_approx"}, data, fields)
            yield Case("hedges_g/samples", options, data, {"estimate": "hedges_g"})
            yield Case("hedges_g/samples", {**options, "correction": "exact"}, data, {"estimate": "hedges_g_exactJ"})
        case "cohens_d_paired":
            data = {"a": column("a"), "b": column("b")}
            fields = {"estimate": "d_z", "lower": "d_z_ci_low_nct", "upper": "d_z_ci_high_nct"}
            yield Case("cohens_d", options, data, fields)
            fields = {"estimate": "d_av", "lower": "d_av_ci_low_t_approx", "upper": "d_av_ci_high_t_approx"}
            yield Case("cohens_d", {**options, "variant": "d_av"}, data, fields)
            for variant in ("d_av_mean_of_sds", "d_rm"):
                yield Case("cohens_d", {**options, "variant": variant}, data, {"estimate": variant})
            yield Case("hedges_g", {**options, "variant": "d_av"}, data, {"estimate": "hedges_g_av"})
            yield Case("hedges_g", {**options, "correction": "exact"}, data, {"estimate": "g_z_exactJ"})
        case "cliffs_delta":
            yield Case("cliffs_delta", options, labelled(column("a"), column("b")), {"estimate": "delta"})
        case "odds_ratio":
            [a, b], [c, d] = given["table"]
            data = counted((1, 1, a), (0, 1, b), (1, 0, c), (0, 0, d))
            fields = {"estimate": "odds_ratio", "lower": "wald_low", "upper": "wald_high", "p_value": "fisher_exact_p"}
            yield Case("odds_ratio/samples", tested, data, fields)
            fields = {"estimate": "conditional_odds_ratio", "lower": "conditional_low", "upper": "conditional_high"}
            yield Case("odds_ratio/samples", {**tested, "kind": "conditional"}, data, fields)
        case "cluster_se_mean":
            both = given.get("groups_and_x_columns")
            x, groups = (numbers(both, folder, 1), numbers(both, folder, 0)) if both else (column("x"), given["groups"])
            correction = "cr1" if params["small_sample_correction"] else "cr0"
            how = {"correction": correction, "use_t": params["use_t"]}
            fields = {"estimate": "mean", "std_error": "se", **BOUNDS}
            yield Case("cluster_mean_ci", {**options, **how}, {"a": x, "c": [str(g) for g in groups]}, fields)
        case "cohens_kappa":
            fields = {"estimate": "kappa", "std_error": "se", **BOUNDS}
            labels = sorted({str(x) for x in [*given["a"], *given["b"]] if isinstance(x, str)})
            sides = {side: [labels.index(x) if labels else x for x in given[side]] for side in "ab"}
            data = {side: [number(x) for x in values] for side, values in sides.items()}
            yield Case("cohens_kappa", {**options, "weights": params["weights"]}, data, fields)
            if params["weights"] == "none":
                yield Case("cohens_kappa/text", options, data, fields)
        case "fleiss_kappa":
            data = {"r": given["ratings_items_by_raters"]}
            yield Case("fleiss_kappa", options, data, {"estimate": "kappa"})
            yield Case("fleiss_kappa", {**options, "method": "randolph"}, data, {"estimate": "randolph"})
        case "krippendorff_alpha":
            by_rater = given["ratings_raters_by_items"]
            items = [[None if x == "NaN" else number(x) for x in item] for item in zip(*by_rater, strict=True)]
            yield Case(
                "krippendorff_alpha", {"level_of_measurement": params["level"]}, {"r": items}, {"estimate": "alpha"}
            )
        case "pearson" | "spearman" | "kendall":
            both = given.get("ab_columns")
            a, b = (numbers(both, folder, 0), numbers(both, folder, 1)) if both else (column("a"), column("b"))
            name = "kendall_tau" if function == "kendall" else function
            how = {key: params[key] for key in ("variant", "method") if key in params}
            estimate = {"pearson": "r", "spearman": "rho", "kendall": "tau"}[function]
            yield Case(name, {**tested, **how}, {"a": a, "b": b}, {"estimate": estimate, "p_value": "pvalue", **BOUNDS})
        case "pass_at_k" | "pass_at_k_mean":
            n, c = (given[name] if isinstance(given[name], list) else [given[name]] for name in ("n", "c"))
            expected = "mean" if function == "pass_at_k_mean" else "pass_at_k"
            yield Case("pass_at_k", {**options, "k": params["k"]}, {"a": n, "b": c}, {"estimate": expected})
        case "bootstrap_ci" if params["statistic"] != "independent_mean_diff":
            x = column("x") if "x" in given else [p - q for p, q in zip(column("a"), column("b"), strict=True)]
            statistic = params["statistic"] if params["statistic"] in ("median", "std") else "mean"
            how = {"statistic": statistic, "method": params["method"], "seed": 1}
            fields = {"estimate": "theta_hat", "std_error": "bootstrap_se", **BOUNDS}
            yield Case("bootstrap_ci", {**options, **how}, {"a": x}, fields)


TWO_SAMPLES = ("welch_t_test", "mann_whitney_test", "permutation_test_unpaired", "cliffs_delta", "cohens_h")


def arguments(function: str) -> list[Column]:
    """The columns of the table of rows that an aggregate reads."""
    name, _, form = function.partition("/")
    if name in ("mean_ci", "bootstrap_ci"):
        return [F.col("a")]
    if name in ("fleiss_kappa", "krippendorff_alpha"):
        return [F.col("r")]
    if name == "cluster_mean_ci":
        return [F.col("a"), F.col("c")]
    if name == "compare_paired_clustered":
        return [F.col("a"), F.col("b"), F.col("c")]
    if form == "text":
        return [F.concat(F.lit("is "), F.col(side).cast("string")) for side in "ab"]
    return [F.col("a"), F.col("b") == 1 if form == "samples" or name in TWO_SAMPLES else F.col("b")]


def aggregate(function: str, options: dict[str, Any], only: Column | None = None) -> Column:
    """The call over that table, or over those of its rows alone."""
    given = dict(options)
    first, *rest = arguments(function)
    positional = [given.pop("k")] if function.startswith("pass_") else []
    call = getattr(fn, function.partition("/")[0])
    column: Column = call(first if only is None else F.when(only, first), *rest, *positional, **given)
    return column


def right(row: dict[str, Any], field: str, key: str, found: float | None) -> bool:
    """The rules of the vectors' README."""
    expected, tolerance = row["expected"], row["tolerance"]
    wanted = number(expected[key])
    if found is None or math.isnan(found):
        return math.isnan(wanted)
    if found == wanted:
        return True
    if tolerance["type"] == "mc" and field != "estimate":
        if field == "std_error":
            return abs(found / wanted - 1) < 0.03
        spread = number(tolerance[f"sd_{key}"]) * math.sqrt(tolerance["B"] / 9999 + 1 / tolerance["K"])
        within = abs(found - wanted) <= 5 * spread + 1e-9 * max(1.0, abs(wanted))
        least, greatest = expected.get(f"range_{key}_B99999", (math.inf, -math.inf))
        jump = expected.get("endpoint_on_cdf_jump", [False, False])[key == "high"]
        atom = tolerance.get("atom")
        return (
            within
            or (jump and least - 1e-9 <= found <= greatest + 1e-9)
            or (atom is not None and abs(found - wanted) <= atom * (1 + 1e-9))
        )
    if tolerance["type"] == "mc_p":
        return abs(found - wanted) <= 1e-9 * wanted
    close = number(tolerance.get("abs", 1e-12)) + number(tolerance.get("rel", 1e-9)) * abs(wanted)
    return abs(found - wanted) <= close


def check(spark: SparkSession, rows: list[dict[str, Any]], folder: Path, tmp_path: Path) -> int:
    """Runs all rows as groups of few queries: one for each aggregate, with a column for each set of options."""
    wanted: dict[str, list[tuple[dict[str, Any], Case]]] = defaultdict(list)
    for row in rows:
        for case in cases(row, folder):
            if any(key in row["expected"] for key in case.fields.values()) and sum(case.data.get("t", [])) <= MOST_ROWS:
                wanted[case.function].append((row, case))
    wrong, compared = [], 0
    path = tmp_path / "cases.json"
    with path.open("w", encoding="utf-8") as file:
        for function, entries in wanted.items():
            for row, case in entries:
                none: dict[str, list[Any]] = {"a": [], "b": [], "c": [], "t": [], "r": []}
                part = f"{function} {json.dumps(case.options)}"
                record = {"id": row["id"], "part": part, **none, **case.data}
                file.write(json.dumps(record) + "\n")
    records = spark.read.schema(RECORD).json(str(path)).cache()
    exploded = records.select("id", "part", F.explode(F.arrays_zip("a", "b", "c", "t", "r")).alias("e"))
    table = exploded.select("id", "part", "e.*").withColumn("t", F.explode(F.expr("array_repeat(1, coalesce(t, 1))")))
    for function, entries in wanted.items():
        parts: dict[str, dict[str, Any]] = {}
        for _, case in entries:
            parts.setdefault(f"{function} {json.dumps(case.options)}", case.options)
        # Each set of options is a column, which sees its own rows alone.
        columns = [
            aggregate(function, options, F.col("part") == part).alias(f"r{i}")
            for i, (part, options) in enumerate(parts.items())
        ]
        mine = table.where(F.col("part").isin(list(parts))).coalesce(1)
        found = {(row["id"], row["part"]): row for row in mine.groupBy("id", "part").agg(*columns).collect()}
        for row, case in entries:
            part = f"{function} {json.dumps(case.options)}"
            result = found[row["id"], part][f"r{list(parts).index(part)}"]
            for field, key in case.fields.items():
                if row["expected"].get(key) is not None:
                    compared += 1
                    if not right(row, field, key, result[field]):
                        wrong.append(f"{row['id']} {part} {field}: {result[field]}, expected {row['expected'][key]}")
    records.unpersist()
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:40])
    return compared


def strict(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["class"] == "strict"]


def test_shared_vectors(spark: SparkSession, tmp_path: Path) -> None:
    if not SHARED.is_file():
        pytest.skip(f"the shared vectors are not at {SHARED}")
    rows = strict(json.loads(SHARED.read_text(encoding="utf-8")))
    assert check(spark, rows, SHARED.parent, tmp_path) > 2000


def test_own_vectors(spark: SparkSession, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in OWN.read_text(encoding="utf-8").splitlines()]
    assert check(spark, strict(rows)[::5], OWN.parent, tmp_path) > 200


POWER = {
    "power_ttest_paired": ("paired_t", ["effect_size_dz", "n"], "power"),
    "power_ttest_ind": ("independent_t", ["effect_size_d", "n1"], "power"),
    "power_two_proportions_h": ("two_proportions_h", ["effect_size_h", "n1"], "power"),
    "power_two_proportions": ("two_proportions", ["p1", "p2", "n1"], "power"),
    "mde_ttest_paired": ("paired_t", ["n", "power"], "effect_size_dz"),
    "mde_two_proportions_h": ("two_proportions_h", ["n1", "power"], "effect_size_h"),
}
# The power is 0.99999999999426; statsmodels gives up and says NaN.
LIBRARY_FAILS = ("p-power_ttest_ind-017",)


def test_power_of_the_shared_vectors(spark: SparkSession) -> None:
    if not SHARED.is_file():
        pytest.skip(f"the shared vectors are not at {SHARED}")
    rows = strict(json.loads(SHARED.read_text(encoding="utf-8")))
    calls = []
    for row in rows:
        if row["function"] not in POWER or row["id"] in LIBRARY_FAILS:
            continue
        name, positional, key = POWER[row["function"]]
        params = row["params"]
        kind = row["function"].partition("_")[0]
        if "power" not in row["expected"] and kind == "power":
            kind, positional, key = "sample_size", [*positional[:-1], "power"], next(iter(row["expected"]))
        options = {k: params[k] for k in ("alpha", "ratio") if k in params and not (k == "ratio" and "paired" in name)}
        alternative = ALTERNATIVES.get(params["alternative"], params["alternative"])
        call = getattr(fn, f"{kind}_{name}")
        calls.append((row, key, call(*(params[p] for p in positional), **options, alternative=alternative)))
    found = spark.range(1).select(*(column.alias(f"c{i}") for i, (_, _, column) in enumerate(calls))).first()
    assert found is not None
    wrong = [
        f"{row['id']}: {value}, expected {row['expected'][key]}"
        for (row, key, _), value in zip(calls, found, strict=True)
        if not right(row, "value", key, value)
    ]
    assert not wrong
    assert len(calls) > 80


def test_adjusted_p_values_of_the_shared_vectors(spark: SparkSession) -> None:
    if not SHARED.is_file():
        pytest.skip(f"the shared vectors are not at {SHARED}")
    rows = [
        r for r in strict(json.loads(SHARED.read_text(encoding="utf-8"))) if r["function"] == "multiple_comparisons"
    ]
    rows = [row for row in rows if "adjusted" in row["expected"]]
    methods = sorted({row["params"]["method"] for row in rows})
    data = [(row["id"], numbers(row["inputs"]["p"], SHARED.parent)) for row in rows]
    frame = spark.createDataFrame(data, "id STRING, p ARRAY<DOUBLE>").coalesce(1)
    columns = [fn.p_adjust("p", method).alias(method) for method in methods]  # type: ignore[arg-type]
    found = {row["id"]: row for row in frame.select("id", *columns).collect()}
    for row in rows:
        adjusted = found[row["id"]][row["params"]["method"]]
        assert adjusted == pytest.approx(row["expected"]["adjusted"], rel=1e-9, abs=1e-15), row["id"]
    assert len(rows) > 80


# Every aggregate in each of its forms, with few resamples.
FEW = {"n_resamples": 99}
EVERY: dict[str, dict[str, Any]] = {
    "mean_ci": {"method": "bca", **FEW},
    "bootstrap_ci": {"statistic": "trimmed_mean", **FEW},
    "cluster_mean_ci": {},
    "weighted_mean_ci": {},
    "ratio_ci": {},
    "pass_at_k": {"k": 1},
    "pass_hat_k": {"k": 1},
    "paired_t_test": {},
    "wilcoxon_test": {},
    "mcnemar_test": {},
    "sign_test": {},
    "permutation_test": FEW,
    "compare_paired": FEW,
    "compare_paired_clustered": FEW,
    "non_inferiority_test": {"margin": 0.5},
    "equivalence_test": {"margin": 0.5},
    "risk_difference": {},
    "welch_t_test": {},
    "mann_whitney_test": {},
    "permutation_test_unpaired": FEW,
    "cohens_d": {},
    "cohens_d/samples": {},
    "hedges_g": {},
    "hedges_g/samples": {},
    "cliffs_delta": {},
    "rank_biserial": {},
    "rank_biserial/samples": {},
    "cohens_h": {},
    "odds_ratio": {},
    "odds_ratio/samples": {},
    "cohens_kappa": {},
    "cohens_kappa/text": {},
    "pearson": {},
    "spearman": {},
    "kendall_tau": {},
    "fleiss_kappa": {},
    "krippendorff_alpha": {},
}
BINARY = ("mcnemar_test", "risk_difference", "cohens_h", "odds_ratio", "odds_ratio/samples", "fleiss_kappa")


def every(frame: DataFrame, names: list[str] | None = None) -> dict[str, Row]:
    columns = [aggregate(name, EVERY[name]).alias(name) for name in names or EVERY]
    found = frame.agg(*columns).first()
    assert found is not None
    return found.asDict()


def test_every_aggregate_is_here(spark: SparkSession) -> None:
    tested = {name.partition("/")[0] for name in EVERY}
    groups = {row[0] for row in spark.sql("SHOW FUNCTIONS").collect()} & set(fn.__all__)
    aggregates = {
        name for name in groups if not name.startswith(("corpus_", "llm_", "assay_", "power_", "mde_", "sample_"))
    }
    assert {name for name in aggregates if not name.startswith("compare_corpus")} - {"p_adjust"} == tested


def test_the_same_bits_for_any_partitioning(spark: SparkSession) -> None:
    binary = "CAST(hash(id, 1) % 3 = 0 AS DOUBLE) AS a, CAST(hash(id, 2) % 2 = 0 AS DOUBLE) AS b"
    more = (
        "CAST(id % 83 AS STRING) AS c, array(hash(id) % 3, hash(id, 3) % 3, IF(id % 5 = 0, NULL, hash(id, 3) % 3)) AS r"
    )
    few = spark.sql(f"SELECT id, {binary}, {more} FROM range(1500)")
    numbers = "hash(id, 1) / 7.0D AS a, IF(id % 2 = 0, 1, abs(hash(id, 1) / 9.0D + hash(id, 2) / 31.0D)) AS b"
    many = spark.sql(f"SELECT id, {numbers}, {more} FROM range(5000)")
    continuous = [name for name in EVERY if name not in (*BINARY, "pass_at_k", "pass_hat_k", "cohens_kappa/text")]
    for frame, names in ((few, list(EVERY)), (many, continuous)):
        # The rows that fleiss_kappa takes have no missing rating.
        whole = frame.withColumn("r", F.expr("transform(r, x -> coalesce(x, 1))")) if frame is few else frame
        once = every(whole.coalesce(1), names)
        assert [name for name in names if once[name]["estimate"] is None] == []
        for other in (whole.repartition(7), whole.repartition(64), whole.orderBy(F.rand(3)).coalesce(2)):
            assert {name: repr(row) for name, row in every(other, names).items()} == {
                n: repr(r) for n, r in once.items()
            }


def test_more_values_than_are_kept(spark: SparkSession) -> None:
    frame = spark.range(6000).selectExpr("id / 7.0D AS a", "hash(id) / 9.0D AS b", "'x' AS c", "array(id, id) AS r")
    names = ["mean_ci", "paired_t_test", "cluster_mean_ci", "welch_t_test", "krippendorff_alpha"]
    options = {**EVERY, "mean_ci": {}}

    def run(partitions: int) -> list[str]:
        row = frame.repartition(partitions).agg(*(aggregate(name, options[name]).alias(name) for name in names)).first()
        assert row is not None
        for name in names[1:]:
            assert row[name]["n"] == 6000
            assert row[name]["estimate"] is None
            assert "more rows" in row[name]["reason"]
        return [repr(row["mean_ci"]), row["mean_ci"]["lower"]]

    whole = frame.agg(fn.mean_ci("a").alias("r")).first()
    assert whole is not None
    spark.conf.set("spark.assay.stats.maxValues", "5000")
    try:
        once = run(1)
        assert once[1] == pytest.approx(whole["r"]["lower"], rel=1e-12)
        assert run(7) == once
        assert run(64) == once
        # What a histogram can hold is never too much.
        few = frame.agg(fn.mean_ci(F.expr("a > 100"), method="wilson").alias("r")).first()
        assert few is not None
        assert few["r"]["n"] == 6000
        assert few["r"]["reason"] is None
    finally:
        spark.conf.unset("spark.assay.stats.maxValues")


def test_many_values_are_kept_as_sums(spark: SparkSession) -> None:
    def run(partitions: int, method: str) -> Any:
        frame = spark.range(0, 200_000, 1, partitions).selectExpr("xxhash64(id) / power(2D, 63) + 1000 AS x")
        row = frame.agg(
            fn.mean_ci("x", method=method).alias("r"),  # type: ignore[arg-type]
            F.avg("x").alias("mean"),
            F.stddev_samp("x").alias("sd"),
        ).first()
        assert row is not None
        assert row["r"]["estimate"] == pytest.approx(row["mean"], rel=1e-13)
        assert row["r"]["std_error"] == pytest.approx(row["sd"] / math.sqrt(200_000), rel=1e-9)
        half = (row["r"]["upper"] - row["r"]["lower"]) / 2
        assert half == pytest.approx(1.95997 * row["r"]["std_error"], rel=1e-4)
        return repr(row["r"])

    for method in ("t", "hall", "bca_analytic"):
        assert run(1, method) == run(7, method) == run(64, method)


DEGENERATE = {
    "nothing": "SELECT 1D AS a, 1D AS b, 'x' AS c, array(1D, 1D) AS r WHERE 1 > 2",
    "NULL": "SELECT CAST(NULL AS DOUBLE) AS a, CAST(NULL AS DOUBLE) AS b, 'x' AS c, CAST(NULL AS ARRAY<DOUBLE>) AS r",
    "one row": "SELECT 1D AS a, 0D AS b, 'x' AS c, array(1D) AS r",
    "constant": "SELECT 1D AS a, 1D AS b, 'x' AS c, array(1D, 1D) AS r FROM range(20)",
    "NaN": "SELECT double('NaN') AS a, id * 1D AS b, CAST(id AS STRING) AS c, array(double('NaN')) AS r FROM range(9)",
    "infinite": "SELECT double('inf') AS a, id * 1D AS b, CAST(id AS STRING) AS c, array(a) AS r FROM range(9)",
    "large": "SELECT 1e308D * (id % 2) AS a, -1e308D AS b, CAST(id AS STRING) AS c, array(1e308D) AS r FROM range(9)",
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_what_has_no_result_has_a_reason(spark: SparkSession, name: str) -> None:
    for function, result in every(spark.sql(DEGENERATE[name])).items():
        empty = [field for field in ("estimate", "lower", "upper") if result[field] is None]
        assert not empty or result["reason"], f"{function}: {result}"
        assert not any(
            result[field] is not None and math.isnan(result[field]) for field in ("estimate", "lower", "upper")
        )
        if name in ("nothing", "NULL"):
            assert result["n"] == 0
            assert result["estimate"] is None
            assert result["n_null"] == (name == "NULL")
        if "p_value" in result.asDict() and result["p_value"] is not None:
            assert 0 < result["p_value"] <= 1, f"{function}: {result}"


def test_groups_filters_and_windows(spark: SparkSession) -> None:
    spark.range(40).selectExpr("id % 2 AS g", "id % 3 AS a", "id % 5 AS b", "id").createOrReplaceTempView("stat_rows")
    rows = spark.sql("SELECT g, paired_t_test(a, b) AS r FROM stat_rows GROUP BY g").collect()
    apart = spark.sql(
        "SELECT paired_t_test(a, b) FILTER (WHERE g = 0), paired_t_test(a, b) FILTER (WHERE g = 1) FROM stat_rows"
    )
    assert {row["g"]: row["r"] for row in rows} == dict(enumerate(apart.first()))  # type: ignore[arg-type]
    running = spark.sql("SELECT paired_t_test(a, b) OVER (ORDER BY id).n AS n FROM stat_rows").collect()
    assert sorted(row["n"] for row in running) == list(range(1, 41))
    whole = spark.sql("SELECT DISTINCT paired_t_test(a, b) OVER (PARTITION BY g) AS r FROM stat_rows").collect()
    assert {repr(row["r"]) for row in whole} == {repr(row["r"]) for row in rows}


def test_the_driver_gives_the_same_bits(spark: SparkSession) -> None:
    binary = "CAST(hash(id, 1) % 3 = 0 AS DOUBLE) AS a, CAST(hash(id, 2) % 2 = 0 AS DOUBLE) AS b"
    more = "CAST(id % 83 AS STRING) AS c, array(hash(id) % 3, hash(id, 3) % 3) AS r, id % 3 AS g"
    frame = spark.sql(f"SELECT id, {binary}, {more} FROM range(900)")
    plain = [aggregate(name, EVERY[name]).alias(name) for name in EVERY]
    driven = [fn.assay_on_driver(aggregate(name, EVERY[name])).alias(name) for name in EVERY]
    once = [repr(row) for row in frame.groupBy("g").agg(*plain).orderBy("g").collect()]
    assert [repr(row) for row in frame.groupBy("g").agg(*driven).orderBy("g").collect()] == once
    # Beside other aggregates, below a filter and a limit, of all rows, in a plan that goes on.
    mixed = frame.groupBy((F.col("g") + 1).alias("h")).agg(
        F.count("*").alias("n"),
        (fn.assay_on_driver(fn.mean_ci("a"))["upper"] + F.max("b")).alias("u"),
        fn.mean_ci("a")["upper"],
    )
    rows = mixed.where("h > 1").orderBy("h").limit(1).collect()
    assert [(row["h"], row["n"], row["u"]) for row in rows] == [(2, 300, rows[0][3] + 1)]
    whole = frame.select(fn.assay_on_driver(fn.mean_ci("a")).alias("r"))
    assert whole.first() == frame.select(fn.mean_ci("a").alias("r")).first()
    assert whole.join(frame.limit(3)).count() == 3


def test_clusters_are_values_of_any_type(spark: SparkSession) -> None:
    keys = [
        "id % 7",
        "CAST(id % 7 AS STRING)",
        "struct(id % 7 AS k, NULL AS l)",
        "CAST(id % 7 AS DECIMAL(20, 2))",
        "array(id % 7)",
    ]
    columns = [f"cluster_mean_ci(hash(id) % 100, {key}) AS r{i}" for i, key in enumerate(keys)]
    row = spark.sql(f"SELECT {', '.join(columns)}, cluster_mean_ci(id, id % 7 * 0D) AS one FROM range(200)").first()
    assert row is not None
    assert row["r0"]["lower"] is not None
    assert all(row[f"r{i}"] == row["r0"] for i in range(len(keys)))
    # 0 and -0 are one value, and so are all kinds of NaN.
    assert row["one"]["reason"] == "there is only one cluster"


def test_results_have_one_schema_for_tests_and_one_for_others(spark: SparkSession) -> None:
    frame = spark.sql("SELECT 1D AS a, 1D AS b, 'x' AS c, array(1D) AS r")
    types = {name: frame.select(aggregate(name, EVERY[name]).alias("s")).schema["s"].dataType for name in EVERY}
    schemas = {name: StructType.fieldNames(of) for name, of in types.items() if isinstance(of, StructType)}
    common = ["estimate", "lower", "upper", "std_error", "n", "n_null", "level", "method", "reason"]
    added = [
        "statistic",
        "df",
        "p_value",
        "alternative",
        "effect_size",
        "effect_lower",
        "effect_upper",
        "effect_name",
        "n_discordant",
    ]
    tests = {name for name, names in schemas.items() if names == common + added}
    assert {name for name, names in schemas.items() if names == common} | tests == set(EVERY)
    assert {name for name in EVERY if "test" in name or "compare" in name} <= tests


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("paired_t_test(s, x)", r"ASSAY_INVALID_ARGUMENT.*the candidate must be numeric or BOOLEAN, not .?STRING"),
        ("paired_t_test(x, s)", r"ASSAY_INVALID_ARGUMENT.*the baseline must be"),
        ("paired_t_test(x)", r"ASSAY_INVALID_ARGUMENT.*paired_t_test\(candidate, baseline \[, options\]\)"),
        ("welch_t_test(x, x)", r"ASSAY_INVALID_ARGUMENT.*is_candidate must be BOOLEAN, not .?BIGINT"),
        ("cluster_mean_ci(x, map(1, x))", r"ASSAY_INVALID_ARGUMENT.*cluster must be of a type without a MAP"),
        ("fleiss_kappa(x)", r"ASSAY_INVALID_ARGUMENT.*ratings must be an ARRAY"),
        ("cohens_kappa(s, x)", r"ASSAY_INVALID_ARGUMENT.*must be of one type"),
        ("cohens_kappa(s, s, map('weights', 'linear'))", r"ASSAY_INVALID_ARGUMENT.*must be numeric"),
        ("krippendorff_alpha(array(s))", r"ASSAY_INVALID_ARGUMENT.*set level_of_measurement to 'nominal'"),
        ("krippendorff_alpha(array(x), 'ordnal')", r"ASSAY_INVALID_OPTION.*level_of_measurement"),
        ("pass_at_k(x, x)", r"ASSAY_INVALID_ARGUMENT.*pass_at_k\(n, c, k"),
        ("pass_at_k(x, x, x)", r"ASSAY_INVALID_OPTION.*'k' must be a constant"),
        ("pass_at_k(x, x, 0)", r"ASSAY_INVALID_OPTION.*'k' takes a whole number"),
        ("equivalence_test(x, x)", r"ASSAY_INVALID_OPTION.*'margin' must be given"),
        ("wilcoxon_test(x, x, map('zeromethod', 'pratt'))", r"ASSAY_UNKNOWN_OPTION.*did you mean 'zero_method'"),
        ("wilcoxon_test(x, x, struct(s AS zero_method))", r"ASSAY_INVALID_OPTION.*must be a constant"),
        ("bootstrap_ci(x, 5)", r"ASSAY_INVALID_ARGUMENT.*STRUCT"),
        ("assay_on_driver(max(x))", r"ASSAY_INVALID_ARGUMENT.*takes a statistic"),
        ("assay_on_driver(mean_ci(x) OVER ())", r"ASSAY_INVALID_ARGUMENT.*takes a statistic"),
        ("sign_test(DISTINCT x, x)", r"ASSAY_INVALID_ARGUMENT.*DISTINCT"),
        ("corpus_bleu(DISTINCT s, s)", r"ASSAY_INVALID_ARGUMENT.*DISTINCT"),
        ("p_adjust(array(0.1), 'bonferoni')", r"ASSAY_INVALID_OPTION.*'method' takes one of bonferroni"),
        ("power_paired_t('a', x)", r"ASSAY_INVALID_ARGUMENT.*effect_size must be DOUBLE"),
        ("power_paired_t(x, x, map('alfa', '0.1'))", r"ASSAY_UNKNOWN_OPTION.*did you mean 'alpha'"),
    ],
)
def test_refused_at_planning(spark: SparkSession, expression: str, says: str) -> None:
    with pytest.raises(PySparkException, match=f"(?s){says}"):
        _ = spark.sql(f"SELECT {expression} FROM (SELECT id AS x, CAST(id AS STRING) AS s FROM range(3))").schema


def test_corpora_are_compared(spark: SparkSession) -> None:
    candidate, baseline = (
        "concat('the cat sat ', IF(id % 3 = 0, 'on the mat', CAST(id AS STRING)))",
        "concat('the cat ran on ', id % 4)",
    )
    reference = "IF(id = 7, NULL, 'the cat sat on the mat')"
    frame = spark.range(40).selectExpr(f"{candidate} AS a", f"{baseline} AS b", f"{reference} AS r")
    for name in ("bleu", "chrf", "ter"):
        score, compare = getattr(fn, f"corpus_{name}"), getattr(fn, f"compare_corpus_{name}")
        columns = [compare("a", "b", "r", n_resamples=99), score("a", "r"), score("b", "r")]
        rows = [frame.repartition(n).select(*columns).first() for n in (1, 7)]
        assert rows[0] is not None
        assert repr(rows[0]) == repr(rows[1])
        both, first, second = rows[0]
        assert both["estimate"] == pytest.approx(first["estimate"] - second["estimate"], abs=1e-12)
        assert (both["n"], both["n_null"]) == (39, 1)
        assert 0 < both["p_value"] <= 1
        assert both["lower"] <= both["estimate"] <= both["upper"]


def test_numbers_of_rows(spark: SparkSession) -> None:
    frame = spark.range(0, 20, 1, 2).selectExpr("IF(id = 3, NULL, id / 10.0D) AS effect", "30 AS n")
    rows = frame.select("effect", fn.power_paired_t("effect", "n").alias("power")).collect()
    assert [row["power"] for row in rows if row["effect"] is None] == [None]
    powers = [row["power"] for row in sorted(rows, key=lambda row: row["effect"] or -1) if row["effect"]]
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(1)
    adjusted = spark.sql(
        "SELECT p_adjust(array(0.01, NULL, 0.04), map('method', 'bonferroni')), p_adjust(CAST(NULL AS ARRAY<DOUBLE>))"
    ).first()
    assert adjusted is not None
    assert list(adjusted) == [[0.02, None, 0.08], None]
