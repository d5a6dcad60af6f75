"""The doctor's checks, each on its own; a whole run with the jar stands in ``tests/spark``."""

from __future__ import annotations

import json
import socket
import zipfile
from pathlib import Path

import pytest

from spark_assay import __version__, cli, doctor
from spark_assay.doctor import Check


def one(checks: object) -> Check:
    (check,) = checks  # type: ignore[misc]
    return check


@pytest.mark.parametrize(
    ("says", "verdict", "message"),
    [
        ('openjdk version "17.0.9" 2023-10-17', "ok", "17"),
        ('java version "21"', "ok", "21"),
        ('java version "1.8.0_392"', "fail", "8 is too old"),
        ("nothing", "warn", "the version of Java cannot be read"),
        (None, "fail", "there is no Java"),
    ],
)
def test_java(says: str | None, verdict: str, message: str) -> None:
    check = doctor.java_version(says)
    assert (check.verdict, check.message) == (verdict, message)
    assert bool(check.advice) == (verdict != "ok")


def test_python_and_spark_versions() -> None:
    assert [doctor.python_version(v).verdict for v in [(3, 9, 1), (3, 10, 0), (3, 14, 0)]] == ["fail", "ok", "ok"]
    assert [doctor.spark_version(v).verdict for v in ["3.5.1", "4.0.1", "4.1.2", "4.2.0"]] == [
        "fail",
        "ok",
        "ok",
        "warn",
    ]


def make_jar(path: Path, *, version: str = __version__, library: str | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("assay/version.txt", version + "\n")
        if library:
            archive.writestr(f"native/{library}/libassay.so", b"")
    return path


def test_the_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def verdicts(path: Path) -> list[str]:
        monkeypatch.setenv("ASSAY_JAR", str(path))
        return [check.verdict for check in doctor.jar()]

    assert verdicts(make_jar(tmp_path / "good.jar", library=doctor.platform())) == ["ok", "ok"]
    assert verdicts(make_jar(tmp_path / "old.jar", version="0.0.9", library=doctor.platform())) == ["fail", "ok"]
    assert verdicts(make_jar(tmp_path / "other.jar", library="linux-riscv64")) == ["ok", "warn"]
    assert verdicts(make_jar(tmp_path / "bare.jar")) == ["ok", "fail"]
    (tmp_path / "text.jar").write_text("no jar")
    assert verdicts(tmp_path / "text.jar") == ["fail"]
    assert verdicts(tmp_path / "missing.jar") == ["fail"]


def test_the_plugin() -> None:
    assert doctor.plugin({"spark.plugins": "x.Y, assay.AssayPlugin"}).verdict == "ok"
    assert doctor.plugin({}).verdict == "warn"


def test_sizes() -> None:
    sizes = [doctor.size_bytes(text, 1 << 20) for text in ("512", "1g", "2048k", "1gb")]
    assert sizes == [512 << 20, 1 << 30, 2 << 20, 1 << 30]
    with pytest.raises(ValueError, match="no size"):
        doctor.size_bytes("much", 1)


def test_memory_overhead() -> None:
    cluster = {"spark.master": "yarn", "spark.executor.memory": "8g"}
    assert doctor.memory({"spark.master": "local[4]"}).verdict == "ok"
    # A tenth of 8 GiB is 819 MiB; one task may hold 96 MiB, four 384, eight 768.
    assert doctor.memory(cluster | {"spark.executor.cores": "4"}).verdict == "ok"
    tight = doctor.memory(cluster | {"spark.executor.cores": "8"})
    assert (tight.verdict, tight.message) == ("warn", "819 MiB an executor; 8 task(s) may hold 768 MiB")
    assert "1536m" in tight.advice
    given = {"spark.executor.cores": "8", "spark.executor.memoryOverhead": "2g"}
    assert doctor.memory(cluster | given).verdict == "ok"
    assert doctor.memory(cluster | {"spark.executor.memory": "lots"}).verdict == "warn"


def test_model_names() -> None:
    conf = {
        "spark.assay.model.b.provider": "mock",
        "spark.assay.model.a.provider": "openai",
        "spark.assay.model.a.model": "x",
    }
    assert doctor.model_names(conf) == ["a", "b"]


def test_an_endpoint_is_only_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        model = {"name": "m", "endpoint": f"http://127.0.0.1:{port}/v1"}
        assert doctor.endpoint(model, {}).verdict == "ok"
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"", "nothing is sent"
        assert doctor.endpoint(model, {"proxy": "http://proxy:1"}).verdict == "warn"
    gone = doctor.endpoint(model, {})
    assert gone.verdict == "fail"
    assert f"127.0.0.1:{port} cannot be reached" in gone.message


def test_quotas_are_shown() -> None:
    model = {"name": "m", "provider": "openai", "limits": {}, "max_concurrency": 64}
    limited = doctor.quota({**model, "limits": {"requests": 9800, "input_tokens": 100}})
    assert limited.message.startswith("9,800 requests a minute, 100 input tokens a minute; 64 requests at once")
    assert doctor.quota(model).verdict == "warn"
    assert doctor.quota({**model, "provider": "mock"}).verdict == "ok"


def test_a_session_that_cannot_be_made_ends_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> object:
        raise RuntimeError("JAVA_GATEWAY_EXITED")

    checks = list(doctor.diagnose(broken, remote=True))  # type: ignore[arg-type]
    assert [(check.name, check.verdict) for check in checks] == [("python", "ok"), ("spark", "fail")]
    assert doctor.exit_code(checks) == 1
    assert cli.show_checks(iter(checks), as_json=False) == 1
    out = capsys.readouterr().out
    assert "fail  spark" in out
    assert "JAVA_GATEWAY_EXITED" in out
    assert cli.show_checks(iter(checks[:1]), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == [checks[0].to_dict()]
