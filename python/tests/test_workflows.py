"""Workflows and the Databricks bundle as far as they can be checked from here: what they name is there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_docs import check_keys, fences

from spark_assay import config, job, rules, session

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
BUNDLE = ROOT / "examples/databricks"
PAGE = (ROOT / "docs/howto/databricks.md").read_text(encoding="utf-8")


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for one in workflow["jobs"].values() for step in one["steps"]]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 takes the key on for true.
    return {"on" if key is True else key: value for key, value in found.items()}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_what_is_there(path: Path) -> None:
    workflow = read(path)
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    assert "secrets." not in path.read_text(encoding="utf-8")
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@(release/)?v\d+(\.\d+)*", step["uses"]), step["uses"]
        for script in re.findall(r"scripts/\w+", step.get("run", "")):
            assert os.access(ROOT / script, os.X_OK), script
        for file in re.findall(r"scala-shim/[\w/.-]+", step.get("run", "")):
            assert (ROOT / file).is_file(), file
    assert all("timeout-minutes" in one for one in workflow["jobs"].values() if "scripts/" in str(one))


def test_ci_runs_the_tests() -> None:
    workflow = read(ROOT / ".github/workflows/ci.yml")
    ran = [step.get("run") for step in steps(workflow)]
    assert "scripts/test" in ran
    assert "scripts/docs site" in ran
    with_ = {step["uses"].split("@")[0]: step.get("with", {}) for step in steps(workflow) if "uses" in step}
    assert with_["actions/setup-java"]["java-version"] == "17"
    assert with_["actions/setup-python"]["python-version"] == "3.11"


def test_a_release_publishes_without_a_token() -> None:
    workflow = read(ROOT / ".github/workflows/release.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    publish = workflow["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert not any("password" in step.get("with", {}) for step in publish["steps"])
    assert {"scripts/build", "scripts/wheel"} <= {step.get("run") for step in workflow["jobs"]["build"]["steps"]}


def bundle() -> dict[str, Any]:
    return read(BUNDLE / "databricks.yml")


def test_the_bundle_names_what_is_there() -> None:
    text = (BUNDLE / "databricks.yml").read_text(encoding="utf-8")
    asked = bundle()["resources"]["jobs"]["evaluate"]
    assert set(re.findall(r"\$\{var\.(\w+)\}", text)) == set(bundle()["variables"])
    assert set(re.findall(r"\{\{job\.parameters\.(\w+)\}\}", text)) == {p["name"] for p in asked["parameters"]}
    clusters = {one["job_cluster_key"]: one["new_cluster"] for one in asked["job_clusters"]}
    tasks = {task["task_key"]: task for task in asked["tasks"]}
    for task in tasks.values():
        assert task["job_cluster_key"] in clusters
        assert (BUNDLE / task["spark_python_task"]["python_file"]).is_file()
        assert task["libraries"] == [{"whl": "./dist/*.whl"}]
        assert all(other["task_key"] in tasks for other in task.get("depends_on", ()))
    for cluster in clusters.values():
        assert "scala2.13" in cluster["spark_version"]
        for script in cluster["init_scripts"]:
            place = script["workspace"]["destination"].removeprefix("${workspace.file_path}/")
            assert (BUNDLE / place).is_file()


def test_the_cluster_is_set_as_the_documentation_says() -> None:
    cluster = bundle()["resources"]["jobs"]["evaluate"]["job_clusters"][0]["new_cluster"]
    conf = cluster["spark_conf"]
    assert conf["spark.plugins"] == session.PLUGIN
    assert conf["spark.sql.extensions"] == session.EXTENSIONS
    others = set(conf) - {"spark.plugins", "spark.sql.extensions"}
    assert all(key.startswith("spark.assay.") for key in others)
    check_keys("\n".join(others))
    shown = next(block for block in fences(PAGE, "text") if "spark.plugins" in block)
    pairs = dict(line.split(" ", 1) for line in shown.splitlines())
    assert set(pairs) <= set(conf)
    assert all(conf[key] == value for key, value in pairs.items() if "main" not in value)


def test_the_init_script() -> None:
    script = BUNDLE / "src/install_jar.sh"
    text = script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True)
    variables = bundle()["resources"]["jobs"]["evaluate"]["job_clusters"][0]["new_cluster"]["spark_env_vars"]
    assert set(re.findall(r"\$\{(\w+)", text)) <= set(variables)
    names = (ROOT / "scripts/lib.sh").read_text(encoding="utf-8")
    jar = re.search(r'^JAR="\$BUILD/(.*)\$VERSION\.jar"', names, flags=re.MULTILINE)
    assert jar is not None
    assert f"{jar[1]}*.jar" in text
    assert [line for line in fences(PAGE, "sh")[0].splitlines()[1:] if line not in text] == []


def test_files_for_the_volume() -> None:
    overrides = ["output.rows=main.evals.nightly_1", "output.html=/Volumes/a/b/c/r.html"]
    checked = config.load(BUNDLE / "eval.yaml", overrides)
    assert checked.output.rows == "main.evals.nightly_1"
    variables = bundle()["resources"]["jobs"]["evaluate"]["job_clusters"][0]["new_cluster"]["spark_env_vars"]
    assert {model["api_key_env"] for model in checked.models.values()} <= set(variables)
    labels = {metric.label for metric in checked.metrics}
    assert {rule.metric for rule in rules.load(BUNDLE / "gate.yaml")} <= {*labels, *rules.COUNTED}
    for file in re.findall(r"^\| `([^|]+)` \|", PAGE.split("## A job")[1], flags=re.MULTILINE):
        for name in re.findall(r"[\w./]+", file.replace("`", "")):
            assert (BUNDLE / name).is_file(), name


def test_the_task_calls_the_entry_point_of_jobs() -> None:
    text = (BUNDLE / "src/evaluate.py").read_text(encoding="utf-8")
    assert "job.main(sys.argv[1:])" in text
    assert callable(job.main)
