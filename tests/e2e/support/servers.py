"""Servers that this project did not write: llmock, WireMock and toxiproxy, each run by its own program."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.processes import Program, wait_until
from support.testkit import http


def installed(variable: str, what: str) -> Path:
    """The path that an environment variable gives; without it the test is skipped, aloud."""
    path = os.environ.get(variable)
    if not path or not Path(path).exists():
        pytest.skip(f"{what} is not installed ({variable}); nothing was proven against it")
    return Path(path)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class LLMock:
    """A running llmock, which says what it was asked and how it judges who asked."""

    def __init__(self, python: Path, folder: Path, *arguments: str) -> None:
        self._python = python
        self._command = [python.parent / "llmock", "serve", "--host", "127.0.0.1", *arguments]
        self._folder = folder
        self._starts = 0
        self.port = 0
        self.start()

    def start(self) -> None:
        """Starts it, on the port that it had before."""
        self._starts += 1
        self.program = Program(
            [*self._command, "--port", str(self.port), "--response-style", "echo", "--log-level", "info"],
            folder=self._folder,
            name=f"llmock-{self._starts}",
        )
        self.port = int(self.program.line(r"Uvicorn running on http://127\.0\.0\.1:(\d+)", within=60)[1])
        self.root = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.program.stop()

    def version(self) -> str:
        code = "import importlib.metadata; print(importlib.metadata.version('llmock'))"
        return subprocess.run([self._python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    def scenario(self, *behaviors: dict[str, Any]) -> None:
        http("POST", f"{self.root}/_llmock/scenario", {"behaviors": list(behaviors)})

    def reset(self) -> None:
        http("POST", f"{self.root}/_llmock/reset", {})

    def requests(self) -> list[dict[str, Any]]:
        found = http("GET", f"{self.root}/_llmock/requests")
        return found["requests"] if isinstance(found, dict) else found

    def verdict(self) -> dict[str, Any]:
        return http("GET", f"{self.root}/_llmock/verdict")


class Moto:
    """A running moto: the S3 API over buckets in its memory."""

    def __init__(self, python: Path, folder: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self._program = Program(
            [python.parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)], folder=folder, name="moto"
        )
        self._program.line(rf"Running on {self.root}", within=60)
        self._request("PUT", "/evals")

    def stop(self) -> None:
        self._program.stop()

    def _request(self, method: str, path: str) -> bytes:
        # Any signature will do.
        signed = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        }
        with urllib.request.urlopen(urllib.request.Request(self.root + path, method=method, headers=signed)) as answer:
            return answer.read()

    def keys(self, prefix: str) -> list[str]:
        """The objects of the bucket."""
        return re.findall(r"<Key>([^<]+)</Key>", self._request("GET", f"/evals?list-type=2&prefix={prefix}").decode())

    def settings(self) -> dict[str, str]:
        """How Spark reaches it: s3a://evals/..."""
        return {
            "spark.hadoop.fs.s3a.endpoint": self.root,
            "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
            "spark.hadoop.fs.s3a.access.key": "test",
            "spark.hadoop.fs.s3a.secret.key": "test",
        }


class WireMock:
    """A running WireMock, which answers as it is told and says how often it was asked."""

    def __init__(self, jar: Path, folder: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self._admin = f"{self.root}/__admin"
        options = ["--port", str(port), "--bind-address", "127.0.0.1", "--disable-banner"]
        self.program = Program(
            ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", jar, *options], folder=folder, name="wiremock"
        )
        wait_until(self._is_up, within=60, what="WireMock to be up")
        found = re.search(r"(\d+(?:\.\d+)+)", jar.name)
        self._version = found[1] if found else jar.name

    def _is_up(self) -> bool:
        assert self.program.process.poll() is None, self.program.tail()
        try:
            http("GET", f"{self._admin}/mappings")
        except urllib.error.URLError:
            return False
        return True

    def stop(self) -> None:
        self.program.stop()

    def version(self) -> str:
        return self._version

    def answer(self, *responses: dict[str, Any]) -> None:
        """Answers the first request by the first response, and so on; the last is for all that follow."""
        http("DELETE", f"{self._admin}/mappings")
        http("DELETE", f"{self._admin}/requests")
        http("POST", f"{self._admin}/scenarios/reset", {})
        for i, response in enumerate(responses):
            stub: dict[str, Any] = {"request": {"method": "POST", "urlPattern": ".*"}, "response": response}
            if len(responses) > 1:
                state = "Started" if i == 0 else str(i)
                stub |= {"scenarioName": "in turn", "requiredScenarioState": state}
                if i + 1 < len(responses):
                    stub["newScenarioState"] = str(i + 1)
            http("POST", f"{self._admin}/mappings", stub)

    def requests(self) -> list[dict[str, Any]]:
        """What came, in the order of its coming."""
        found = http("GET", f"{self._admin}/requests")["requests"]
        return sorted((entry["request"] for entry in found), key=lambda request: request["loggedDate"])


class Toxiproxy:
    """A running toxiproxy; every proxy of it stands before one server."""

    def __init__(self, program: Path, folder: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.program = Program([program, "-host", "127.0.0.1", "-port", str(port)], folder=folder, name="toxiproxy")
        wait_until(self._is_up, within=30, what="toxiproxy to be up")
        self._proxies = 0
        # A program that `go install` has built does not know its version; scripts/e2e names the folder by it.
        self._version = program.parent.name.removeprefix("v")

    def _is_up(self) -> bool:
        assert self.program.process.poll() is None, self.program.tail()
        try:
            http("GET", f"{self.root}/proxies")
        except urllib.error.URLError:
            return False
        return True

    def stop(self) -> None:
        self.program.stop()

    def version(self) -> str:
        return self._version

    def proxy(self, upstream: str, *toxics: dict[str, Any]) -> Proxy:
        """A new proxy before `upstream` (host:port) with these toxics, for instance
        `{"type": "latency", "attributes": {"latency": 100}}`; downstream where `stream` says nothing else."""
        self._proxies += 1
        name = f"p{self._proxies}"
        told = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": True}
        listen = http("POST", f"{self.root}/proxies", told)["listen"]
        for i, toxic in enumerate(toxics):
            http("POST", f"{self.root}/proxies/{name}/toxics", {"name": str(i), "toxicity": 1.0, **toxic})
        return Proxy(f"{self.root}/proxies/{name}", f"http://{listen}")


class Proxy:
    """One proxy."""

    def __init__(self, admin: str, root: str) -> None:
        self._admin = admin
        self.root = root

    def enable(self, is_enabled: bool) -> None:
        """Opens its port, or closes it and all that runs through it."""
        http("POST", self._admin, {"enabled": is_enabled})

    def remove(self) -> None:
        http("DELETE", self._admin)


def sse(*events: tuple[str | None, Any]) -> str:
    """Server-sent events: (name or None, data)."""
    text = ""
    for name, data in events:
        text += f"event: {name}\n" if name else ""
        text += f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
    return text
