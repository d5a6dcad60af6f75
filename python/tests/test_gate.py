"""Rules on numbers that are there; what compares two results is in ``test_saved``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_report import estimate, result, usage

from spark_assay import ConfigError, EvalResult, gate
from spark_assay.gate import holm
from spark_assay.rules import Rule, check, load
from spark_assay.yaml_nodes import parse


@pytest.fixture
def one() -> EvalResult:
    """0.8625 (0.8291 to 0.8894) of 488, in topics 0.95 and 0.70."""
    return result(
        estimate(),
        estimate(slice="topic", value="good", estimate=0.95, lower=0.90, upper=0.98, n=100),
        estimate(slice="topic", value="bad", estimate=0.70, lower=0.60, upper=0.78, n=100),
        slices=["topic"],
    )


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ({"at_least": 0.82}, "pass"),
        ({"at_least": 0.85}, "inconclusive"),
        ({"at_least": 0.90}, "fail"),
        ({"at_least": 0.85, "judged_by": "estimate"}, "pass"),
        ({"at_least": 0.87, "judged_by": "estimate"}, "fail"),
        ({"at_most": 0.90}, "pass"),
        ({"at_most": 0.88}, "inconclusive"),
        ({"at_most": 0.80}, "fail"),
    ],
)
def test_a_limit_wants_the_whole_interval(one: EvalResult, rule: dict[str, Any], outcome: str) -> None:
    assert gate(one, [{"metric": "exact_match", **rule}]).outcome == outcome


def test_an_inconclusive_rule_says_how_many_more_rows(one: EvalResult) -> None:
    report = gate(one, [{"metric": "exact_match", "at_least": 0.85}])
    # The half width 0.0334 must become 0.0125: 7.14 times the rows, 2,997 more than 488.
    assert "about 2,997 more rows would decide" in report.verdicts[0].message
    assert report.exit_code == 3
    below = gate(one, [{"metric": "exact_match", "at_least": 0.88}])
    assert "about 666 more rows would decide" in below.verdicts[0].message
    level = gate(one, [{"metric": "exact_match", "at_least": 0.8625}])
    assert "no number of rows would decide" in level.verdicts[0].message


def test_slices_fail_by_holm(one: EvalResult) -> None:
    # (0.7 - 0.8) / sqrt(0.8 * 0.2 / 100) = -2.5: p = 0.0062, and twice that for two slices is below 0.025.
    report = gate(one, [{"metric": "exact_match", "at_least": 0.8, "slice": "topic"}])
    assert [(v.where, v.outcome) for v in report.verdicts] == [
        ("large, topic = good", "pass"),
        ("large, topic = bad", "fail"),
    ]
    # (0.71 - 0.79) / sqrt(0.79 * 0.21 / 100) = -1.96: p = 0.0248 is enough for one slice, not for one of two.
    bad = estimate(slice="topic", value="bad", estimate=0.71, lower=0.615, upper=0.7899, n=100)
    rule = {"metric": "exact_match", "at_least": 0.79, "slice": "topic"}
    assert gate(result(estimate(), bad, slices=["topic"]), [rule]).outcome == "fail"
    assert gate(result(estimate(), one.estimates[1], bad, slices=["topic"]), [rule]).outcome == "inconclusive"


def test_holm() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.005), "holm")
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("rule", "outcome", "says"),
    [
        ({"metric": "failure_rate", "at_most": 0.03}, "pass", "0.024, 12 of 500 rows"),
        ({"metric": "failure_rate", "at_most": 0.02}, "fail", "12 of 500 rows"),
        ({"metric": "outcome_rate", "at_most": 0.01}, "fail", "0.016, 8 of 500 rows"),
        ({"metric": "truncation_rate", "at_most": 0}, "pass", "0, 0 of 500 rows"),
        ({"metric": "cost_usd", "at_most": 0.01}, "fail", "$0.0123"),
    ],
)
def test_counts_and_cost(one: EvalResult, rule: dict[str, Any], outcome: str, says: str) -> None:
    report = gate(one, [rule])
    assert report.outcome == outcome
    assert says in report.to_text()


def test_a_cost_that_is_not_known_is_no_pass() -> None:
    r = result(estimate(usage=usage(cost_usd=None)))
    assert gate(r, [{"metric": "cost_usd", "at_most": 1}]).outcome == "inconclusive"
    r = result(estimate(usage=usage(n_unpriced=3)))
    assert "has 3 rows without a price" in gate(r, [{"metric": "cost_usd", "at_most": 1}]).to_text()


def test_nothing_to_judge_is_no_pass() -> None:
    r = result(estimate(estimate=None, lower=None, upper=None, n=0, reason="no values"))
    assert gate(r, [{"metric": "exact_match", "at_least": 0.1}]).outcome == "inconclusive"


def test_the_forms(one: EvalResult) -> None:
    report = gate(one, [{"metric": "exact_match", "at_least": 0.82}, {"metric": "exact_match", "at_most": 0.5}])
    assert report.exit_code == 1
    assert "### Gate: FAIL" in report.to_markdown()
    assert "| PASS | exact\\_match at least 0.82 | large |" in report.to_markdown()
    suite = ElementTree.fromstring(report.to_junit())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert report.to_dict()["outcome"] == "fail"
    assert report.to_text().endswith("Gate: FAIL\n")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"metric": "exact_mach", "at_least": 1}, "there is no metric 'exact_mach'; did you mean 'exact_match'?"),
        ({"metric": "exact_match", "at_least": 1, "model": "larg"}, "no model 'larg'; did you mean 'large'?"),
        ({"metric": "exact_match", "at_least": 1, "slice": "topc"}, "not cut by 'topc'; did you mean 'topic'?"),
        ({"metric": "exact_match", "margin": 0.1}, "needs a baseline"),
        ({"metric": "exact_match", "at_lest": 1}, "a rule has no key 'at_lest'; did you mean 'at_least'?"),
        ({"metric": "exact_match"}, "needs one of at_least, at_most and margin, not 0"),
        ({"metric": "exact_match", "margin": -0.1}, "margin must be above 0"),
        ({"metric": "cost_usd", "margin": 0.1}, "a rule on cost_usd takes at_least or at_most"),
    ],
)
def test_mistakes_in_rules(one: EvalResult, rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        gate(one, [rule])


def test_files_of_rules(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("rules:\n  - {metric: exact_match, at_least: 0.8}\n  - metric: cost_usd\n    at_most: 5\n")
    assert load(file) == [Rule("exact_match", at_least=0.8), Rule("cost_usd", at_most=5)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: []\n", "f:1: 'rules' must be a list of rules"),
        ("rule: [a]\n", "f:1: a file of rules has no key 'rule'; did you mean 'rules'?"),
        ("rules:\n  - {metric: m}\n", "f:2: a rule on m needs one of"),
        ("rules:\n  - {metric: m, at_least: x}\n", "f:2: at_least must be a number"),
        ("rules:\n  - metric: m\n    at_leat: 1\n", "f:3: a rule has no key 'at_leat'; did you mean 'at_least'?"),
        ("rules:\n  - {metric: m, at_least: 1, judged_by: eye}\n", "f:2: judged_by must be interval or estimate"),
        ("rules:\n  - {metric: 3, at_least: 1}\n", "f:2: 'metric' must be text"),
    ],
)
def test_mistakes_in_files_have_their_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        check(parse(text, "f"))
