package assay

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper

/** The error conditions of Assay with their SQLSTATE, from `assay/error-conditions.json`. */
object ErrorConditions {
  private lazy val states: Map[String, String] = {
    val stream = getClass.getResourceAsStream("/assay/error-conditions.json")
    try {
      val root = new ObjectMapper().readTree(stream)
      root.fieldNames.asScala.map(name => name -> root.get(name).get("sqlState").asText).toMap
    } finally stream.close()
  }

  def all: Map[String, String] = states

  /** The SQLSTATE of a condition; `XX000`, internal error, for one that is not listed. */
  def sqlState(condition: String): String = states.getOrElse(condition, "XX000")
}
