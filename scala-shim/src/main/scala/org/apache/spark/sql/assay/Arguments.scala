package org.apache.spark.sql.assay

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.util.ArrayData
import org.apache.spark.sql.types._

/** Checks of arguments that every function shares. */
private[assay] object Arguments {

  def count(function: String, children: Seq[Expression], min: Int, max: Int): Unit =
    if (children.length < min || children.length > max) {
      val wanted = if (min == max) s"$min" else s"$min ${if (max == min + 1) "or" else "to"} $max"
      throw invalid(s"$function takes $wanted arguments, not ${children.length}: ${FunctionTable.signature(function)}")
    }

  /** The value of an argument that must be constant text, such as a model's name. */
  def constantText(function: String, what: String, argument: Expression): String = argument.dataType match {
    case _: StringType if argument.foldable =>
      Option(argument.eval()).map(_.toString).getOrElse(throw invalid(s"$function: the $what is NULL"))
    case _: StringType => throw invalid(s"$function: the $what must be constant text, not a column")
    case other => throw invalid(s"$function: the $what must be constant text, not ${other.sql}")
  }

  def text(function: String, what: String, argument: Expression): Unit = argument.dataType match {
    case _: StringType | NullType => ()
    case other =>
      throw invalid(s"$function: the $what must be STRING, not ${other.sql}; cast it, or name another column")
  }

  def textOrTexts(function: String, what: String, argument: Expression): Unit = argument.dataType match {
    case _: StringType | NullType | ArrayType(_: StringType, _) | ArrayType(NullType, _) => ()
    case other =>
      throw invalid(
        s"$function: the $what must be STRING or ARRAY<STRING>, not ${other.sql}; cast it, or name another column"
      )
  }

  /** A constant array of texts. */
  def constantTexts(function: String, what: String, argument: Expression): Seq[String] = argument.dataType match {
    case ArrayType(_: StringType, _) if argument.foldable =>
      val values = Option(argument.eval()).map(_.asInstanceOf[ArrayData])
      val texts = values.fold(Seq.empty[Any])(array => (0 until array.numElements()).map(array.get(_, StringType)))
      if (values.isEmpty || texts.contains(null)) throw invalid(s"$function: the $what are NULL")
      texts.map(_.toString)
    case ArrayType(NullType, _) => Nil
    case ArrayType(_: StringType, _) => throw invalid(s"$function: the $what must be a constant array, not a column")
    case other => throw invalid(s"$function: the $what must be a constant ARRAY<STRING>, not ${other.sql}")
  }

  def numbers(function: String, what: String, argument: Expression): Unit = argument.dataType match {
    case NullType | ArrayType(_: NumericType, _) | ArrayType(NullType, _) => ()
    case other => throw invalid(s"$function: the $what must be ARRAY<DOUBLE>, not ${other.sql}; cast them")
  }

  def number(function: String, what: String, argument: Expression): Unit = argument.dataType match {
    case NullType | _: NumericType => ()
    case other => throw invalid(s"$function: $what must be DOUBLE, not ${other.sql}; cast it")
  }

  def prompt(function: String, argument: Expression): Unit = argument.dataType match {
    case _: StringType | NullType => ()
    case ArrayType(StructType(fields), _) if isMessage(fields) => ()
    case other =>
      throw invalid(
        s"$function: the prompt must be STRING or ARRAY<STRUCT<role: STRING, content: STRING [, tool_calls: STRING, " +
          "tool_call_id: STRING]>>, where content may be ARRAY<STRUCT<type: STRING, text: STRING, image_url: STRING, image: " +
          s"BINARY, media_type: STRING>>, fields in any order and those of a part optional, not ${other.sql}"
      )
  }

  private val messageTexts = Set("role", "tool_calls", "tool_call_id")
  private val partTexts = Set("type", "text", "image_url", "media_type")

  private def isMessage(fields: Array[StructField]): Boolean = {
    val names = fields.map(_.name)
    names.contains("role") && names.contains("content") && names.distinct.length == names.length && fields.forall {
      case StructField("content", ArrayType(StructType(parts), _), _, _) => isPart(parts)
      case StructField("content", t, _, _) => isText(t)
      case StructField(name, t, _, _) => messageTexts(name) && isText(t)
    }
  }

  private def isPart(fields: Array[StructField]): Boolean = {
    val names = fields.map(_.name)
    names.nonEmpty && names.distinct.length == names.length && fields.forall {
      case StructField("image", t, _, _) => t == BinaryType || t == NullType
      case StructField(name, t, _, _) => partTexts(name) && isText(t)
    }
  }

  private def isText(dataType: DataType): Boolean = dataType.isInstanceOf[StringType] || dataType == NullType

  def struct(function: String, what: String, argument: Expression): StructType = argument.dataType match {
    case struct: StructType => struct
    case other => throw invalid(s"$function: the $what must be a STRUCT, such as struct(question), not ${other.sql}")
  }

  def invalid(detail: String) = new AssayAnalysisException("ASSAY_INVALID_ARGUMENT", detail)
}
