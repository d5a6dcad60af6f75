"""`diagnose`: what keeps an evaluation from running, before it runs. The command is ``assay doctor``.

Nothing is sent to a model unless a call is asked for. No key is read: only whether there is one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay import session
from spark_assay._version import __version__
from spark_assay.errors import AssayError

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

Verdict = Literal["ok", "warn", "fail"]

_MIB = 1 << 20
_TRIED_SPARK = ("4.0", "4.1")


def _spark_errors() -> tuple[type[Exception], ...]:
    """What a query can raise: PySpark lets some errors of the JVM through as they are."""
    try:
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    except ImportError:  # the pure Spark Connect client
        return (PySparkException,)
    return (PySparkException, Py4JError)


_SPARK_ERRORS: tuple[type[Exception], ...] = _spark_errors()
_SETUP_ERRORS: tuple[type[Exception], ...] = (AssayError, *_SPARK_ERRORS)
_SETTING_ERRORS: tuple[type[Exception], ...] = (ValueError, TypeError, *_SPARK_ERRORS)


@dataclass(frozen=True)
class Check:
    """One line of the doctor.

    Attributes:
        name: What was looked at, for instance ``java`` or ``model small: endpoint``.
        verdict: ``ok``; ``warn``, works but not well or could not be seen; ``fail``, an evaluation would fail.
        message: What was found. Holds no key, no prompt and no answer.
        advice: What to do; empty where all is well.
    """

    name: str
    verdict: Verdict
    message: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """The line as plain values."""
        return asdict(self)


def diagnose(
    new_session: Callable[[], SparkSession],
    *,
    models: Mapping[str, Mapping[str, Any]] | None = None,
    call: bool = False,
    remote: bool = False,
) -> Iterator[Check]:
    """Looks at this machine, the session and its models, and says of each what it is like.

    What cannot be looked at because something before it failed is left out.

    Args:
        new_session: Makes the session; called once Java and the jar have been looked at.
        models: Models to configure, as arguments of `add_model` by name, besides those that the session has.
        call: Whether to make one tiny call to each model, which may cost a fraction of a cent.
        remote: Whether the session is Spark Connect: Java and the jar are then the server's.

    Yields:
        The checks, each as soon as it is made.
    """
    yield python_version(sys.version_info[:3])
    if not remote:
        yield java_version(_java_says())
        yield from jar()
    try:
        spark = new_session()
        version = spark.version
    except Exception as error:
        yield Check("spark", "fail", f"no session can be made: {_line(error)}", "read Spark's own message above")
        return
    yield spark_version(version)
    try:
        session.use(spark)
    except _SETUP_ERRORS as error:
        yield Check("extension", "fail", _line(error), "start the session by assay.configure, or with the jar on it")
        return
    yield Check("extension", "ok", f"the functions of Assay {__version__} are registered")
    conf = dict(spark.conf.getAll)
    yield plugin(conf)
    library = native_library(spark)
    yield library
    yield memory(conf)
    if library.verdict == "fail":
        return
    for name, settings in (models or {}).items():
        try:
            session.add_model(spark, name, **settings)
        except _SETTING_ERRORS as error:
            yield Check(f"model {name}: settings", "fail", _line(error), "correct the setting that is named")
    names = model_names(spark.conf.getAll)
    if not names:
        yield Check(
            "models", "warn", "no model is configured", "name one by assay.add_model or spark.assay.model.NAME.provider"
        )
    for name in names:
        yield from model(spark, name, call=call)


def exit_code(checks: Iterable[Check]) -> int:
    """0 where nothing failed, else 1."""
    return int(any(check.verdict == "fail" for check in checks))


def python_version(version: Sequence[int]) -> Check:
    """Of the interpreter: 3.10 or later."""
    text = ".".join(map(str, version))
    if tuple(version) >= (3, 10):
        return Check("python", "ok", text)
    return Check("python", "fail", f"{text} is too old", "use Python 3.10 or later")


def _java_says() -> str | None:
    """What ``java -version`` prints; ``None`` where there is no Java."""
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not command or not os.path.exists(command):
        return None
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stderr + done.stdout


def java_version(says: str | None) -> Check:
    """Of the Java that Spark will start: 17 or later."""
    if says is None:
        return Check("java", "fail", "there is no Java", "install a JDK 17 and set JAVA_HOME to it")
    found = re.search(r'version "(?:1\.)?(\d+)[^"]*"', says)
    if found is None:
        return Check("java", "warn", "the version of Java cannot be read", "see that java -version says 17 or later")
    if int(found[1]) < 17:
        return Check("java", "fail", f"{found[1]} is too old", "install a JDK 17 and set JAVA_HOME to it")
    return Check("java", "ok", found[1])


def platform() -> str:
    """This machine as the jar names it, for instance ``linux-x86_64``."""
    machine = os.uname().machine
    return f"{sys.platform}-{ {'amd64': 'x86_64', 'arm64': 'aarch64'}.get(machine, machine) }"


def jar() -> Iterator[Check]:
    """Whether there is a jar, of this version, with a native library for this machine."""
    try:
        path = session.jar_path()
    except AssayError as error:
        yield Check("jar", "fail", str(error), "install the wheel again, or build the jar by scripts/build")
        return
    try:
        with zipfile.ZipFile(path) as archive:
            version = archive.read("assay/version.txt").decode().strip()
            libraries = sorted(name.split("/")[1] for name in archive.namelist() if _is_library(name))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        yield Check("jar", "fail", f"{path} is no jar of Assay: {error}", "name the right one in ASSAY_JAR")
        return
    if version == __version__:
        yield Check("jar", "ok", f"{version}, {Path(path).name}")
    else:
        advice = f"install spark-assay=={version}, or use the jar of {__version__}"
        yield Check("jar", "fail", f"the jar is {version}, the Python package {__version__}", advice)
    here = platform()
    if here in libraries:
        yield Check("native library in the jar", "ok", ", ".join(libraries))
    else:
        yield Check(
            "native library in the jar",
            "fail" if not libraries else "warn",
            f"none for {here}, which this machine is; it has {', '.join(libraries) or 'none'}",
            "build one by scripts/build and name it in spark.assay.native.path",
        )


def _is_library(name: str) -> bool:
    return re.fullmatch(r"native/[^/]+/libassay\.so", name) is not None


def spark_version(version: str) -> Check:
    """Of the session: the versions that Assay is tested on."""
    minor = ".".join(version.split(".")[:2])
    if minor in _TRIED_SPARK:
        return Check("spark", "ok", version)
    if int(version.split(".")[0]) < 4:
        return Check("spark", "fail", f"{version} is too old", "use Spark 4.0 or 4.1")
    return Check(
        "spark", "warn", f"{version} has not been tried", f"Assay is tested on Spark {' and '.join(_TRIED_SPARK)}"
    )


def plugin(conf: Mapping[str, str]) -> Check:
    """Whether the plugin is asked for. What it loads on executors, `native_library` looks at."""
    if session.PLUGIN in [part.strip() for part in conf.get("spark.plugins", "").split(",")]:
        return Check("plugin", "ok", session.PLUGIN)
    return Check(
        "plugin",
        "warn",
        "it is not configured: executors load the library at their first call, and stop calls when tasks end",
        f"start Spark with spark.plugins={session.PLUGIN}",
    )


def native_library(spark: SparkSession) -> Check:
    """Whether executors load the library and compute with it."""
    try:
        # Planning loads it on the driver. A row that depends on id is not folded there, so tasks load it too.
        text = F.col("id").cast("string")
        score = fn.llm_exact_match(text, text)
        tasks = 16
        row = spark.range(0, tasks, 1, tasks).select(score.alias("x")).agg(F.sum("x").alias("x")).first()
    except _SPARK_ERRORS as error:
        return Check("native library", "fail", _line(error), "see the executor's log for where it was looked for")
    if row is None or row["x"] != tasks:
        return Check("native library", "fail", "it computes wrong values", "install Assay again, from one build")
    return Check("native library", "ok", f"loaded on the driver and by {tasks} tasks on executors")


def size_bytes(text: str, unit: int) -> int:
    """A size as Spark writes it (``512m``, ``2g``), in bytes; a bare number is in ``unit``."""
    found = re.fullmatch(r"\s*(\d+)\s*([kmgtp]?)b?\s*", text.lower())
    if found is None:
        raise ValueError(f"'{text}' is no size")
    return int(found[1]) * (unit if not found[2] else 1024 ** (1 + "kmgtp".index(found[2])))


def memory(conf: Mapping[str, str]) -> Check:
    """Whether what calls hold outside the heap fits into the executors' memory overhead."""
    name = "memory overhead"
    master = conf.get("spark.master", "")
    if master.startswith("local") and not master.startswith("local-cluster"):
        return Check(name, "ok", "local mode: tasks share the memory of the driver's process")
    try:
        heap = size_bytes(conf.get("spark.executor.memory", "1g"), _MIB)
        factor = float(conf.get("spark.executor.memoryOverheadFactor", "0.1"))
        smallest = size_bytes(conf.get("spark.executor.minMemoryOverhead", "384m"), _MIB)
        given = conf.get("spark.executor.memoryOverhead")
        overhead = size_bytes(given, _MIB) if given else max(smallest, int(heap * factor))
        cores = int(conf.get("spark.executor.cores", "1"))
        window = int(conf.get("spark.assay.window.maxBytes", str(64 * _MIB)))
        batch = int(conf.get("spark.assay.batch.maxBytes", str(16 * _MIB)))
    except ValueError as error:
        return Check(name, "warn", f"it cannot be computed: {error}", "set spark.executor.memoryOverhead")
    # A task holds a window of rows with their answers, and a batch each way.
    needed = cores * (window + 2 * batch)
    found = f"{overhead // _MIB} MiB an executor; {cores} task(s) may hold {needed // _MIB} MiB"
    # Half of it is for what Spark and Python keep there.
    if needed <= overhead // 2:
        return Check(name, "ok", found)
    return Check(
        name,
        "warn",
        found,
        f"set spark.executor.memoryOverhead to {2 * needed // _MIB}m or more, or spark.assay.window.maxBytes lower",
    )


