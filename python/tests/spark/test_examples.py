"""Every example that users see runs: docstrings, READMEs, the notebook, the evaluation file, the job and the demo."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_assay import _functions, cli, job

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "python"
QUESTIONS = ROOT / "examples" / "data" / "questions.jsonl"
EVAL = str(ROOT / "examples" / "eval.yaml")
# The file is meant to be run from the root; the session of these tests may live elsewhere.
HERE = [f"data.path={QUESTIONS}"]
needs_questions = pytest.mark.skipif(not QUESTIONS.is_file(), reason=f"needs {QUESTIONS}")


@pytest.mark.parametrize(
    "name",
    [
        *(f"_functions.{module.name}" for module in pkgutil.iter_modules(_functions.__path__)),
        "session",
        "evaluate",
        "gate",
        "preview",
    ],
)
def test_docstrings(spark: SparkSession, name: str) -> None:
    module = importlib.import_module(f"spark_assay.{name}")
    failed, tried = doctest.testmod(module, extraglobs={"spark": spark, "F": F})
    assert tried > 0
    assert failed == 0


def blocks(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "python/README.md",
        "docs/custom-metrics.md",
        "docs/evaluation.md",
        "docs/howto/cache.md",
        "docs/howto/databricks.md",
        "docs/howto/from-spark-llm-eval.md",
        "docs/howto/keys.md",
        "docs/howto/rate-limits.md",
        "docs/index.md",
    ],
)
def test_readme(classic: SparkSession, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks(ROOT / name)
    if not found:
        pytest.skip(f"{name} has no Python example")
    names: dict[str, Any] = {}
    for block in found:
        exec(compile(block, name, "exec"), names)


def test_pages_with_commands(classic: SparkSession, tmp_path: Path) -> None:
    """Their files, commands and Python, in order and in an empty folder."""
    pages = [str(ROOT / "docs" / name) for name in ("tutorial.md", "howto/ci-gate.md")]
    command = [sys.executable, str(Path(__file__).with_name("run_pages.py")), *pages]
    submit = "--conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 pyspark-shell"
    environment = {
        **os.environ,
        "PYTHONPATH": str(PYTHON),
        "PYTHONIOENCODING": "utf-8",
        "PYSPARK_SUBMIT_ARGS": submit,
    }
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    shown = re.findall(r"^```text\n(.*?)^```", Path(pages[1]).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert shown
    assert all(text in done.stdout for text in shown)
    assert "0.215 – 0.785" in done.stdout
    for made in ("capitals.html", "contains.html", "contains.md", "contains.xml", "bot.html", "gate.xml", "gate.md"):
        assert (tmp_path / made).is_file()


def test_tasks_of_the_databricks_bundle(
    classic: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ROOT / "examples" / "databricks" / "src"
    (tmp_path / "a.csv").write_text("id,answer\n" + "".join(f"{i},a\n" for i in range(400)), encoding="utf-8")
    (tmp_path / "eval.yaml").write_text(
        f"data: {tmp_path}/a.csv\nprediction: answer\nreference: answer\nkey: id\n", encoding="utf-8"
    )
    run, rules = str(tmp_path / "run"), ROOT / "examples" / "databricks" / "gate.yaml"
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(tmp_path / "eval.yaml"), f"output.rows={run}"])
    runpy.run_path(str(source / "evaluate.py"), run_name="__main__")
    monkeypatch.setattr(sys, "argv", ["gate.py", str(rules), run, run])
    runpy.run_path(str(source / "gate.py"), run_name="__main__")
    assert "Gate: PASS" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(tmp_path / "no.yaml")])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(source / "evaluate.py"), run_name="__main__")


def test_metrics_page(spark: SparkSession) -> None:
    """The examples of docs/metrics.md, in one query."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```sql\nSELECT (.*);\n-- (.*)\n```$", page, flags=re.MULTILINE)
    assert len(examples) == page.count("```sql") > 30
    query = "SELECT " + ", ".join(f"CAST((SELECT {example}) AS STRING)" for example, _ in examples)
    found = spark.sql(query).first()
    assert found is not None
    wrong = [
        f"{example}: {value}, not {said}"
        for (example, said), value in zip(examples, found, strict=True)
        if value != said
    ]
    assert not wrong


def test_notebook(classic: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    names: dict[str, Any] = {}
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])
    for i, cell in enumerate(code):
        exec(compile(cell, f"cell {i}", "exec"), names)
    assert names["result"].estimate("exact_match", slice="topic", value="capitals").n == 3


@needs_questions
def test_evaluation_file(classic: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = [*HERE, f"output.html={tmp_path}/r.html", f"output.json={tmp_path}/r.json"]
    assert cli.run(EVAL, overrides=overrides, new_session=lambda: classic) == 0
    summary = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert summary["counts"]["simulated"]["ok"] == len(QUESTIONS.read_text(encoding="utf-8").splitlines())
    assert summary["cost_usd"] > 0


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("models.simulated.provider=opnai", r"eval\.yaml:11: .*ASSAY_UNKNOWN_PROVIDER.*did you mean 'openai'"),
        ("prompt={{qestion}}", r"--set prompt: .*TEMPLATE_VARIABLE.*did you mean 'question'"),
        ("options.temprature=1", r"eval\.yaml:\d+: .*ASSAY_UNKNOWN_OPTION.*did you mean 'temperature'"),
    ],
)
@needs_questions
def test_mistakes_in_an_evaluation_file(
    classic: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, says: str
) -> None:
    key, _, value = override.partition("=")
    quoted = f"{key}='{value}'" if "{" in value else override
    overrides = [*HERE, f"output.html={tmp_path}/r.html", f"output.json={tmp_path}/r.json", quoted]
    assert cli.run(EVAL, overrides=overrides, new_session=lambda: classic) == 2
    assert re.search(says, capsys.readouterr().err)


@needs_questions
def test_job_under_spark_submit(classic: SparkSession, tmp_path: Path) -> None:
    jar = os.environ["ASSAY_JAR"]
    import pyspark

    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [
        str(submit),
        "--master=local[2]",
        "--conf=spark.ui.enabled=false",
        f"--jars={jar}",
        str(Path(job.__file__)),
        "examples/eval.yaml",
        f"output.html={tmp_path}/r.html",
        f"output.json={tmp_path}/r.json",
    ]
    path = os.pathsep.join(filter(None, [str(PYTHON), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "exact_match" in done.stdout
    assert (tmp_path / "r.html").is_file()


@needs_questions
def test_command_in_its_own_process(classic: SparkSession, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "spark_assay", "run", "examples/eval.yaml", "--master=local[2]"),
        *("--spark-conf=spark.ui.enabled=false", "--set", f"output.html={tmp_path}/r.html"),
        *("--set", f"output.json={tmp_path}/r.json"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(PYTHON), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "95 % interval" in done.stdout
    assert f"Report: {tmp_path}/r.html" in done.stdout


@needs_questions
@pytest.mark.skipif("ASSAY_TESTKIT" not in os.environ, reason="needs ASSAY_TESTKIT, the path of assay-testkit")
def test_demo(classic: SparkSession) -> None:
    command = [sys.executable, "examples/demo.py", "--limit", "60"]
    environment = {**os.environ, "PYTHONPATH": str(PYTHON), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("These models are simulated")
    assert "sim-large" in done.stdout
    assert "These models are simulated" in (ROOT / ".build/demo/report.html").read_text(encoding="utf-8")
