from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from spark_assay import Comparison, Estimate, EvalResult, Metric, PairedComparison, Usage
from spark_assay._diff import diff, nearest
from spark_assay.details import Details, Example, Histogram, Latency
from spark_assay.pairs import Difference

NASTY = """<script>alert("x")</script> & 'y'\x1b[2J\n"""


def usage(**changes: Any) -> Usage:
    values: dict[str, Any] = {
        "n_rows": 500,
        "n_ok": 480,
        "n_outcome": 8,
        "n_failed": 12,
        "n_by_status": {"ok": 480, "refused": 8, "timeout": 7, "rate_limited": 5},
        "cost_usd": 0.012345,
        "n_unpriced": 0,
        "input_tokens": 12345,
        "output_tokens": 2345,
    }
    return Usage(**{**values, **changes})


def estimate(**changes: Any) -> Estimate:
    values: dict[str, Any] = {
        "metric": "exact_match",
        "model": "large",
        "slice": None,
        "value": None,
        "estimate": 0.8625,
        "lower": 0.8291,
        "upper": 0.8894,
        "std_error": 0.015,
        "n": 488,
        "n_null": 12,
        "level": 0.95,
        "method": "wilson",
        "reason": None,
        "outcome_policy": "wrong",
        "estimate_wrong": 0.8625,
        "estimate_missing": 0.8769,
        "usage": usage(),
    }
    return Estimate(**{**values, **changes})


def result(*estimates: Estimate, called: bool = True, slices: list[str] | None = None) -> EvalResult:
    made = EvalResult(
        rows=cast(Any, None),
        estimates=estimates,
        metrics=[Metric(name) for name in dict.fromkeys(e.metric for e in estimates)],
        models=list(dict.fromkeys(e.model for e in estimates)),
        slices=slices or [],
        level=0.95,
        called=called,
    )
    if len(made.models) > 1:
        made._comparison = Comparison([compared()], primary="exact_match", level=0.95)
    return made


def compared(**changes: Any) -> PairedComparison:
    values: dict[str, Any] = {
        "metric": "exact_match",
        "role": "primary",
        "candidate": "small",
        "baseline": "large",
        "verdict": "worse",
        "stable": True,
        "p_adjusted": 0.00001,
        "adjustment": "holm",
        "level": 0.95,
        "smallest_effect": 0.01,
        "lower_is_better": False,
        "difference": Difference(
            None, None, -0.1525, -0.19, -0.11, 480, 8, 0, 0, "mcnemar_midp", None, p_value=0.00001, detectable=0.05
        ),
    }
    return PairedComparison(**{**values, **changes})


@pytest.fixture
def both() -> EvalResult:
    return result(
        estimate(),
        estimate(model="small", estimate=0.71, lower=0.668, upper=0.748),
        estimate(slice="topic", value="rivers", n=100),
        estimate(slice="topic", value=None, n=3, lower=None, upper=None, method=None, reason="too few values"),
        slices=["topic"],
    )


