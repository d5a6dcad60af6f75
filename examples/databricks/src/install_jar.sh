#!/bin/bash
# Runs on every node before Spark starts: extensions and plugins are looked for then, before libraries of a job are there.
set -euo pipefail
cp "${ASSAY_VOLUME:?}"/jars/spark-assay_2.13-*.jar /databricks/jars/
