"""The line of progress, with a session that only says numbers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from pyspark.errors import PySparkException

from spark_assay import progress


class Session:
    """Gives progress, and says when it was asked twice."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.twice = threading.Event()
        self.error = error

    def sql(self, query: str) -> Session:
        assert "assay_progress()" in query
        self.asked += 1
        if self.asked >= 2:
            self.twice.set()
        if self.error:
            self.twice.set()
            raise self.error
        return self

    def first(self) -> list[str]:
        numbers = {"rows": self.asked * 10, "rows_failed": 1, "rows_per_second": 2.5, "cost_usd": 0.5}
        return [json.dumps({"active": True, "seconds_left": None, **numbers})]


def shown(session: Any, show: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PERIOD_S", 0.001)
    with progress.shown(session, show):
        if show:
            assert session.twice.wait(30)


def test_the_line_is_written_over_itself_and_stays_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown(Session(), True, monkeypatch)
    text = capsys.readouterr().err
    assert text.startswith("\rassay: 10 done, 1 failed, 2.5/s, $0.5000")
    assert "\rassay: 20 done" in text
    assert text.endswith("\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize("show", [False, None])
def test_nothing_is_asked_where_nothing_is_shown(
    show: bool | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session()
    shown(session, show, monkeypatch)
    assert session.asked == 0
    assert capsys.readouterr().err == ""


def test_a_session_that_fails_only_loses_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(PySparkException(message="gone"))
    shown(session, True, monkeypatch)
    assert session.asked == 1
    assert capsys.readouterr().err == ""


def test_the_words() -> None:
    numbers = {"rows": 5, "rows_failed": 0, "rows_per_second": 0.0, "cost_usd": 0, "seconds_left": 7260}
    assert progress.line(numbers) == "5 done, 0 failed, 0.0/s, $0.00, 2h01m left"
    waited = progress.line({**numbers, "quota_wait_ms": 61_000, "seconds_left": None, "cost_usd": 0.000123})
    assert waited == "5 done, 0 failed, 0.0/s, $0.000123, 1m01s waited for quota"
    quotas = [
        {"group": "m", "dimension": "requests", "limit": 9800, "used": 3920},
        {"group": "m", "dimension": "input_tokens", "limit": 10_000, "used": 500},
    ]
    assert progress.line({**numbers, "quotas": quotas}).endswith("$0.00, 40% of 9,800 requests a minute, 2h01m left")
