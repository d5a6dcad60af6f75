"""A local cluster with the plugin: an executor that is killed, what stands in logs and event log, and the library that
`spark.assay.native.path` names."""

from __future__ import annotations

import json
import os
import re
import signal
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import assay
from support.processes import Program, wait_until
from support.spark import APPS, LOCAL_CLUSTER, Installation, executors, model
from support.testkit import Testkit

N = 3000
KEY = "sk-Sentinel0key"
WRONG_KEY = "sk-Sentinel1wrong"
AWS_KEY = "AKIASENTINEL5ID"
AWS_SECRET = "Sentinel6aws/secret"
HEADER = "Bearer-Sentinel2header"
PROMPT = "Sentinel3prompt"
ANSWER = "Sentinel4answer"
SENTINELS = (KEY, WRONG_KEY, AWS_KEY, AWS_SECRET, HEADER, PROMPT, ANSWER)
# Of every provider a model with a key: the first against the server, the others where nobody listens.
OTHERS = ("anthropic", "gemini", "openai_responses")
ABSENT = ("azure_openai", "bedrock", "http")


@dataclass
class Run:
    outcome: dict[str, Any]
    program: Program
    library: Path
    folder: Path
    executors_before: list[int]
    executor_logs: list[Path]
    requests: int
    distinct: int


def extract_library(jar: Path, folder: Path) -> Path:
    """A copy of the native library, as an administrator would put it on every host."""
    machine = os.uname().machine
    target = folder / "native" / "libassay-copy.so"
    target.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar) as archive:
        target.write_bytes(archive.read(f"native/linux-{machine}/libassay.so"))
    return target


