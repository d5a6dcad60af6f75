package org.apache.spark.sql.assay

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.util.{ArrayData, MapData}
import org.apache.spark.sql.types._

/** Catalyst values as JSON, for options and constants. */
private[assay] object JsonValues {
  val mapper = new ObjectMapper()
  private val factory = JsonNodeFactory.instance

  def emptyObject: ObjectNode = factory.objectNode()

  def bytes(node: JsonNode): Array[Byte] = mapper.writeValueAsBytes(node)

  /** The JSON of a Catalyst value; None for a type that has no JSON form. */
  def of(value: Any, dataType: DataType): Option[JsonNode] = dataType match {
    case _ if value == null => Some(factory.nullNode())
    case _: StringType => Some(factory.textNode(value.toString))
    case BooleanType => Some(factory.booleanNode(value.asInstanceOf[Boolean]))
    case ByteType | ShortType | IntegerType | LongType => Some(factory.numberNode(value.asInstanceOf[Number].longValue))
    case FloatType | DoubleType => Some(factory.numberNode(value.asInstanceOf[Number].doubleValue))
    case _: DecimalType => Some(factory.numberNode(value.asInstanceOf[Decimal].toJavaBigDecimal))
    case NullType => Some(factory.nullNode())
    case ArrayType(elementType, _) =>
      val elements = value.asInstanceOf[ArrayData].toSeq[Any](elementType).map(of(_, elementType))
      if (elements.contains(None)) None
      else {
        val array = factory.arrayNode()
        elements.flatten.foreach(array.add)
        Some(array)
      }
    case MapType(keyType: StringType, valueType, _) =>
      val map = value.asInstanceOf[MapData]
      val keys = map.keyArray().toSeq[Any](keyType).map(_.toString)
      entries(keys.zip(map.valueArray().toSeq[Any](valueType)).map { case (k, v) => (k, v, valueType) })
    case StructType(fields) =>
      val row = value.asInstanceOf[InternalRow]
      entries(fields.toSeq.zipWithIndex.map { case (f, i) => (f.name, row.get(i, f.dataType), f.dataType) })
    case _ => None
  }

  private def entries(all: Seq[(String, Any, DataType)]): Option[JsonNode] = {
    val node = factory.objectNode()
    val converted = all.map { case (name, value, dataType) => of(value, dataType).map(name -> _) }
    if (converted.contains(None)) None
    else {
      converted.flatten.foreach { case (name, json) => node.set[JsonNode](name, json) }
      Some(node)
    }
  }
}
