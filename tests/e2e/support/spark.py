"""Spark as users start it: spark-submit, spark-sql, the Connect server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.processes import Program

APPS = Path(__file__).resolve().parents[1] / "apps"
LOCAL_CLUSTER = "local-cluster[2,1,1024]"


class Installation:
    """A Spark installation with a jar to add to it.

    Its home is a folder of links to the `pyspark` package, so that what a local cluster writes there (the executors'
    logs under `work`) stays out of the package.
    """

    def __init__(self, package: Path, home: Path, jar: Path, python: str) -> None:
        self.jar = jar
        self.python = python
        self.home = home
        home.mkdir(parents=True)
        for part in package.iterdir():
            if part.name not in ("work", "__pycache__"):
                (home / part.name).symlink_to(part)

    def settings(self, folder: Path) -> dict[str, str]:
        """What every Spark of the tests is started with: small, on the loopback interface, files in `folder`."""
        options = (
            # These programs are short: compiling their code well would take longer than they run.
            f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.io.tmpdir={folder / 'tmp'} -Dderby.system.home={folder}"
        )
        return {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "1g",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": options,
            "spark.executor.extraJavaOptions": options,
            "spark.local.dir": str(folder / "local"),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.sql.shuffle.partitions": "4",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.catalogImplementation": "in-memory",
            # Tests ask the same again and count what they ask; those of journals and tables say so.
            "spark.assay.cache.mode": "off",
        }

    def start(
        self,
        program: str,
        arguments: Sequence[str | Path],
        *,
        folder: Path,
        name: str,
        master: str = "local[2]",
        conf: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        jar: Path | str | None = None,
        stdin: bool = False,
    ) -> Program:
        """Starts a program of `bin`, with its settings in a file, where a key does not stand on the command line."""
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        properties = folder / f"{name}.properties"
        settings = {**self.settings(folder), **{key: str(value) for key, value in (conf or {}).items()}}
        properties.write_text("".join(f"{key} {value}\n" for key, value in settings.items()), encoding="utf-8")
        command = [
            *(self.home / "bin" / program, "--master", master, "--properties-file", properties),
            *("--jars", jar or self.jar),
            *arguments,
        ]
        environment = {
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": self.python,
            "SPARK_CONF_DIR": str(folder / "no-conf"),
            **(env or {}),
        }
        return Program(command, folder=folder, name=name, env=environment, stdin=stdin)

    def run_texts(
        self, texts: Sequence[str], *, server: str, folder: Path, name: str, within: float = 240, **options: Any
    ) -> dict[str, Any]:
        """Runs SQL texts in a spark-submit of their own; see apps/run_sql.py."""
        job, results = folder / f"{name}.json", folder / f"{name}.results.json"
        folder.mkdir(parents=True, exist_ok=True)
        job.write_text(json.dumps({"server": server, "texts": list(texts)}), encoding="utf-8")
        program = self.start("spark-submit", [APPS / "run_sql.py", job, results], folder=folder, name=name, **options)
        try:
            program.succeed(within=within)
        finally:
            program.stop()
        return json.loads(results.read_text(encoding="utf-8"))

    def executor_logs(self) -> list[Path]:
        """The standard output and error of the executors of local clusters."""
        return sorted((self.home / "work").glob("app-*/*/std*"))


def executors(program: Program) -> list[int]:
    """The processes of the executors of a local cluster."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            is_executor = b"CoarseGrainedExecutorBackend" in (entry / "cmdline").read_bytes()
            if is_executor and os.getpgid(int(entry.name)) == program.process.pid:
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def model(
    name: str, *, endpoint: str, provider: str = "openai", served: str = "sim", **settings: Any
) -> dict[str, str]:
    """The settings of a model: `max_concurrency=8` gives `spark.assay.model.NAME.maxConcurrency`."""

    def camel(key: str) -> str:
        first, *rest = key.split("_")
        return first + "".join(part.title() for part in rest)

    given = {"provider": provider, "endpoint": endpoint, "model": served}
    given.update({camel(key): str(value) for key, value in settings.items()})
    return {f"spark.assay.model.{name}.{key}": value for key, value in given.items()}


def plan_has(plan: str, words: Iterable[str]) -> list[str]:
    """The words that are missing from the physical plan in the text of EXPLAIN."""
    physical = plan.split("== Physical Plan ==")[-1]
    return [word for word in words if word not in physical]
