package org.apache.spark.sql.assay

import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper

/** Lets tests see the table of functions, and plans. */
object TestAccess extends AdaptiveSparkPlanHelper {
  final case class Entry(name: String, arguments: String, example: (String, String))
  def entries: Seq[Entry] = FunctionTable.entries.map(e => Entry(e.name, e.arguments, e.example))

  /** Of each node that calls, whether it knows that all its rows are read. */
  def readToEnd(df: DataFrame): Seq[Boolean] =
    collect(df.queryExecution.executedPlan) { case calls: CompletionExec => calls.readToEnd }
}
