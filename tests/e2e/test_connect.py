"""Spark Connect: a server with the jar, and a client that has neither a JVM nor py4j."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from support.processes import Program
from support.spark import Installation
from support.testkit import Testkit

CLIENT = Path(__file__).parent / "apps" / "connect_client.py"
# Read, not imported: this Python must not need what the client's has.
CASES = re.findall(r"^def (case_\w+)", CLIENT.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def client_python() -> str:
    python = os.environ.get("ASSAY_CLIENT_PYTHON")
    assert python, "ASSAY_CLIENT_PYTHON is not set; run scripts/e2e"
    return python


@dataclass
class Server:
    remote: str
    program: Program
    folder: Path


@pytest.fixture(scope="module")
def server(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("connect")
    program = installation.start(
        "spark-submit",
        ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"],
        folder=folder,
        name="connect-server",
        conf={"spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": "0"},
    )
    try:
        port = program.line(r"Spark Connect server started at: \S*?:(\d+)\b", within=120)[1]
        yield Server(f"sc://127.0.0.1:{port}", program, folder)
    finally:
        program.stop()


@pytest.fixture(scope="module")
def outcome(
    server: Server, testkit: Testkit, client_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str | None]:
    """What became of each case of the client."""
    folder = tmp_path_factory.mktemp("connect-client")
    results = folder / "results.json"
    program = Program(
        [client_python, CLIENT, server.remote, testkit.root, results],
        folder=folder,
        name="connect-client",
        env={"PYTHONPATH": str(ROOT / "python")},
    )
    try:
        program.succeed(within=240)
    finally:
        program.stop()
        testkit.reset()
    return json.loads(results.read_text(encoding="utf-8"))


def test_the_client_has_no_py4j_and_no_jars(client_python: str) -> None:
    code = "import pyspark, os; print(os.path.exists(os.path.join(os.path.dirname(pyspark.__file__), 'jars'))); import py4j"
    done = subprocess.run([client_python, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "False"
    assert done.returncode != 0
    assert "No module named 'py4j'" in done.stderr


@pytest.mark.parametrize("case", CASES)
def test_connect_client(outcome: dict[str, str | None], case: str) -> None:
    assert case in outcome
    assert outcome[case] is None, f"\n{outcome[case]}"


def test_two_sessions_load_the_library_once(outcome: dict[str, str | None], server: Server) -> None:
    assert outcome
    assert server.program.stderr.count("NativeLibrary: Loaded Assay") == 1
    assert len(list((server.folder / "tmp").glob("assay-native-*/libassay-*.so"))) == 1
