package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}

/** The values of one group so far: a histogram while there are few distinct ones, the values themselves after that.
  * Compact, mergeable in any order, and read by the engine, which sorts: the result does not depend on partitioning.
  *
  * Layout, little-endian: version 1 (byte), kind (byte), number of NULLs (long); kind 0: number of distinct values
  * (int), then value (double) and count (long) for each; kind 1: number of values (long), then each (double).
  */
private[assay] final class ValueState {
  private var nulls = 0L
  private var keys = new Array[Double](16)
  private var counts = new Array[Long](16) // 0 marks a free place
  private var distinct = 0
  private var values: Array[Double] = _ // null while the histogram is in use
  private var size = 0

  def addNull(): Unit = nulls += 1

  def add(value: Double): Unit = add(value, 1)

  private def add(raw: Double, count: Long): Unit = {
    val value = if (raw == 0.0) 0.0 else raw // one zero, not two
    if (values != null) append(value, count)
    else {
      var i = slot(value)
      if (counts(i) == 0) {
        if (distinct == ValueState.MaxDistinct) {
          expand()
          append(value, count)
          return
        }
        if (distinct * 2 >= keys.length) {
          grow()
          i = slot(value)
        }
        keys(i) = value
        distinct += 1
      }
      counts(i) += count
    }
  }

  def merge(other: ValueState): ValueState = {
    nulls += other.nulls
    if (other.values != null) {
      if (values == null) expand()
      reserve(other.size)
      System.arraycopy(other.values, 0, values, size, other.size)
      size += other.size
    } else other.foreachDistinct(add)
    this
  }

  def serialize(): Array[Byte] = {
    val body = if (values == null) 4 + distinct * 16 else 8 + size * 8
    val buffer = ByteBuffer.allocate(10 + body).order(ByteOrder.LITTLE_ENDIAN)
    buffer.put(ValueState.Version).put((if (values == null) 0 else 1).toByte).putLong(nulls)
    if (values == null) {
      buffer.putInt(distinct)
      foreachDistinct((value, count) => buffer.putDouble(value).putLong(count): Unit)
    } else {
      buffer.putLong(size.toLong)
      var i = 0
      while (i < size) {
        buffer.putDouble(values(i))
        i += 1
      }
    }
    buffer.array()
  }

  private def foreachDistinct(f: (Double, Long) => Unit): Unit = {
    var i = 0
    while (i < keys.length) {
      if (counts(i) > 0) f(keys(i), counts(i))
      i += 1
    }
  }

  private def slot(value: Double): Int = {
    val bits = java.lang.Double.doubleToLongBits(value)
    var h = bits * 0x9e3779b97f4a7c15L
    h ^= h >>> 32
    var i = h.toInt & (keys.length - 1)
    while (counts(i) != 0 && java.lang.Double.doubleToLongBits(keys(i)) != bits) i = (i + 1) & (keys.length - 1)
    i
  }

  private def grow(): Unit = {
    val (oldKeys, oldCounts) = (keys, counts)
    keys = new Array[Double](oldKeys.length * 2)
    counts = new Array[Long](oldCounts.length * 2)
    oldKeys.indices.foreach { j =>
      if (oldCounts(j) > 0) {
        val i = slot(oldKeys(j))
        keys(i) = oldKeys(j)
        counts(i) = oldCounts(j)
      }
    }
  }

  private def expand(): Unit = {
    values = new Array[Double](1024)
    foreachDistinct(append)
    keys = Array.emptyDoubleArray
    counts = Array.emptyLongArray
  }

  private def append(value: Double, count: Long): Unit = {
    reserve(count)
    java.util.Arrays.fill(values, size, size + count.toInt, value)
    size += count.toInt
  }

  private def reserve(more: Long): Unit = {
    val needed = size + more
    if (needed > ValueState.MaxValues)
      throw new _root_.assay.AssayException(
        "ASSAY_INVALID_ARGUMENT",
        s"a group has more than ${ValueState.MaxValues} values that are not among ${ValueState.MaxDistinct} distinct ones; " +
          "aggregate smaller groups or a sample"
      )
    if (needed > values.length)
      values = java.util.Arrays
        .copyOf(values, math.min(ValueState.MaxValues.toLong, math.max(needed, values.length * 2L)).toInt)
  }
}

private[assay] object ValueState {
  val Version: Byte = 1
  val MaxDistinct = 4096
  val MaxValues: Int = 1 << 27

  def deserialize(bytes: Array[Byte]): ValueState = {
    val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    require(buffer.get() == Version, "an aggregation state of another version")
    val state = new ValueState
    val kind = buffer.get()
    state.nulls = buffer.getLong()
    if (kind == 0) (0 until buffer.getInt()).foreach(_ => state.add(buffer.getDouble(), buffer.getLong()))
    else {
      state.size = buffer.getLong().toInt
      state.values = new Array[Double](math.max(state.size, 16))
      buffer.asDoubleBuffer().get(state.values, 0, state.size)
      state.keys = Array.emptyDoubleArray
      state.counts = Array.emptyLongArray
    }
    state
  }
}