class Checker(HTMLParser):
    """Knows whether every element closes and what the text is."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def parsed(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


def test_text_says_everything(both: EvalResult) -> None:
    text = re.sub(r"\n  (?=[a-z])", " ", both.to_text())
    for part in (
        "500 rows, 2 models",
        "exact_match",
        "95 % interval",
        "0.863  0.829 – 0.889",
        "488",
        "rivers",
        "(none)",
        "rate limited",
        "$0.0123",
        "12,345",
        "Wilson",
        "24 calls failed (14 timed out and 10 rate limited)",
        "16 answers were not usable (refused). Such answers count as wrong in exact_match.",
        "Without them: exact_match of large 0.877",
        "1 line without an interval: too few values",
        "small is worse than large by exact_match (-0.152 on 480 pairs",
    ):
        assert part in text, part


def test_bounds_are_told_where_rows_are_missing() -> None:
    r = result(estimate(estimate_worst=0.84, estimate_best=0.865), estimate(metric="wer", model="large"))
    assert "If all missing rows were wrong, or all were right: exact_match of large 0.840 to 0.865." in r.to_text(
        width=200
    )
    assert "If all missing" not in result(estimate(estimate_worst=0.8625, estimate_best=0.8625)).to_text()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_text_is_aligned_and_fits(both: EvalResult, width: int) -> None:
    lines = both.to_text(width=width).splitlines()
    ends = {len(line) for line in lines if re.search(r" (488|100|3|n)$", line)}
    assert len(ends) == 1
    notes = lines[-6:]
    assert max(map(len, notes)) <= width


def test_bars_are_where_they_belong() -> None:
    line = next(
        line for line in result(estimate(estimate=0.5, lower=0.25, upper=1.0)).to_text().splitlines() if "●" in line
    )
    bar = line[line.index("·") : line.index("┤") + 1]
    assert bar.index("●") == pytest.approx((len(bar) - 1) / 2, abs=1)
    assert bar.index("├") == pytest.approx((len(bar) - 1) / 4, abs=1)


def test_ascii_is_ascii(both: EvalResult) -> None:
    text = both.to_text(ascii=True, title="Title")
    assert text.isascii()
    assert "[" in text
    assert "o" in text


def test_show_prints(both: EvalResult, capsys: pytest.CaptureFixture[str]) -> None:
    both.show()
    assert "exact_match" in capsys.readouterr().out


def test_data_cannot_break_out() -> None:
    r = result(estimate(model=NASTY), estimate(model=NASTY, slice=NASTY, value=NASTY), slices=[NASTY])
    page = r.to_html(title=NASTY, note=NASTY)
    checker = parsed(page)
    assert "script" not in checker.seen
    assert 'alert("x")' in checker.text
    assert "\x1b" not in page
    assert "\x1b" not in r.to_text(title=NASTY)


def test_html_stands_alone(both: EvalResult, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    page = both.to_html(path, title="Capitals", note="Simulated.")
    assert path.read_text(encoding="utf-8") == page
    checker = parsed(page)
    assert page.startswith("<!DOCTYPE html>")
    assert not {"link", "img", "iframe", "script"} & set(checker.seen)
    assert not re.search(r"https?://|url\(|@import", page)
    assert not {name for name, _ in checker.attributes} & {"src", "href", "onclick"}
    for part in ("prefers-color-scheme:dark", "viewport", "@container"):
        assert part in page
    for part in (
        "Capitals",
        "Simulated.",
        "0.863",
        "0.829 – 0.889",
        "rivers",
        "(none)",
        "Wilson",
        "rate limited",
        "$0.0123",
    ):
        assert part in checker.text, part


def test_html_draws_one_interval_each(both: EvalResult) -> None:
    page = both._repr_html_()
    assert page.count('class="point"') == 4 + 1
    assert page.count('class="band"') == 3 + 1
    assert "0.863, interval 0.829 to 0.889" in page
    assert "<html" not in page


def test_long_slices_are_cut() -> None:
    many = [estimate(slice="topic", value=f"<{i}>", usage=usage(n_rows=1000 + i)) for i in range(100)]
    r = result(estimate(), *many, slices=["topic"])
    for report, first in ((r.to_text(), 90), (parsed(r.to_html()).text, 60), (r.to_text(max_values=3), 97)):
        assert f"<{first}>" in report
        assert "<99>" in report
        assert f"<{first - 1}>" not in report
        assert f"{first} more values with fewer rows, all in the summary" in report


def test_no_rows() -> None:
    empty = estimate(
        estimate=None,
        lower=None,
        upper=None,
        n=0,
        n_null=0,
        method=None,
        reason="there are no rows",
        estimate_wrong=None,
        estimate_missing=None,
        usage=Usage(0, 0, 0, 0, {}, None, 0, None, None),
    )
    r = result(empty)
    assert "there are no rows" in r.to_text()
    assert "there are no rows" in parsed(r.to_html()).text
    assert r.cost_usd is None


def test_totals_and_lookups(both: EvalResult) -> None:
    assert both.cost_usd == pytest.approx(0.02469)
    assert both.input_tokens == 24690
    assert both.counts["small"]["timeout"] == 7
    assert both.estimate("exact_match", model="large", slice="topic", value="rivers").n == 100
    with pytest.raises(KeyError, match="say which: large, small"):
        both["exact_match"]
    with pytest.raises(KeyError, match="did you mean 'exact_match'"):
        both.estimate("exact_mach", model="large")
    with pytest.raises(KeyError, match="no row has the value 'lakes'"):
        both.estimate("exact_match", model="large", slice="topic", value="lakes")
    assert repr(both) == "EvalResult(exact_match[large]=0.863, exact_match[small]=0.710)"


def test_json(both: EvalResult, tmp_path: Path) -> None:
    both.to_json(tmp_path / "a" / "summary.json")
    summary = json.loads((tmp_path / "a" / "summary.json").read_text(encoding="utf-8"))
    assert summary["models"] == ["large", "small"]
    first = summary["summary"][0]
    assert (first["metric"], first["estimate"], first["n_by_status"]["refused"]) == ("exact_match", 0.8625, 8)
    assert set(first) >= {
        "level",
        "method",
        "n_rows",
        "n_ok",
        "n_failed",
        "cost_usd",
        "output_tokens",
        "outcome_policy",
    }


def test_answers_that_exist_have_no_cost() -> None:
    r = result(
        estimate(usage=usage(n_by_status={"ok": 480, "no_prediction": 20}, cost_usd=None, n_outcome=0, n_failed=20)),
        called=False,
    )
    text = r.to_text()
    assert "cost" not in text
    assert "20 rows had no answer. Such rows are missing from the estimates, not wrong" in text
    assert "tokens" not in parsed(r.to_html()).text


@pytest.fixture
def detailed(both: EvalResult) -> EvalResult:
    """With all that `details` may hold."""
    worst = Example("k1", "large", "ok", NASTY, ["right", NASTY], {"q": NASTY}, metric="exact_match", score=0.0)
    failed = Example(key="k2", model="small", status="timeout", prediction=None, references=[], input={}, error="late")
    both._details = Details(
        histograms=[Histogram("exact_match", "large", [0.0, 1.0], [60, 430])],
        latencies=[Latency("large", 480, (412.0, 1204.0, 5230.0), 60012.0)],
        worst=[worst],
        failed=[failed],
    )
    both.settings = {"seed": 3, "prompt": NASTY, "data": {"version": 7}}
    return both


def test_html_shows_the_details(detailed: EvalResult) -> None:
    page = detailed.to_html()
    checker = parsed(page)
    for part in ("Slices at a glance", "Distribution of scores", "1: 87.8 %", "412 ms", "1.2 s", "60 s", "timed out"):
        assert part in checker.text, part
    for part in ("Worst examples", "exact_match of large", "late", "What it takes", "version: 7"):
        assert part in checker.text, part
    assert not {"link", "img", "iframe", "script"} & set(checker.seen)
    assert "\x1b" not in page
    assert "<script" not in page


def test_a_slice_is_better_or_worse() -> None:
    def cell(metric: str, value: float, low: float, high: float) -> str:
        whole = estimate(metric=metric, estimate=0.5, lower=0.45, upper=0.55)
        part = estimate(metric=metric, slice="s", value="v", estimate=value, lower=low, upper=high)
        found = re.search(r"--h:var\(--(\w+)\);--a:(\d+)%", result(whole, part, slices=["s"]).to_html())
        assert found is not None
        return f"{found[1]} {found[2]}"

    assert cell("exact_match", 0.8, 0.7, 0.9) == "better 70"
    assert cell("exact_match", 0.2, 0.1, 0.3) == "worse 70"
    assert cell("wer", 0.8, 0.7, 0.9) == "worse 70"
    # The interval holds the value of all rows: pale.
    assert cell("exact_match", 0.6, 0.4, 0.8) == "better 14"


def test_the_diff_marks_what_is_missing_and_what_is_too_much() -> None:
    assert diff("the city of Rome", "the town of Rome") == [
        ("same", "the "),
        ("missing", "town"),
        ("extra", "city"),
        ("same", " of Rome"),
    ]
    assert nearest("in Rome", ["Paris", "Rome"]) == "Rome"
    assert nearest("x", []) is None


def test_markdown(both: EvalResult, tmp_path: Path) -> None:
    text = both.to_markdown(tmp_path / "a" / "r.md", title="T|x")
    assert (tmp_path / "a" / "r.md").read_text(encoding="utf-8") == text
    assert text.startswith("### T\\|x\n\n500 rows, 2 models\n")
    assert "| exact\\_match | large | 0.863 | 0.829 – 0.889 | 488 |" in text
    assert "<details><summary>exact_match by slice</summary>" in text
    assert "| topic | rivers | large |" in text
    nasty = result(estimate(model=NASTY)).to_markdown()
    assert re.search(r"(?<!\\)<script", nasty) is None
    assert all(line.count("|") - line.count("\\|") == 6 for line in nasty.splitlines() if "488" in line)


def test_junit(both: EvalResult) -> None:
    root = ElementTree.fromstring(both.to_junit())
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "0", "0")
    assert [case.get("name") for case in root.iter("testcase")][2:] == ["topic = rivers", "topic = None"]