def model_names(conf: Mapping[str, str]) -> list[str]:
    """The models that a session knows."""
    found = (re.fullmatch(r"spark\.assay\.model\.(.+)\.provider", key) for key in conf)
    return sorted(match[1] for match in found if match)


def model(spark: SparkSession, name: str, *, call: bool) -> Iterator[Check]:
    """Settings, key, endpoint and quota of one model; and one call where it is asked for."""
    prefix = f"spark.assay.model.{name}."
    conf = {key.removeprefix(prefix): value for key, value in spark.conf.getAll.items() if key.startswith(prefix)}
    about = f"model {name}"
    is_local = conf.get("provider", "").strip() == "local"
    try:
        if not is_local:
            _ = spark.range(1).select(fn.llm_request(name, F.lit("x"))).schema
        described = _told(spark, fn.assay_model(name))
    except _SPARK_ERRORS as error:
        what = _line(error)
        if "ASSAY_MISSING_KEY" in what:
            yield Check(f"{about}: key", "fail", what, "set the variable in spark.executorEnv, or name a file")
        else:
            yield Check(f"{about}: settings", "fail", what, "correct the setting that is named")
        return
    yield Check(f"{about}: settings", "ok", f"{described['provider']}, {described['model']}")
    if is_local:
        yield folder_on_executors(spark, described)
        return
    yield from key_on_executors(spark, described)
    if described["provider"] != "mock":
        yield endpoint(described, conf)
    yield quota(described)
    if call:
        yield one_call(spark, name)
        yield from learnt(spark, described)


def _told(spark: SparkSession, column: Column) -> dict[str, Any]:
    """The JSON that a function of the driver gives."""
    row = spark.range(1).select(column).first()
    return {} if row is None else json.loads(row[0])


def folder_on_executors(spark: SparkSession, described: Mapping[str, Any]) -> Check:
    """Whether tasks can compute with a model that is a folder. Nothing is called.

    Args:
        spark: The session.
        described: What ``assay_model`` tells of the model.
    """
    about = f"model {described['name']}: folder on executors"
    embedding = fn.llm_embed(described["name"], F.concat(F.lit("text "), F.col("id").cast("string")))
    try:
        rows = spark.range(0, 8, 1, 8).select(F.size(embedding.getField("embedding")).alias("n")).collect()
    except _SPARK_ERRORS as error:
        return Check(about, "fail", _line(error), f"have {described['path']} on every executor, under this path")
    if any(row["n"] != described["dimension"] for row in rows):
        return Check(about, "fail", "a text got no embedding", "copy the folder again")
    kind, layers, dimension = described["model_type"], described["layers"], described["dimension"]
    return Check(about, "ok", f"{kind}, {layers} layers, embeddings of {dimension} numbers")


def key_on_executors(spark: SparkSession, described: Mapping[str, Any]) -> Iterator[Check]:
    """Whether tasks find the key. The expression gives present or absent; the key stays where it is.

    Args:
        spark: The session.
        described: What ``assay_model`` tells of the model.
    """
    about = f"model {described['name']}: key"
    if described["key"] == "value":
        yield Check(about, "warn", "it stands in the configuration", "prefer apiKeyFile or apiKeyEnv")
    elif described["key"] == "file":
        yield Check(about, "ok", "a file, which the driver can read; each executor reads its own when it calls")
    for variable in described["key_env"]:
        yield _variable_on_executors(spark, about, variable)


def _variable_on_executors(spark: SparkSession, about: str, variable: str) -> Check:
    try:
        # A variable that is not set comes back as the text 'null'.
        has = F.expr(f"reflect('java.lang.System', 'getenv', '{variable}') NOT IN ('null', '')")
        tasks = 16
        row = spark.range(0, tasks, 1, tasks).select(has.cast("int").alias("has")).agg(F.sum("has").alias("n")).first()
    except _SPARK_ERRORS as error:
        return Check(about, "warn", f"executors could not be asked: {_line(error)}", "see that they have the variable")
    found = 0 if row is None else row["n"]
    if found == tasks:
        return Check(about, "ok", f"{variable} is set where {tasks} tasks ran")
    return Check(
        about,
        "fail",
        f"{variable} is not set for {tasks - found} of {tasks} tasks",
        f"set spark.executorEnv.{variable} before executors start, or name a file with apiKeyFile",
    )


