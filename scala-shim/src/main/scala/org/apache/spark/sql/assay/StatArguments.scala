package org.apache.spark.sql.assay

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.optimizer.NormalizeFloatingNumbers
import org.apache.spark.sql.catalyst.util.ArrayData
import org.apache.spark.sql.types._

/** What an argument of a statistic is, and so how many words of a row it takes. */
private[assay] sealed abstract class StatArgument(val words: Int)

private[assay] object StatArgument {

  /** A number, or BOOLEAN as 0 and 1. */
  case object Number extends StatArgument(1)

  /** BOOLEAN: which of two samples the row is of. */
  case object Label extends StatArgument(1)

  /** A number, or a label of the row: the aggregate takes pairs and two samples. */
  case object NumberOrLabel extends StatArgument(1)

  /** Any type but MAP; equal values are one cluster. */
  case object Cluster extends StatArgument(2)

  /** Any type but MAP; equal values are one category. */
  case object Category extends StatArgument(1)

  /** An ARRAY of ratings: numbers, or categories of any type. */
  case object Ratings extends StatArgument(0)
}

/** A statistic: what its arguments are, by name, and what it gives.
  *
  * @param option
  *   the option that one more argument stands for, such as k of pass_at_k, and whether that argument must be there
  * @param keepsMoments
  *   whether it has a result for more rows than are kept
  * @param ordered
  *   the option by which categories have an order or distances, its default, and the value by which they have none
  */
private[assay] final case class StatKind(
    arguments: Seq[(String, StatArgument)],
    isTest: Boolean = false,
    option: Option[(String, Boolean)] = None,
    keepsMoments: Boolean = false,
    ordered: Option[(String, String, String)] = None
) {
  private val positional = arguments.length + option.count(_._2)

  def check(name: String, children: Seq[Expression]): Unit = {
    Arguments.count(name, children, positional, arguments.length + option.size + 1)
    arguments.zip(children).foreach { case ((what, argument), child) => checkType(name, what, argument, child) }
    if (arguments.count(_._2 == StatArgument.Category) == 2) checkCategories(name, children)
  }

  private def checkType(name: String, what: String, argument: StatArgument, child: Expression): Unit = {
    val isNumber = StatKind.isNumber(child.dataType)
    val wanted = argument match {
      case StatArgument.Number | StatArgument.NumberOrLabel if !isNumber => "numeric or BOOLEAN"
      case StatArgument.Label if child.dataType != BooleanType && child.dataType != NullType =>
        throw Arguments.invalid(
          s"$name: $what must be BOOLEAN, not ${child.dataType.sql}; compare, such as model = 'b'"
        )
      case StatArgument.Ratings if !child.dataType.isInstanceOf[ArrayType] && child.dataType != NullType => "an ARRAY"
      case StatArgument.Number | StatArgument.NumberOrLabel | StatArgument.Label => ""
      case _ if child.dataType.existsRecursively(_.isInstanceOf[MapType]) => "of a type without a MAP"
      case _ => ""
    }
    if (wanted.nonEmpty)
      throw Arguments.invalid(
        s"$name: $what must be $wanted, not ${child.dataType.sql}; cast it, or name another column"
      )
  }

  private def checkCategories(name: String, children: Seq[Expression]): Unit = {
    val types = children.take(2).map(_.dataType)
    val agree = types.forall(StatKind.isNumber) || types.contains(NullType) ||
      types.map(_.asNullable).distinct.length == 1
    if (!agree)
      throw Arguments.invalid(
        s"$name: ${arguments.map(_._1).mkString(" and ")} must be of one type, not ${types.map(_.sql).mkString(" and ")}; " +
          "cast one of them"
      )
  }

  /** The options that are given by name, and those that arguments stand for. */
  def options(name: String, children: Seq[Expression]): ObjectNode = {
    val rest = children.drop(arguments.length)
    val (named, others) = option.fold((JsonValues.emptyObject, rest)) { case (option, required) =>
      rest.headOption match {
        case Some(argument) if required || StatKind.isWord(argument) =>
          val one = Seq(Literal(option), argument)
          val parsed = FunctionOptions.of(name, Some(CreateNamedStruct(one)))
          constant(name, parsed)
          (parsed.constant, rest.tail)
        case _ => (JsonValues.emptyObject, rest)
      }
    }
    if (others.length > 1) throw Arguments.invalid(s"$name takes its arguments as ${FunctionTable.signature(name)}")
    val byName = FunctionOptions.of(name, others.headOption)
    constant(name, byName)
    val all = byName.constant.deepCopy()
    all.setAll[JsonNode](named)
    all
  }

  /** That categories are not ranked by an order that is none. */
  def checkOrder(name: String, children: Seq[Expression], options: ObjectNode): Unit =
    ordered.filter(_ => isHashed(children)).foreach { case (option, default, unordered) =>
      val value = Option(options.get(option)).fold(default)(_.asText)
      if (value != unordered)
        throw Arguments.invalid(
          s"$name: with $option '$value' the values must be numeric, for the order of text means nothing; map them to numbers, " +
            s"or set $option to '$unordered'"
        )
    }

  private def constant(name: String, options: FunctionOptions): Unit = options.perRow.headOption.foreach {
    case (option, _) =>
      throw new AssayAnalysisException("ASSAY_INVALID_OPTION", s"$name: option '$option' must be a constant")
  }

  def isLabelled(children: Seq[Expression]): Boolean = arguments.map(_._2).zip(children).exists {
    case (StatArgument.Label, _) => true
    case (StatArgument.NumberOrLabel, child) => child.dataType == BooleanType
    case _ => false
  }

  /** Whether categories are of a type that is no number, and go as hashes. */
  def isHashed(children: Seq[Expression]): Boolean = arguments.map(_._2).zip(children).exists {
    case (StatArgument.Category, child) => !StatKind.isNumber(child.dataType)
    case (StatArgument.Ratings, child) => !StatKind.isNumber(StatKind.element(child.dataType))
    case _ => false
  }

  def layout(children: Seq[Expression], maxRows: Long): StatLayout = {
    val width = arguments.map(_._2.words).sum
    val numbers = arguments.map(_._2).zip(children).collect {
      case (StatArgument.Number | StatArgument.NumberOrLabel, child) => child.dataType
    }
    val flags = (if (isLabelled(children)) StatState.Labelled else 0) |
      (if (isHashed(children)) StatState.Hashed else 0) |
      (if (numbers.nonEmpty && numbers.forall(_ == BooleanType)) StatState.AllBoolean else 0)
    StatLayout(width, flags, math.min(maxRows, StatState.MaxWords / math.max(width, 1)), keepsMoments)
  }
}

