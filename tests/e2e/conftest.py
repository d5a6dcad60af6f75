"""The real jar on a real Spark, and everything that must be running for it.

Settings, all from the environment: ASSAY_JAR (the jar), ASSAY_TESTKIT (the test server's program), ASSAY_SPARK (4.1 or 4.0,
to be what this Python's pyspark is), ASSAY_CLIENT_PYTHON (a Python with the Spark Connect client only),
ASSAY_LLMOCK_PYTHON and ASSAY_LLAMA_PYTHON (Pythons with independent servers), ASSAY_WIREMOCK (a jar) and ASSAY_TOXIPROXY
(a program), ASSAY_COMPLIANCE (a file for how each fault ended), ASSAY_SHARED (the folder with `data/`),
ASSAY_ROWS (how many rows the counts are made on), ASSAY_STORM_ROWS (how many the storm has), ASSAY_SOAK (a file for the
measurements of the long form). scripts/e2e sets them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession
from support.cache import DELTA
from support.spark import Installation
from support.testkit import Testkit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import spark_assay as assay  # noqa: E402


def _path(variable: str) -> Path:
    value = os.environ.get(variable)
    assert value, f"{variable} is not set; run scripts/e2e"
    path = Path(value)
    assert path.exists(), f"{variable} names {value}, which does not exist"
    return path


@pytest.fixture(scope="session", autouse=True)
def no_process_died(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A JVM that native code takes down leaves a report where it ran, whatever its last words to a client were."""
    yield
    folder = tmp_path_factory.getbasetemp()
    reports = [path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("hs_err_pid*.log")]
    assert not reports, reports[0][:3000]


@pytest.fixture(scope="session")
def spark_version() -> str:
    wanted = os.environ.get("ASSAY_SPARK", "4.1")
    assert pyspark.__version__.startswith(f"{wanted}."), f"ASSAY_SPARK is {wanted}, pyspark is {pyspark.__version__}"
    return wanted


@pytest.fixture(scope="session")
def jar() -> Path:
    return _path("ASSAY_JAR")


@pytest.fixture(scope="session")
def testkit_binary() -> Path:
    return _path("ASSAY_TESTKIT")


@pytest.fixture(scope="session")
def installation(spark_version: str, jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    package = Path(pyspark.__file__).parent
    return Installation(package, tmp_path_factory.mktemp("home") / "spark", jar, sys.executable)


@pytest.fixture(scope="session")
def questions() -> Path:
    """Questions with their answers: what the test server knows."""
    return ROOT / "examples" / "data" / "questions.jsonl"


@pytest.fixture(scope="session")
def testkit(testkit_binary: Path, questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testkit]:
    """A server that answers at once and right."""
    server = Testkit.start(testkit_binary, tmp_path_factory.mktemp("testkit"), "--answers", str(questions))
    yield server
    server.stop()


@pytest.fixture
def start_testkit(testkit_binary: Path, tmp_path: Path) -> Iterator[Callable[..., Testkit]]:
    """Starts test servers with arguments of their own; they end with the test."""
    started: list[Testkit] = []

    def start(*arguments: str) -> Testkit:
        started.append(Testkit.start(testkit_binary, tmp_path, *arguments, name=f"testkit-{len(started)}"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _delta() -> dict[str, str]:
    """Delta, for tables of answers."""
    listed = os.environ.get("ASSAY_DELTA")
    if not listed:
        return {}
    return {**DELTA, "spark.jars": Path(listed).read_text(encoding="utf-8").replace(":", ",")}


@pytest.fixture(scope="session")
def spark(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session in this process as `assay.configure` makes it: the jar found by its service file, by
    spark.sql.extensions and as a plugin, all at once."""
    folder = tmp_path_factory.mktemp("classic")
    (folder / "tmp").mkdir()
    os.environ["SPARK_HOME"] = str(installation.home)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master("local[2]").appName("assay end to end")
    settings = {
        **installation.settings(folder),
        **_delta(),
        "spark.driver.memory": os.environ.get("ASSAY_DRIVER_MEMORY", "2g"),
        # This one lives long enough to be compiled well.
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder / 'tmp'}",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = assay.configure(builder).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield assay.use(session)
    session.stop()


class Soak:
    """Measurements of the long form, kept as lines of JSON for docs/soak.md; the short form drops them."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def add(self, part: str, what: str, *, rows: int, seconds: float, calls: int, **more: Any) -> None:
        if self.path:
            git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
            commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
            line = {"part": part, "what": what, "rows": rows, "seconds": round(seconds, 1), "calls": calls, **more}
            line["commit"] = commit
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


@pytest.fixture(scope="session")
def soak() -> Soak:
    return Soak(os.environ.get("ASSAY_SOAK"))


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    """Seconds since the test began."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun
