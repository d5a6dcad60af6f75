"""From a Spark session to one that evaluates: the jar, its extensions, and the models."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay._version import __version__
from spark_assay.errors import SetupError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXTENSIONS = "assay.AssayExtensions"
PLUGIN = "assay.AssayPlugin"

_JAR_VARIABLE = "ASSAY_JAR"
_SPARK_REDACTION = "(?i)secret|password|token|access[.]?key"
# Spark's own pattern misses spark.executorEnv.OPENAI_API_KEY and the like, and a model's headers, of which one may be
# Authorization: both would stand in the event log.
_KEY_REDACTION = r"(?i:executorEnv[.].*key|api[-_.]?key|spark[.]assay[.]model[.].*[.]headers[.])"
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def jar_path() -> str:
    """The path of the jar that comes with this package, or the one that the variable ``ASSAY_JAR`` names.

    Raises:
        SetupError: There is none.
    """
    named = os.environ.get(_JAR_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SetupError(f"{_JAR_VARIABLE} names {named}, which is no file")
        return str(Path(named).resolve())
    found = sorted((Path(__file__).parent / "jars").glob("spark-assay*.jar"))
    if len(found) != 1:
        what = "holds no jar" if not found else f"holds {len(found)} jars"
        raise SetupError(f"this installation of spark-assay {what}; set {_JAR_VARIABLE} to the path of the jar")
    return str(found[0])


def configure(builder: SparkSession.Builder) -> SparkSession.Builder:
    """Adds Assay to a session that is about to be created.

    The jar, the extensions and the plugin are appended to what the builder and ``spark-defaults.conf`` have, and
    the redaction of secrets is extended to keys in ``spark.executorEnv``.

    Args:
        builder: ``SparkSession.builder`` with its other settings made. No session may run yet in this process.

    Returns:
        The same builder.

    Raises:
        SetupError: The package has no jar.
        ValueError: The builder makes a Spark Connect session, where the server must have the jar.

    Examples:
        >>> spark = configure(SparkSession.builder.master("local[2]")).getOrCreate()  # doctest: +SKIP
    """
    given: dict[str, object] = dict(getattr(builder, "_options", {}))
    if "spark.remote" in given or ("SPARK_REMOTE" in os.environ and "spark.master" not in given):
        raise ValueError(
            "a Spark Connect client cannot add the jar; start the server with "
            f"{_launch_options('spark-assay.jar')}, create the session and call assay.use(spark)"
        )
    present = {**_launch_conf(), **{key: str(value) for key, value in given.items()}}

    def appended(key: str, item: str) -> str:
        items = [part.strip() for part in present.get(key, "").split(",") if part.strip()]
        return ",".join(items if item in items else [*items, item])

    redaction = present.get("spark.redaction.regex", _SPARK_REDACTION)
    if _KEY_REDACTION not in redaction:
        redaction = f"{redaction}|{_KEY_REDACTION}"
    settings = {
        "spark.jars": appended("spark.jars", jar_path()),
        "spark.sql.extensions": appended("spark.sql.extensions", EXTENSIONS),
        "spark.plugins": appended("spark.plugins", PLUGIN),
        "spark.redaction.regex": redaction,
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder


def use(spark: SparkSession) -> SparkSession:
    """Checks that a session has Assay, and in the version of this package.

    Args:
        spark: A session, classic or Spark Connect.

    Returns:
        The same session.

    Raises:
        SetupError: The functions are missing, or the jar has another version; the message says what to do.

    Examples:
        >>> use(spark) is spark
        True
    """
    try:
        row = spark.range(1).select(fn.assay_version().alias("version")).first()
    except AnalysisException as error:
        if error.getCondition() != "UNRESOLVED_ROUTINE":
            raise
        raise SetupError(
            "this Spark session does not have Assay. In a new process: "
            "assay.configure(SparkSession.builder).getOrCreate(). "
            "On a cluster or a Spark Connect server: start it with "
            f"{_launch_options('spark-assay.jar')} (ADD JAR in a running session does not register functions)"
        ) from None
    version = row["version"] if row else None
    if version != __version__:
        raise SetupError(
            f"the Spark session has Assay {version}, the Python package is {__version__}; "
            f"install spark-assay=={version}, or start Spark with the jar of {__version__}"
        )
    return spark


def add_model(
    spark: SparkSession,
    name: str,
    *,
    provider: str,
    model: str | None = None,
    path: str | None = None,
    endpoint: str | None = None,
    api_version: str | None = None,
    deployment: str | None = None,
    auth: str | None = None,
    api_key_env: str | None = None,
    api_key_file: str | None = None,
    api_key: str | None = None,
    stream: bool | None = None,
    reasoning_summary: str | None = None,
    reasoning_tags: str | None = None,
    max_concurrency: int | None = None,
    timeout_ms: int | None = None,
    idle_timeout_ms: int | None = None,
    connect_timeout_ms: int | None = None,
    row_timeout_ms: int | None = None,
    max_retries: int | None = None,
    quota_group: str | None = None,
    requests_per_minute: int | None = None,
    input_tokens_per_minute: int | None = None,
    output_tokens_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    output_token_accounting: str | None = None,
    adaptive_concurrency: bool | None = None,
    circuit_breaker_failures: int | None = None,
    circuit_breaker_pause_ms: int | None = None,
    proxy: str | None = None,
    ca_file: str | None = None,
    http2: bool | None = None,
    deduplicate: bool | None = None,
    context_window: int | None = None,
    price_table: str | None = None,
    price_input: float | None = None,
    price_output: float | None = None,
    price_cached_input: float | None = None,
    price_cache_write: float | None = None,
    price_reasoning: float | None = None,
    headers: Mapping[str, str] | None = None,
    aws_region: str | None = None,
    aws_profile: str | None = None,
    aws_access_key_id_env: str | None = None,
    aws_secret_access_key_env: str | None = None,
    aws_session_token_env: str | None = None,
    http_body: str | None = None,
    http_answer_path: str | None = None,
    http_error_path: str | None = None,
    http_finish_reason_path: str | None = None,
    http_input_tokens_path: str | None = None,
    http_output_tokens_path: str | None = None,
    http_auth_header: str | None = None,
    mock_reply: str | None = None,
    mock_latency_ms: int | None = None,
    mock_error_rate: float | None = None,
) -> None:
    """Names a model for the queries of this session.

    The settings are checked at once, without a call. A name that exists already gets these settings and no others.

    Args:
        spark: The session.
        name: The name for queries: letters, digits, ``_`` and ``-``.
        provider: The wire format, one of those in docs/providers.md: ``openai`` (chat completions, which most servers
            speak), ``openai_responses``, ``azure_openai``, ``anthropic``, ``gemini``, ``bedrock``, ``http``, ``mock``;
            or ``local``, an encoder in a folder, for embeddings and metrics of meaning.
        model: The model as the provider names it; needed but for ``local``.
        path: ``local`` only, needed: the folder of the model, under the same path on driver and executors.
        endpoint: The base URL, for instance ``https://api.openai.com/v1``; the provider's own by default.
        api_version: The version of the API, for ``azure_openai``, ``anthropic`` and ``gemini``.
        deployment: ``azure_openai`` only: the name of the deployment; ``model`` by default.
        auth: ``azure_openai``, ``anthropic`` and ``gemini``: ``bearer`` sends the key as a bearer token.
        api_key_env: The environment variable that holds the key, on the executors.
        api_key_file: The file that holds the key, on the executors.
        api_key: The key itself. Spark redacts it; a file or a variable is safer.
        stream: Whether answers are streamed, which gives the time to the first token.
        reasoning_summary: ``openai_responses`` only: the summary of the reasoning to ask for: ``auto``, ``concise`` or
            ``detailed``.
        reasoning_tags: The tag between which a model writes its reasoning at the head of an answer, for instance
            ``think``: the reasoning is then taken out of the text.
        max_concurrency: How many requests one executor has open at once.
        timeout_ms: How long one attempt may take.
        idle_timeout_ms: How long an answer that has begun may bring nothing before it is cut.
        connect_timeout_ms: How long opening a connection may take.
        row_timeout_ms: How long one row may take with all its attempts.
        max_retries: How often a failed attempt is repeated.
        quota_group: The group whose limits this model shares; the model's own by default.
        requests_per_minute: The most requests in a minute, over the whole cluster.
        input_tokens_per_minute: The most input tokens in a minute.
        output_tokens_per_minute: The most output tokens in a minute.
        tokens_per_minute: The most tokens of input and output together in a minute.
        output_token_accounting: How the provider counts output: ``reserved``, ``used`` or ``auto``.
        adaptive_concurrency: Whether fewer requests are open while the endpoint fails (the default).
        circuit_breaker_failures: After so many failures in a row rows fail at once; 0 for never.
        circuit_breaker_pause_ms: How long until a failing endpoint is tried again.
        proxy: The URL of the proxy to go through, or ``none``; that of the executors' environment by default.
        ca_file: A file of certificates as PEM that are trusted besides the usual ones.
        http2: Whether HTTP/2 is used where the server offers it.
        deduplicate: Whether equal requests that are under way in one executor make one call (the default).
        context_window: The most tokens of a prompt: a longer one is not sent.
        price_table: Which prices of the built-in table hold: ``auto``, ``true``, ``false`` or an entry of it.
        price_input: US dollars for a million input tokens.
        price_output: US dollars for a million output tokens.
        price_cached_input: US dollars for a million input tokens that the provider had cached.
        price_cache_write: US dollars for a million input tokens that the provider wrote to its cache.
        price_reasoning: US dollars for a million tokens of reasoning.
        headers: Headers to send with every request.
        aws_region: ``bedrock`` only, needed: the region, for instance ``us-east-1``.
        aws_profile: ``bedrock`` only: the profile of an ``api_key_file`` that is a credentials file.
        aws_access_key_id_env: ``bedrock`` only: the environment variable of the access key id.
        aws_secret_access_key_env: ``bedrock`` only: the environment variable of the secret access key.
        aws_session_token_env: ``bedrock`` only: the environment variable of the session token.
        http_body: ``http`` only, needed: the request, a Jinja template that renders to JSON.
        http_answer_path: ``http`` only, needed: the JSON path of the answer, for instance ``$.answer``.
        http_error_path: ``http`` only: the JSON path of an error; a value there is a failure.
        http_finish_reason_path: ``http`` only: the JSON path of the word for why the answer ends.
        http_input_tokens_path: ``http`` only: the JSON path of the count of input tokens.
        http_output_tokens_path: ``http`` only: the JSON path of the count of output tokens.
        http_auth_header: ``http`` only: the header of the key, with ``{key}`` in its place.
        mock_reply: ``mock`` only: the answer, a Jinja template over the prompt.
        mock_latency_ms: ``mock`` only: how long an answer takes.
        mock_error_rate: ``mock`` only: the share of requests that fail, from 0 to 1.

    Raises:
        ValueError: A name that cannot stand in a configuration key, or several keys at once.
        pyspark.errors.PySparkException: Settings that the engine refuses. The session is left as it was.

    Examples:
        >>> add_model(spark, "echo", provider="mock", model="mock-1", mock_reply="{{ prompt }}")
        >>> add_model(spark, "minilm", provider="local", path="/models/all-MiniLM-L6-v2")  # doctest: +SKIP
    """
    if not isinstance(name, str) or not MODEL_NAME.fullmatch(name):
        raise ValueError(
            f"a model cannot be called {name!r}: use letters, digits, '_' and '-'; "
            "what the provider calls it goes into model="
        )
    if sum(value is not None for value in (api_key_env, api_key_file, api_key)) > 1:
        raise ValueError(f"model '{name}': give one of api_key_env, api_key_file and api_key")
    settings: dict[str, object] = {
        "provider": provider,
        "model": model,
        "path": path,
        "endpoint": endpoint,
        "api_version": api_version,
        "deployment": deployment,
        "auth": auth,
        "api_key_env": api_key_env,
        "api_key_file": api_key_file,
        "stream": stream,
        "reasoning_summary": reasoning_summary,
        "reasoning_tags": reasoning_tags,
        "max_concurrency": max_concurrency,
        "timeout_ms": timeout_ms,
        "idle_timeout_ms": idle_timeout_ms,
        "connect_timeout_ms": connect_timeout_ms,
        "row_timeout_ms": row_timeout_ms,
        "max_retries": max_retries,
        "quota_group": quota_group,
        "requests_per_minute": requests_per_minute,
        "input_tokens_per_minute": input_tokens_per_minute,
        "output_tokens_per_minute": output_tokens_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "output_token_accounting": output_token_accounting,
        "adaptive_concurrency": adaptive_concurrency,
        "circuit_breaker_failures": circuit_breaker_failures,
        "circuit_breaker_pause_ms": circuit_breaker_pause_ms,
        "proxy": proxy,
        "ca_file": ca_file,
        "http2": http2,
        "deduplicate": deduplicate,
        "context_window": context_window,
        "price_table": price_table,
        "price_input": price_input,
        "price_output": price_output,
        "price_cached_input": price_cached_input,
        "price_cache_write": price_cache_write,
        "price_reasoning": price_reasoning,
        "aws_region": aws_region,
        "aws_profile": aws_profile,
        "aws_access_key_id_env": aws_access_key_id_env,
        "aws_secret_access_key_env": aws_secret_access_key_env,
        "aws_session_token_env": aws_session_token_env,
        "http_body": http_body,
        "http_answer_path": http_answer_path,
        "http_error_path": http_error_path,
        "http_finish_reason_path": http_finish_reason_path,
        "http_input_tokens_path": http_input_tokens_path,
        "http_output_tokens_path": http_output_tokens_path,
        "http_auth_header": http_auth_header,
        "mock_reply": mock_reply,
        "mock_latency_ms": mock_latency_ms,
        "mock_error_rate": mock_error_rate,
    }
    configured = {_conf_key(key): value for key, value in settings.items()}
    configured["apiKeySecret"] = api_key
    configured.update({f"headers.{header}": value for header, value in (headers or {}).items()})
    prefix = f"spark.assay.model.{name}."
    before = {key: value for key, value in spark.conf.getAll.items() if key.startswith(prefix)}
    after = {prefix + key: _conf_text(value) for key, value in configured.items() if value is not None}
    _replace_conf(spark, before, after)
    try:
        # Planning reads and checks the settings; nothing is called.
        told = fn.assay_model(name) if provider.strip() == "local" else fn.llm_request(name, F.lit("x"))
        _ = spark.range(1).select(told).schema
    except Exception:
        _replace_conf(spark, after, before)
        raise


def _replace_conf(spark: SparkSession, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for key in old.keys() - new.keys():
        spark.conf.unset(key)
    for key, value in new.items():
        spark.conf.set(key, value)


def _conf_key(setting: str) -> str:
    """``api_key_env`` is ``apiKeyEnv``, ``price_cached_input`` is ``price.cachedInput``."""
    first, *rest = setting.split("_")
    if first in ("aws", "http", "mock", "price"):
        return f"{first}.{_conf_key('_'.join(rest))}"
    return first + "".join(part.capitalize() for part in rest)


def _conf_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _launch_options(jar: str) -> str:
    return f"--jars {jar} --conf spark.sql.extensions={EXTENSIONS} --conf spark.plugins={PLUGIN}"


def _launch_conf() -> dict[str, str]:
    """What the process was started with, as far as it shows before the session exists."""
    conf = _defaults_file()
    try:
        from pyspark import SparkConf
    except ImportError:  # the pure Spark Connect client
        return conf
    # Under spark-submit the JVM runs already and has everything; otherwise this is empty.
    return {**conf, **dict(SparkConf().getAll())}


def _defaults_file() -> dict[str, str]:
    folder = os.environ.get("SPARK_CONF_DIR") or (
        os.path.join(os.environ["SPARK_HOME"], "conf") if "SPARK_HOME" in os.environ else None
    )
    path = Path(folder, "spark-defaults.conf") if folder else None
    if path is None or not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (re.split(r"\s*[=:]\s*|\s+", line, maxsplit=1) for line in lines if line and line[0] not in "#!")
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
