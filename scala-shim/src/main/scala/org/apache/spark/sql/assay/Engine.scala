package org.apache.spark.sql.assay

import scala.jdk.CollectionConverters._

import _root_.assay.NativeLibrary
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

/** What the engine says of itself, and its checks at planning. */
private[assay] object Engine {

  /** Names, options and counters of the engine. */
  lazy val description: JsonNode = NativeLibrary.json("describe", JsonValues.emptyObject)

  /** The counters of a session of model calls, in the order in which the engine gives them. */
  lazy val counters: Seq[String] = description.get("counters").elements.asScala.map(_.asText).toSeq

  /** Checks one row function: options, template, model. */
  def checkFunction(request: ObjectNode): JsonNode = check("check_function", request)

  /** Checks one model call: model, key, options, template. */
  def checkCall(request: ObjectNode): JsonNode = check("check_call", request)

  /** `; did you mean 'x'?`, or the names that there are. */
  def hint(name: String, known: Iterable[String]): String = {
    val request = JsonValues.emptyObject.put("given", name)
    val names = request.putArray("known")
    known.foreach(names.add)
    NativeLibrary.json("hint", request).get("hint").asText
  }

  private def check(operation: String, request: ObjectNode): JsonNode =
    AssayAnalysisException.planning(NativeLibrary.json(operation, request))
}