@pytest.fixture(scope="module")
def run(installation: Installation, jar: Path, testkit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cluster")
    questions = folder / "questions.jsonl"
    with questions.open("w", encoding="utf-8") as file:
        for i in range(N):
            row = {"id": i, "question": f"{PROMPT} What is item {i}?", "answer": f"{ANSWER} {i}"}
            file.write(json.dumps(row) + "\n")
    (folder / "key").write_text(KEY, encoding="utf-8")
    library = extract_library(jar, folder)
    events = folder / "events"
    events.mkdir()
    results = folder / "results.json"
    server = Testkit.start(
        testkit_binary, folder, "--answers", str(questions), "--latency", "20ms", "--require-key", KEY
    )
    url = server.url
    absent = {"max_retries": 0}
    aws = {"aws.region": "us-east-1"}
    generic = {"http.body": '{"question": {{ prompt | tojson }}}', "http.answerPath": "$.answer"}
    conf = {
        "spark.plugins": "assay.AssayPlugin",
        "spark.assay.native.path": library,
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": f"file://{events}",
        # What assay.configure sets.
        "spark.redaction.regex": f"{assay.session._SPARK_REDACTION}|{assay.session._KEY_REDACTION}",
        "spark.executorEnv.ASSAY_E2E_KEY": KEY,
        "spark.executorEnv.AWS_ACCESS_KEY_ID": AWS_KEY,
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        "spark.ui.enabled": "true",
        "spark.ui.port": "0",
        **model("asked", endpoint=url, api_key_secret=KEY, max_concurrency=8),
        **model("env", endpoint=url, api_key_env="ASSAY_E2E_KEY"),
        **model("file", endpoint=url, api_key_file=folder / "key"),
        **model("header", endpoint=url, api_key_secret=KEY, **{"headers.Authorization-Copy": HEADER}),
        **model("wrong", endpoint=url, api_key_secret=WRONG_KEY),
        **model("down", endpoint="http://127.0.0.1:9/v1", api_key_secret=KEY, max_retries=0),
        **model("anthropic", provider="anthropic", endpoint=url, api_key_secret=KEY),
        **model("gemini", provider="gemini", endpoint=server.root, api_key_env="ASSAY_E2E_KEY"),
        **model("openai_responses", provider="openai_responses", endpoint=url, api_key_file=folder / "key"),
        **model("azure_openai", provider="azure_openai", endpoint="http://127.0.0.1:9", api_key_secret=KEY, **absent),
        **model("bedrock", provider="bedrock", endpoint="http://127.0.0.1:9", **absent, **aws),
        **model("http", provider="http", endpoint="http://127.0.0.1:9/ask", api_key_secret=KEY, **absent, **generic),
        **model("once", endpoint=url, api_key_secret=KEY, max_retries=0, max_concurrency=1),
    }
    known = set(installation.executor_logs())
    program = installation.start(
        "spark-submit",
        [APPS / "cluster_app.py", server.root, questions, results],
        folder=folder,
        name="cluster",
        master=LOCAL_CLUSTER,
        conf=conf,
    )
    try:
        program.line("kill an executor now", within=180)
        server.reset()
        wait_until(lambda: server.stats()["answered"] >= 200, within=60, what="calls to be under way")
        alive = executors(program)
        os.kill(alive[0], signal.SIGKILL)
        program.succeed(within=180)
        stats = server.stats()
    finally:
        program.stop()
        server.stop()
    return Run(
        outcome=json.loads(results.read_text(encoding="utf-8")),
        program=program,
        library=library,
        folder=folder,
        executors_before=alive,
        executor_logs=[log for log in installation.executor_logs() if log not in known],
        requests=stats["requests"],
        distinct=stats["distinct_keys"],
    )


def test_a_query_survives_the_death_of_an_executor(run: Run) -> None:
    assert len(run.executors_before) == 2
    assert run.outcome["after the kill"] == {"n": N, "ids": N, "ok": N, "right": N, "estimate": 1.0}
    assert run.distinct == N
    print(f"{run.requests} calls for {N} rows")
    assert run.requests <= 2 * N


def test_every_way_to_give_a_key_works_and_failures_are_statuses(run: Run) -> None:
    for name in ("asked", "env", "file", "header"):
        assert run.outcome[name] == {"ok": 20}, name
    for name in OTHERS:
        assert run.outcome[name] == {"ok": 20}, name
    for name in ABSENT:
        assert run.outcome[name] == {"network_error": 20}, name
    assert run.outcome["wrong"] == {"auth_failed": 20}
    assert run.outcome["down"] == {"network_error": 20}
    assert sum(run.outcome["once"].values()) == 10
    assert run.outcome["once"]["invalid_request"] == 5
    assert run.outcome["failed task"] == "USER_RAISED_EXCEPTION"
    assert run.outcome["planning"] == "ASSAY_UNKNOWN_MODEL"


def event_logs(run: Run) -> list[Path]:
    return [path for path in (run.folder / "events").rglob("*") if path.is_file() and path.stat().st_size]


@pytest.mark.parametrize("sentinel", SENTINELS)
def test_no_key_no_prompt_and_no_answer_in_any_log(run: Run, sentinel: str) -> None:
    shown = [run.folder / "explain.txt", run.folder / "ui.txt"]
    logs = [run.program.out, run.program.err, *run.executor_logs, *event_logs(run), *shown]
    assert len(run.executor_logs) >= 4
    leaks = []
    for log in logs:
        for number, line in enumerate(log.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for found in re.finditer(re.escape(sentinel), line):
                leaks.append(f"{log.name}:{number}: ...{line[max(0, found.start() - 150) : found.end() + 30]}")
    assert leaks == []


def test_the_logs_are_those_of_this_run(run: Run) -> None:
    """What is looked for above would be found: the logs and the event log have what may stand in them."""
    events = "".join(path.read_text(encoding="utf-8") for path in event_logs(run))
    assert "SparkListenerSQLExecutionStart" in events
    assert "llm_complete" in events
    assert '"spark.assay.model.asked.apiKeySecret":"*********(redacted)"' in events
    assert '"spark.assay.model.asked.maxConcurrency":"8"' in events
    plans, pages = ((run.folder / name).read_text(encoding="utf-8") for name in ("explain.txt", "ui.txt"))
    assert plans.count("Completion") >= len(OTHERS) + len(ABSENT)
    assert "Completion" in pages
    assert "spark.assay.model.asked.apiKeySecret" in pages
    assert "on purpose" in run.program.stderr
    assert any("on purpose" in log.read_text(encoding="utf-8", errors="replace") for log in run.executor_logs)


def test_driver_and_executors_load_the_library_that_the_setting_names(run: Run) -> None:
    says = f"Loaded Assay 0.1.0 from {run.library}"
    assert run.program.stderr.count(says) == 1
    per_executor = [log.read_text(encoding="utf-8").count(says) for log in run.executor_logs if log.name == "stderr"]
    assert len(per_executor) >= 2
    assert set(per_executor) == {1}
    assert list((run.folder / "tmp").glob("assay-native-*")) == []
