"""``assay init``: whatever the columns are called, what it writes is a file that ``assay run`` takes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from spark_assay import cli, config, starter
from spark_assay.errors import DataError


def written(data: str, columns: dict[str, list[Any]]) -> config.EvalConfig:
    return config.check(config.parse(starter.text(data, columns), "eval.yaml"))


def test_columns_find_their_places() -> None:
    columns = {
        "id": ["1", "2", "3", "4"],
        "question": ["a", "b", "c", "d"],
        "expected": ["x", "y", "z", "w"],
        "topic": ["s", "t", "s", "t"],
    }
    c = written("qa.csv", columns)
    assert c.data.source().format_of_files() == "csv"
    assert (c.key, c.reference, c.prompt, c.slices) == (["id"], "expected", "{{ question }}", ["topic"])
    assert (c.prediction, list(c.models)) == (None, ["gpt-mini"])
    c = written("qa.csv", {**columns, "answer": ["x", "x", "x", "x"]})
    assert (c.prediction, c.models, c.prompt) == ("answer", {}, None)


def test_a_key_that_is_not_unique_is_none() -> None:
    assert written("x.jsonl", {"id": [1, 1], "question": ["a", "b"], "answer": ["c", "d"]}).key is None


def test_odd_names_stay_what_they_are() -> None:
    odd = "no: 'quotes' # {{ }}"
    columns = {odd: ["a", "b", "a", "b"], "x y": ["c", "d", "e", "f"], "true": ["g", "h", "i", "j"]}
    c = written("a b/c: d.csv", columns)
    assert c.data.path == "a b/c: d.csv"
    assert c.slices == [odd]


def test_files_that_python_reads(tmp_path: Path) -> None:
    def no_session() -> Any:
        pytest.fail("Spark was started")

    (tmp_path / "a.csv").write_text('\ufeffid,q\n1,"two\nlines"\n', encoding="utf-8")
    assert starter.look(str(tmp_path / "a.csv"), no_session) == {"id": ["1"], "q": ["two\nlines"]}
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"id\tq\n1\ta,b\n"))
    assert starter.look(str(tmp_path / "a.tsv.gz"), no_session) == {"id": ["1"], "q": ["a,b"]}
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"id": 2, "q": ["a"]}\n')
    assert starter.look(str(tmp_path / "a.jsonl"), no_session) == {"id": [1, 2], "q": [None, ["a"]]}
    for name, text, says in (
        ("e.csv", "id,q\n", "has no rows"),
        ("e.json", "[1, 2]\n", "each line must be a JSON object"),
        ("f.json", "{", "cannot be read as json"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=says):
            starter.look(str(tmp_path / name), no_session)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("qa.csv").write_text("id,question,expected\n1,a,b\n")
    assert cli.main(["init", "qa.csv"]) == 0
    assert config.load("eval.yaml").reference == "expected"
    assert cli.main(["init", "qa.csv"]) == 2
    assert "eval.yaml is there already; --force replaces it" in capsys.readouterr().err
    assert cli.main(["init", "qa.csv", "--force", "-o", "eval.yaml"]) == 0
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["title"] == "An evaluation of Assay"
