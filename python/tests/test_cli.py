"""The command, with plain SQL in the engine's place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_assay import cli, job

FILE = """\
data:
  format: json
  path: {folder}/questions.jsonl
prediction: answer
reference: expected
key: id
slices: [topic]
output:
  html: {folder}/out/report.html
  json: {folder}/out/summary.json
  rows: {folder}/out/rows
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [{"id": i, "topic": "ab"[i % 2], "answer": "A" if i % 3 else "B", "expected": "A"} for i in range(30)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = tmp_path / "eval.yaml"
    path.write_text(FILE.format(folder=tmp_path))
    return path


def run(file: Path, spark: SparkSession, *overrides: str) -> int:
    return cli.run(str(file), overrides=overrides, new_session=lambda: spark)


@pytest.mark.standin
def test_a_run_writes_everything(file: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file, spark) == 0
    out = capsys.readouterr().out
    assert "30 rows, 1 set of answers" in out
    assert f"Report: {file.parent}/out/report.html" in out
    assert "exact_match" in (file.parent / "out/report.html").read_text(encoding="utf-8")
    summary = json.loads((file.parent / "out/summary.json").read_text(encoding="utf-8"))
    assert summary["summary"][0]["n"] == 30
    assert spark.read.parquet(str(file.parent / "out/rows")).count() == 30


@pytest.mark.standin
@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("reference=expcted", "--set reference: reference: there is no column 'expcted'; did you mean 'expected'?"),
        ("slices=[topik]", "--set slices: slices: there is no column 'topik'"),
        ("data.path=/no/such/file", "eval.yaml:1: [PATH_NOT_FOUND]"),
        ("data.format=nothing", "eval.yaml:1: [DATA_SOURCE_NOT_FOUND]"),
        ("output.html=/", "--set output.html: / is a folder"),
    ],
)
def test_mistakes_are_told_with_their_place(
    file: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str], override: str, says: str
) -> None:
    assert run(file, spark, override) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.standin
def test_what_only_the_data_show_is_a_failure(
    file: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(file, spark, "key=topic") == 1
    assert capsys.readouterr().err.startswith("assay: key 'topic' is not unique")


def test_a_bad_file_never_starts_spark(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("data: {table: t}\nprediction: p\nrefrence: r\n")
    assert cli.run(str(file), overrides=[], new_session=lambda: pytest.fail("Spark was started")) == 2
    assert capsys.readouterr().err == f"{file}:3: an evaluation has no key 'refrence'; did you mean 'reference'?\n"


@pytest.mark.parametrize("arguments", [[], ["run"], ["walk"], ["run", "x", "--spark-conf", "novalue"]])
def test_wrong_commands(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(arguments)
    assert error.value.code == 2


def test_the_module_is_the_command(tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "spark_assay", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=Path(cli.__file__).parent.parent, check=False
        )

    version = call("--version")
    assert (version.returncode, version.stdout) == (0, "assay 0.1.0\n")
    missing = call("run", str(tmp_path / "none.yaml"))
    assert missing.returncode == 2
    assert missing.stderr.endswith("none.yaml: cannot be read: No such file or directory\n")


def test_the_job_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main([]) == 2
    assert "usage: spark-submit" in capsys.readouterr().err
    assert job.main(["/no/such.yaml"]) == 2
