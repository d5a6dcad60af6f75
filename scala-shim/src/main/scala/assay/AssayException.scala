package assay

import java.util.{Map => JMap}

import org.apache.spark.SparkThrowable

/** An error of the engine, which Spark shows as an error condition, and PySpark, which knows this superclass, as one of its own.
  *
  * @param condition
  *   the name of the condition, one of `assay/error-conditions.json`
  * @param detail
  *   what is wrong, where and what to do; never a prompt, an answer or a key
  */
final class AssayException(val condition: String, val detail: String, cause: Throwable)
    extends IllegalArgumentException(s"[$condition] $detail", cause)
    with SparkThrowable {

  def this(condition: String, detail: String) = this(condition, detail, null)

  override def getCondition: String = condition
  override def getErrorClass: String = condition
  override def getSqlState: String = ErrorConditions.sqlState(condition)
  override def getMessageParameters: JMap[String, String] = JMap.of("detail", detail)
}
