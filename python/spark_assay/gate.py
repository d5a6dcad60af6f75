"""`gate`: whether a result may pass, rule by rule, for the exit code of a release."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spark_assay import _format as fmt
from spark_assay import _junit, _markdown, pairs
from spark_assay import rules as rule_files
from spark_assay._format import number
from spark_assay._names import hint
from spark_assay.adjust import holm
from spark_assay.rules import COUNTED, Rule

if TYPE_CHECKING:
    from spark_assay.result import EvalResult
    from spark_assay.summary import Estimate

Outcome: TypeAlias = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
_WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE"}


@dataclass(frozen=True)
class Verdict:
    """What came of one rule for one model and slice value.

    Attributes:
        rule: The rule in words.
        where: The model, and the slice with its value.
        outcome: ``pass``, ``fail`` or ``inconclusive``, which is not a pass.
        message: The numbers, and for an inconclusive one what would decide it.
    """

    rule: str
    where: str
    outcome: Outcome
    message: str


@dataclass(frozen=True)
class GateReport:
    """What came of all rules.

    Attributes:
        verdicts: One for each rule, model and slice value.
    """

    verdicts: list[Verdict]

    @property
    def outcome(self) -> Outcome:
        """``fail`` if any rule failed, else ``inconclusive`` if any is, else ``pass``."""
        found = {verdict.outcome for verdict in self.verdicts}
        return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"

    @property
    def exit_code(self) -> int:
        """0 for pass, 1 for fail, 3 for inconclusive."""
        return EXIT_CODES[self.outcome]

    def to_text(self) -> str:
        """A line for each verdict, and the outcome."""
        lines = [f"{_WORDS[v.outcome]:<12}  {v.rule} ({v.where}): {v.message}" for v in self.verdicts]
        return "\n".join([*lines, "", f"Gate: {_WORDS[self.outcome]}"]) + "\n"

    def to_markdown(self) -> str:
        """A table, for a pull request."""
        rows = [
            [_WORDS[v.outcome], *(_markdown.escaped(part) for part in (v.rule, v.where, v.message))]
            for v in self.verdicts
        ]
        return f"### Gate: {_WORDS[self.outcome]}\n\n" + _markdown.table(["", "rule", "where", "numbers"], rows) + "\n"

    def to_junit(self) -> str:
        """JUnit XML: an inconclusive rule is a failure, for it is not a pass."""
        cases = [
            _junit.Case(
                v.rule,
                v.where,
                "passed" if v.outcome == "pass" else "failed",
                v.message if v.outcome == "pass" else f"{_WORDS[v.outcome]}: {v.message}",
            )
            for v in self.verdicts
        ]
        return _junit.to_xml("assay gate", cases)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"outcome": self.outcome, "verdicts": [asdict(verdict) for verdict in self.verdicts]}

    def show(self) -> None:
        """Prints the verdicts."""
        print(self.to_text(), end="")

    def __repr__(self) -> str:
        return f"GateReport({self.outcome}, {fmt.plural(len(self.verdicts), 'verdict')})"


def gate(
    candidate: EvalResult,
    rules: str | Path | Sequence[Rule | Mapping[str, Any]],
    *,
    baseline: EvalResult | None = None,
) -> GateReport:
    """Holds a result against rules. Nothing is called.

    A limit passes if the whole interval is on its right side, fails if the whole interval is on the wrong one, and is
    inconclusive otherwise. A ``margin`` passes if the lower end of candidate minus baseline, over pairs of the same
    examples, is above ``-margin``, and fails if its upper end is below 0. In a rule over slices a single slice
    fails by Holm's rule, so that many slices do not make a failure by chance.

    Args:
        candidate: The result in question.
        rules: A file of rules, or rules.
        baseline: What rules with a ``margin`` compare with.

    Raises:
        ConfigError: A file of rules that cannot be used.
        ValueError: A rule on something that the results do not have.

    Examples:
        >>> import spark_assay as assay
        >>> df = spark.createDataFrame([(i, "yes") for i in range(100)], "id INT, answer STRING")
        >>> result = assay.evaluate(df, prediction="answer", reference="answer", key="id")
        >>> assay.gate(result, [{"metric": "exact_match", "at_least": 0.9}]).outcome
        'pass'
    """
    checked = rule_files.of(rules)
    for rule in checked:
        _check(rule, candidate, baseline)
    verdicts = []
    for rule in checked:
        for model in [rule.model] if rule.model is not None else candidate.models:
            if rule.metric in COUNTED:
                verdicts.append(_counted(rule, candidate, model))
            elif rule.margin is not None:
                assert baseline is not None
                verdicts += _regression(rule, candidate, baseline, model)
            else:
                verdicts += _limit(rule, candidate, model)
    return GateReport(verdicts)


def _check(rule: Rule, candidate: EvalResult, baseline: EvalResult | None) -> None:
    known = [*(metric.label for metric in candidate.metrics), *COUNTED]
    if rule.metric not in known:
        raise ValueError(f"rule '{rule}': there is no metric '{rule.metric}'{hint(rule.metric, known)}")
    if rule.model is not None and rule.model not in candidate.models:
        raise ValueError(f"rule '{rule}': there is no model '{rule.model}'{hint(rule.model, candidate.models)}")
    if rule.slice is not None and rule.slice not in candidate.slices:
        raise ValueError(f"rule '{rule}': the data were not cut by '{rule.slice}'{hint(rule.slice, candidate.slices)}")
    if rule.margin is not None and baseline is None:
        raise ValueError(f"rule '{rule}' needs a baseline")


def _counted(rule: Rule, result: EvalResult, model: str) -> Verdict:
    usage = result.usage[model]
    if rule.metric == "cost_usd":
        found, shown = usage.cost_usd, fmt.money(usage.cost_usd)
        if found is None or usage.n_unpriced:
            why = "has no price" if found is None else f"has {fmt.plural(usage.n_unpriced, 'row')} without a price"
            return Verdict(str(rule), model, "inconclusive", f"the cost is not known: the model {why}")
    else:
        counts = {
            "failure_rate": usage.n_failed,
            "outcome_rate": usage.n_outcome,
            "truncation_rate": usage.n_truncated,
        }
        found = counts[rule.metric] / usage.n_rows if usage.n_rows else 0.0
        shown = f"{found:.4g}, {fmt.count(counts[rule.metric])} of {fmt.plural(usage.n_rows, 'row')}"
    holds = found >= rule.at_least if rule.at_least is not None else found <= _number(rule.at_most)
    return Verdict(str(rule), model, "pass" if holds else "fail", shown)


def _limit(rule: Rule, result: EvalResult, model: str) -> list[Verdict]:
    lines = [e for e in result.estimates if (e.metric, e.model, e.slice) == (rule.metric, model, rule.slice)]
    limit = _number(rule.at_least if rule.at_least is not None else rule.at_most)
    sign = 1.0 if rule.at_least is not None else -1.0
    alpha = (1 - result.level) / 2
    clear = holm([_p_wrong_side(e, limit, sign) for e in lines])
    verdicts = []
    for e, p in zip(lines, clear, strict=True):
        where = _where(model, e.slice, e.value)
        shown = f"{number(e.estimate)}, interval {fmt.interval(e, 'to')}, n {fmt.count(e.n)}"
        if e.estimate is None:
            verdicts.append(Verdict(str(rule), where, "inconclusive", e.reason or "there is no estimate"))
        elif rule.judged_by == "estimate":
            outcome: Outcome = "pass" if sign * (e.estimate - limit) >= 0 else "fail"
            verdicts.append(Verdict(str(rule), where, outcome, shown))
        elif e.lower is None or e.upper is None:
            verdicts.append(Verdict(str(rule), where, "inconclusive", e.reason or "there is no interval"))
        else:
            near, far = (e.lower, e.upper) if sign > 0 else (e.upper, e.lower)
            failed = sign * (far - limit) < 0 and (len(lines) == 1 or p <= alpha)
            outcome = "pass" if sign * (near - limit) >= 0 else "fail" if failed else "inconclusive"
            side = near if sign * (e.estimate - limit) >= 0 else far
            more = _more_rows(e.n, abs(e.estimate - side), abs(e.estimate - limit)) if outcome == "inconclusive" else ""
            verdicts.append(Verdict(str(rule), where, outcome, shown + more))
    return verdicts


def _p_wrong_side(e: Estimate, limit: float, sign: float) -> float:
    """How likely so low a value is if the truth is the limit: by the score test for shares, else the standard error."""
    if e.estimate is None or not e.n:
        return 1.0
    spread = math.sqrt(limit * (1 - limit) / e.n) if e.method == "wilson" and 0 < limit < 1 else e.std_error
    distance = sign * (e.estimate - limit)
    if not spread:
        return 1.0 if distance >= 0 else 0.0
    return NormalDist().cdf(distance / spread)


def _regression(rule: Rule, candidate: EvalResult, baseline: EvalResult, model: str) -> list[Verdict]:
    metric = next(m for m in candidate.metrics if m.label == rule.metric)
    other = model if model in baseline.models else baseline.models[0] if len(baseline.models) == 1 else None
    if other is None:
        raise ValueError(f"rule '{rule}': the baseline has no model '{model}'{hint(model, baseline.models)}")
    margin = _number(rule.margin)
    sign = -1.0 if metric.info.lower_is_better else 1.0
    verdicts = []
    alpha = (1 - candidate.level) / 2
    found = [
        _all_equal(d, alpha) if metric.info.range == (0.0, 1.0) else d
        for d in pairs.differences(
            candidate,
            model,
            baseline,
            other,
            [metric],
            slices=[rule.slice] if rule.slice else (),
            overall=not rule.slice,
        )[metric.label]
    ]
    z = NormalDist().inv_cdf(1 - alpha)
    below = holm([_p_below(d, sign, z) for d in found])
    for d, p in zip(found, below, strict=True):
        where = _where(model, d.slice, d.value)
        lost = "".join(
            f", {fmt.count(n)} {what}"
            for n, what in (
                (d.n_unscored, "without a score"),
                (d.n_only_candidate, "only in the candidate"),
                (d.n_only_baseline, "only in the baseline"),
            )
            if n
        )
        if d.lower is None or d.upper is None or d.estimate is None:
            why = f"{d.reason or 'there is no interval'}, {fmt.plural(d.n, 'pair')}{lost}"
            verdicts.append(Verdict(str(rule), where, "inconclusive", why))
            continue
        low, high = (d.lower, d.upper) if sign > 0 else (-d.upper, -d.lower)
        change = sign * d.estimate
        failed = high < 0 and (len(found) == 1 or p <= alpha)
        # What is clearly below 0 and clearly within the margin passes: that is what the margin is for.
        outcome: Outcome = "pass" if low > -margin else "fail" if failed else "inconclusive"
        shown = f"{d.estimate:+.3f}, interval {d.lower:+.3f} to {d.upper:+.3f}, {fmt.plural(d.n, 'pair')}{lost}"
        to_pass = change > -margin
        more = _more_rows(d.n, *((change - low, change + margin) if to_pass else (high - change, -change)))
        more = more if outcome == "inconclusive" else ""
        verdicts.append(Verdict(str(rule), where, outcome, shown + more))
    return verdicts


def _all_equal(d: pairs.Difference, alpha: float) -> pairs.Difference:
    """An interval where all pairs differ by the same: those that do not may still be rare, at most this share."""
    if d.lower is not None or d.estimate is None or not d.n:
        return d
    share = 1 - alpha ** (1 / d.n)
    middle = d.estimate * (1 - share)
    return replace(d, lower=max(-1.0, middle - share), upper=min(1.0, middle + share), reason=None)


def _p_below(d: pairs.Difference, sign: float, z: float) -> float:
    """One-sided, from the interval: how likely so low a difference is if there is none."""
    if d.estimate is None or d.lower is None or d.upper is None:
        return 1.0
    half = (d.upper - d.lower) / 2
    if half == 0:
        return 0.0 if sign * d.estimate < 0 else 1.0
    return NormalDist().cdf(sign * d.estimate / (half / z))


def _more_rows(n: int, half: float, distance: float) -> str:
    """How many more rows would decide it, if the estimate stays where it is: an interval shrinks with the root of n."""
    if distance <= 0 or half <= 0:
        return "; no number of rows would decide while the estimate stays where it is"
    more = max(1, math.ceil(n * (half / distance) ** 2) - n)
    return f"; about {fmt.plural(more, 'more row')} would decide, if the estimate stays where it is"


def _where(model: str, slice: str | None, value: str | None) -> str:
    return model if slice is None else f"{model}, {slice} = {'(none)' if value is None else value}"


def _number(value: float | None) -> float:
    assert value is not None
    return value
