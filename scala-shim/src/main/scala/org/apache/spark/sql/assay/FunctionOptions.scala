package org.apache.spark.sql.assay

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.types._

/** The options of one function call.
  *
  * @param constant
  *   options that are known at planning, as JSON
  * @param perRow
  *   options that are columns, by name
  */
private[assay] final case class FunctionOptions(constant: ObjectNode, perRow: Seq[(String, Expression)])

/** Reads options in the three forms that a user may write: a STRUCT, a MAP<STRING,STRING> or a JSON string. */
private[assay] object FunctionOptions {

  val none: FunctionOptions = FunctionOptions(JsonValues.emptyObject, Nil)

  def of(function: String, argument: Option[Expression]): FunctionOptions =
    argument.fold(none)(parse(function, _))

  private def parse(function: String, argument: Expression): FunctionOptions = {
    val options = unalias(argument)
    options.dataType match {
      case NullType => none
      case _: StringType | MapType(_: StringType, _: StringType, _) if !options.foldable =>
        throw invalid(s"$function: options given as a MAP or as JSON text must be constant; use a STRUCT for columns")
      case _: StringType => fromJsonText(function, options.eval())
      case MapType(_: StringType, _: StringType, _) => constants(function, options)
      case _: StructType =>
        options match {
          case struct: CreateNamedStruct => fromFields(function, struct.names.map(_.toString).zip(struct.valExprs))
          case constant if constant.foldable => constants(function, constant)
          case column =>
            val fields = column.dataType.asInstanceOf[StructType].fieldNames.toSeq
            fromFields(function, fields.zipWithIndex.map { case (n, i) => n -> GetStructField(column, i, Some(n)) })
        }
      case other =>
        throw new AssayAnalysisException(
          "ASSAY_INVALID_ARGUMENT",
          s"$function: options must be a STRUCT, a MAP<STRING,STRING> or JSON text, not ${other.sql}"
        )
    }
  }

  private def fromFields(function: String, fields: Seq[(String, Expression)]): FunctionOptions = {
    val constant = JsonValues.emptyObject
    val perRow = fields.map { case (n, e) => n -> unalias(e) }.filter {
      case (name, value) if value.foldable =>
        constant.set[JsonNode](name, json(function, name, value.eval(), value.dataType))
        false
      case _ => true
    }
    FunctionOptions(constant, perRow)
  }

  private def constants(function: String, options: Expression): FunctionOptions =
    FunctionOptions(
      Option(options.eval()).map(json(function, "options", _, options.dataType)) match {
        case Some(node: ObjectNode) => node
        case _ => JsonValues.emptyObject
      },
      Nil
    )

  private def fromJsonText(function: String, text: Any): FunctionOptions =
    if (text == null) none
    else
      try
        JsonValues.mapper.readTree(text.toString) match {
          case node: ObjectNode => FunctionOptions(node, Nil)
          case _ => throw invalid(s"$function: options given as text must be a JSON object, such as '{\"seed\": 1}'")
        }
      catch {
        case e: JsonProcessingException =>
          val at = Option(e.getLocation).map(l => s" at column ${l.getColumnNr}").getOrElse("")
          throw invalid(s"$function: options given as text are not valid JSON$at")
      }

  private def json(function: String, name: String, value: Any, dataType: DataType): JsonNode =
    JsonValues
      .of(value, dataType)
      .getOrElse(throw invalid(s"$function: option '$name' cannot be of type ${dataType.sql}"))

  private def unalias(e: Expression): Expression = e match {
    case Alias(child, _) => unalias(child)
    case other => other
  }

  private def invalid(detail: String) = new AssayAnalysisException("ASSAY_INVALID_OPTION", detail)
}
