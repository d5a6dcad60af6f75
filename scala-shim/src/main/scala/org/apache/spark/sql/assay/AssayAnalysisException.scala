package org.apache.spark.sql.assay

import _root_.assay.{AssayException, ErrorConditions}

import org.apache.spark.sql.AnalysisException
import org.apache.spark.sql.catalyst.trees.Origin

/** An error of Assay found while a query is planned, before anything runs or is paid for. */
final class AssayAnalysisException(condition: String, val detail: String, cause: Option[Throwable])
    extends AnalysisException(
      s"[$condition] $detail",
      None,
      None,
      cause,
      Some(condition),
      Map("detail" -> detail),
      Array.empty[org.apache.spark.QueryContext]
    ) {

  def this(condition: String, detail: String) = this(condition, detail, None)

  /** Itself: the copy that Spark makes has no message in PySpark, which looks for its condition among Spark's own. */
  override def withPosition(origin: Origin): AnalysisException = this

  override def getSqlState: String = ErrorConditions.sqlState(condition)
}

object AssayAnalysisException {

  /** Runs a check of the engine and gives its error the class that Spark has for errors of planning. */
  def planning[T](body: => T): T =
    try body
    catch { case e: AssayException => throw new AssayAnalysisException(e.condition, e.detail, Some(e)) }
}
