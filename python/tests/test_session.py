from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import spark_assay as assay
from spark_assay import session


class Builder:
    """What `configure` needs of ``SparkSession.builder``."""

    def __init__(self, **options: str) -> None:
        self._options: dict[str, Any] = {key.replace("__", "."): value for key, value in options.items()}

    def config(self, key: str, value: str) -> Builder:
        self._options[key] = value
        return self


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("SPARK_REMOTE", "SPARK_HOME", "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    # Whatever session other tests have, this is about a process without one.
    monkeypatch.setattr("pyspark.SparkConf.getAll", lambda self: [])
    jar = tmp_path / "spark-assay_2.13-0.1.0.jar"
    jar.touch()
    monkeypatch.setenv("ASSAY_JAR", str(jar))
    return jar


def configured(builder: Builder) -> dict[str, Any]:
    return assay.configure(builder)._options  # type: ignore[arg-type,attr-defined,no-any-return]


def test_configure_sets_everything(environment: Path) -> None:
    options = configured(Builder())
    assert options["spark.jars"] == str(environment)
    assert options["spark.sql.extensions"] == "assay.AssayExtensions"
    assert options["spark.plugins"] == "assay.AssayPlugin"


def test_configure_appends_and_does_so_once(environment: Path) -> None:
    builder = Builder(
        spark__jars="/a.jar, /b.jar",
        spark__sql__extensions="io.delta.sql.DeltaSparkSessionExtension",
        spark__plugins="x.Plugin",
    )
    configured(builder)
    options = configured(builder)
    assert options["spark.jars"] == f"/a.jar,/b.jar,{environment}"
    assert options["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension,assay.AssayExtensions"
    assert options["spark.plugins"] == "x.Plugin,assay.AssayPlugin"
    assert options["spark.redaction.regex"].count("executorEnv") == 1


def test_configure_appends_to_the_defaults_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ["# spark.plugins no.Plugin", "spark.plugins   y.Plugin", "spark.jars=/c.jar", "", "alone"]
    (tmp_path / "spark-defaults.conf").write_text("\n".join(lines))
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    options = configured(Builder())
    assert options["spark.plugins"] == "y.Plugin,assay.AssayPlugin"
    assert options["spark.jars"].startswith("/c.jar,")


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        ("spark.executorEnv.OPENAI_API_KEY", True),
        ("spark.executorEnv.MyKey", True),
        ("spark.assay.model.m.apiKey", True),
        ("spark.assay.model.m.apiKeySecret", True),
        ("spark.assay.model.m.headers.Authorization", True),
        ("spark.hadoop.fs.s3a.secret.key", True),
        ("spark.my.PASSWORD", True),
        ("spark.executorEnv.PATH", False),
        ("spark.assay.model.m.endpoint", False),
        ("spark.sql.shuffle.partitions", False),
    ],
)
@pytest.mark.parametrize("given", [None, "secret|password|(?i:SECRET|PASSWORD)", "(?i)secret|password"])
def test_keys_are_redacted(key: str, hidden: bool, given: str | None) -> None:
    options = configured(Builder(**({"spark__redaction__regex": given} if given else {})))
    assert bool(re.search(options["spark.redaction.regex"], key)) is hidden


def test_configure_refuses_a_connect_client(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"start the server with --jars spark-assay\.jar"):
        configured(Builder(spark__remote="sc://h"))
    monkeypatch.setenv("SPARK_REMOTE", "sc://h")
    with pytest.raises(ValueError, match="cannot add the jar"):
        configured(Builder())
    assert configured(Builder(spark__master="local"))


def test_the_jar_of_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ASSAY_JAR")
    monkeypatch.setattr(session, "__file__", str(tmp_path / "session.py"))
    with pytest.raises(assay.SetupError, match="holds no jar; set ASSAY_JAR"):
        assay.jar_path()
    (tmp_path / "jars").mkdir()
    jar = tmp_path / "jars" / "spark-assay_2.13-0.1.0.jar"
    jar.touch()
    assert assay.jar_path() == str(jar)
    (tmp_path / "jars" / "spark-assay_2.13-0.0.9.jar").touch()
    with pytest.raises(assay.SetupError, match="holds 2 jars"):
        assay.jar_path()


def test_a_named_jar_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_JAR", "/no/such.jar")
    with pytest.raises(assay.SetupError, match=r"/no/such\.jar, which is no file"):
        assay.jar_path()