def endpoint(described: Mapping[str, Any], conf: Mapping[str, str]) -> Check:
    """Whether the endpoint accepts a connection, with TLS where it is https. Nothing is sent.

    Args:
        described: What ``assay_model`` tells of the model.
        conf: Its settings, of which `proxy` and `caFile` are read.
    """
    about = f"model {described['name']}: endpoint"
    parts = urlsplit(described["endpoint"])
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if conf.get("proxy", "none") != "none" or _environment_proxies(host, parts.scheme):
        return Check(about, "warn", f"{host}:{port} is behind a proxy; not tried", "use --call to try it")
    try:
        with socket.create_connection((host, port), timeout=10) as connection:
            if parts.scheme == "https":
                context = ssl.create_default_context()
                if conf.get("caFile"):
                    context.load_verify_locations(conf["caFile"])
                with context.wrap_socket(connection, server_hostname=host):
                    pass
    except ssl.SSLCertVerificationError as error:
        what = f"{host}:{port} shows a certificate that is not trusted: {error.verify_message}"
        return Check(about, "fail", what, "name the certificates of your authority with caFile")
    except OSError as error:
        what = f"{host}:{port} cannot be reached from this machine: {error.strerror or error}"
        return Check(about, "fail", what, "check the address, the firewall and HTTPS_PROXY")
    return Check(about, "ok", f"{host}:{port} accepts connections from this machine")


def _environment_proxies(host: str, scheme: str) -> bool:
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    return bool(proxies.get(scheme) or proxies.get("all")) and not proxy_bypass(host)


def quota(described: Mapping[str, Any]) -> Check:
    """Which limits are set."""
    about = f"model {described['name']}: quota"
    at_once = f"{described['max_concurrency']} requests at once in an executor"
    if described["limits"]:
        return Check(about, "ok", f"{_limits(described['limits'])}; {at_once}")
    if described["provider"] == "mock":
        return Check(about, "ok", "none, as a mock needs none")
    return Check(
        about,
        "warn",
        f"no limit is set, so it is learnt from rate headers; {at_once}",
        "set requestsPerMinute and the token limits to what the provider grants you",
    )


def learnt(spark: SparkSession, described: Mapping[str, Any]) -> Iterator[Check]:
    """What the answer's rate headers said, where no limit was set."""
    if described["limits"] or described["provider"] == "mock":
        return
    about = f"model {described['name']}: rate headers"
    limits: dict[str, int] = {}
    give_up = time.monotonic() + 3
    # Executors tell the driver what they learnt twice a second.
    while not limits and time.monotonic() < give_up:
        quotas = _told(spark, fn.assay_progress()).get("quotas", [])
        limits = {quota["dimension"]: quota["limit"] for quota in quotas if quota["group"] == described["quota_group"]}
    if limits:
        yield Check(about, "ok", f"{_limits(limits)}; they are kept from the first answer on")
    else:
        advice = "set requestsPerMinute and the token limits, or refusals will slow the calls down"
        yield Check(about, "warn", "the answer named no limit", advice)


def _limits(limits: Mapping[str, int]) -> str:
    return ", ".join(f"{limit:,} {dimension.replace('_', ' ')} a minute" for dimension, limit in limits.items())


def one_call(spark: SparkSession, name: str) -> Check:
    """One request with a prompt of three words."""
    about = f"model {name}: call"
    try:
        row = spark.range(1).select(fn.llm_complete(name, F.lit("Say OK.")).alias("r")).first()
    except _SPARK_ERRORS as error:
        return Check(about, "fail", _line(error), "read the message")
    answer = None if row is None else row["r"]
    if answer is None:
        return Check(about, "fail", "no row came back", "read Spark's own message above")
    cost = "an unknown price" if answer["cost_usd"] is None else f"${answer['cost_usd']:.6f}"
    if answer["status"] in ("ok", "truncated"):
        return Check(about, "ok", f"{answer['status']} in {answer['latency_ms'] or 0:.0f} ms for {cost}")
    why = answer["error"]
    what = answer["status"] if why is None else f"{answer['status']}: {why['message']}"
    return Check(about, "fail", what, "see docs/errors.md for the status")


def _line(error: Exception) -> str:
    """The first line that says something, without plan and stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    named = (re.search(r"\[(?:ASSAY|[A-Z]+_[A-Z_]+)[A-Z0-9_.]*\] .*", line) for line in lines)
    return next((found[0] for found in named if found), lines[0])[:500]
