"""Assay: LLM evaluation inside Apache Spark.

>>> import spark_assay as assay
>>> assay.__version__
'0.1.0'
"""

try:
    import pyspark as _pyspark  # noqa: F401
except ImportError as _error:
    raise ImportError(
        "spark-assay needs PySpark: pip install 'spark-assay[spark]', or 'spark-assay[connect]' for Spark Connect"
    ) from _error

from spark_assay import cache, functions, metrics
from spark_assay._few_shot import few_shot
from spark_assay._version import __version__
from spark_assay.cache import Cache
from spark_assay.compare import Comparison, PairedComparison, compare
from spark_assay.errors import AssayError, ConfigError, DataError, SetupError
from spark_assay.evaluate import evaluate
from spark_assay.gate import GateReport, gate
from spark_assay.metrics import Metric
from spark_assay.plan import Plan, plan
from spark_assay.preview import Preview, preview
from spark_assay.result import EvalResult, load
from spark_assay.rules import Rule
from spark_assay.session import add_model, configure, jar_path, use
from spark_assay.sources import Source
from spark_assay.summary import Estimate, Usage

__all__ = [
    "AssayError",
    "Cache",
    "Comparison",
    "ConfigError",
    "DataError",
    "Estimate",
    "EvalResult",
    "GateReport",
    "Metric",
    "PairedComparison",
    "Plan",
    "Preview",
    "Rule",
    "SetupError",
    "Source",
    "Usage",
    "__version__",
    "add_model",
    "cache",
    "compare",
    "configure",
    "evaluate",
    "few_shot",
    "functions",
    "gate",
    "jar_path",
    "load",
    "metrics",
    "plan",
    "preview",
    "use",
]