private[assay] object StatKind {
  def isNumber(dataType: DataType): Boolean = dataType match {
    case BooleanType | NullType | _: NumericType => true
    case _ => false
  }

  /** Text that is no JSON: the value of an option. */
  def isWord(argument: Expression): Boolean =
    argument.dataType.isInstanceOf[StringType] && argument.foldable &&
      Option(argument.eval()).exists(!_.toString.trim.startsWith("{"))

  def element(dataType: DataType): DataType = dataType match {
    case ArrayType(element, _) => element
    case other => other
  }
}

/** Writes the arguments of a row as words. */
private[assay] final class StatRow(kind: StatKind, children: Seq[Expression]) {
  private val hashed = kind.isHashed(children)
  private val readers: Array[Expression] = kind.arguments
    .map(_._2)
    .zip(children)
    .map {
      case (StatArgument.Cluster, child) => child
      case (StatArgument.Category, child) if hashed => child
      case (StatArgument.Ratings, child) if hashed || child.dataType == NullType => child
      case (StatArgument.Ratings, child) => Cast(child, ArrayType(DoubleType))
      case (_, child) => Cast(child, DoubleType)
    }
    .toArray
  private val arguments: Array[StatArgument] = kind.arguments.map(_._2).toArray
  private val hashes: Array[ValueHash] = arguments.zip(children).map {
    case (StatArgument.Ratings, child) => new ValueHash(StatKind.element(child.dataType))
    case (_, child) => new ValueHash(child.dataType)
  }
  private var words = new Array[Long](math.max(kind.arguments.map(_._2.words).sum, 16))

  /** Adds the row to `state`; a NULL in any argument leaves it out. */
  def add(state: StatState, input: InternalRow): Unit = {
    var length = 0
    var i = 0
    while (i < readers.length && length >= 0) {
      val value = readers(i).eval(input)
      if (value == null) length = -1
      else {
        arguments(i) match {
          case StatArgument.Cluster =>
            words(length) = hashes(i).first(value)
            words(length + 1) = hashes(i).second(value)
            length += 2
          case StatArgument.Category if hashed =>
            words(length) = hashes(i).first(value)
            length += 1
          case StatArgument.Ratings => length = ratings(value.asInstanceOf[ArrayData], hashes(i))
          case _ =>
            words(length) = StatRow.word(value.asInstanceOf[Double])
            length += 1
        }
        i += 1
      }
    }
    if (length < 0) state.addNull() else state.add(words, length)
  }

  /** NULL is a rating that is missing. */
  private def ratings(array: ArrayData, hash: ValueHash): Int = {
    val n = array.numElements()
    if (n > words.length) words = new Array[Long](n * 2)
    var i = 0
    while (i < n) {
      words(i) =
        if (array.isNullAt(i)) StatRow.missing
        else if (hashed) hash.first(array.get(i, hash.dataType))
        else StatRow.word(array.getDouble(i))
      i += 1
    }
    n
  }
}

private object StatRow {
  val missing: Long = java.lang.Double.doubleToLongBits(Double.NaN)

  /** One zero and one NaN, not several. */
  def word(value: Double): Long = java.lang.Double.doubleToLongBits(if (value == 0.0) 0.0 else value)
}

/** Hashes of values of one type by the bytes of Spark's row format: equal values have equal bytes. */
private final class ValueHash(val dataType: DataType) {
  private lazy val projection =
    UnsafeProjection.create(Seq(NormalizeFloatingNumbers.normalize(BoundReference(0, dataType, nullable = false))))
  private val row = new GenericInternalRow(1)

  def first(value: Any): Long = hash(value, 42L)
  def second(value: Any): Long = hash(value, 0x5eed5eed5eed5eedL)

  private def hash(value: Any, seed: Long): Long = {
    row.update(0, value)
    val bytes = projection(row)
    XXH64.hashUnsafeBytes(bytes.getBaseObject, bytes.getBaseOffset, bytes.getSizeInBytes, seed)
  }
}
