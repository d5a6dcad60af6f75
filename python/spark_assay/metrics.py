"""The metrics of `evaluate`: those of Assay by name, and your own."""

from spark_assay._custom_metric import custom, from_dict
from spark_assay._metric import METRICS, Kind, Metric, MetricInfo, resolve

__all__ = ["METRICS", "Kind", "Metric", "MetricInfo", "custom", "from_dict", "resolve"]
