"""The SQL functions, one file for each group; `spark_assay.functions` has them all."""
