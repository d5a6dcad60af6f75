package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}

import _root_.assay.NativeLibrary

/** What a state's rows are: tuples of `width` words of 64 bits, or ratings of any number where `width` is 0.
  *
  * @param flags
  *   what the engine should know of the arguments' types: bits of [[StatState]]
  * @param maxRows
  *   above so many rows with more than [[StatState.MaxDistinct]] distinct ones none is kept
  * @param moments
  *   whether sums of powers are kept in their place
  */
private[assay] final case class StatLayout(width: Int, flags: Int, maxRows: Long, moments: Boolean)

/** The rows of one group so far: a histogram while there are few distinct ones, the rows themselves after that, and with too many of
  * them sums of powers or only their number. Which of these depends on the rows alone, never on their order or partition; the layout
  * of the bytes is that of the engine's module `stats::state`, which sorts.
  */
private[assay] final class StatState(layout: StatLayout) {
  import StatState._

  private val width = layout.width
  private val step = math.max(width, 1)
  private var nulls = 0L
  private var rows = 0L // all of them
  // Rows that are in no other place yet.
  private var words = new Array[Long](16 * step)
  private var size = 0
  private var counts: TupleCounts = _
  private var moments: Array[Byte] = _
  private var mode = if (width == 0) Many else Few

  def addNull(): Unit = nulls += 1

  /** Adds the row that stands in the first `length` words of `row`. */
  def add(row: Array[Long], length: Int): Unit = {
    rows += 1
    if (mode == Few && size == MaxDistinct * width) countRecent()
    if (mode == Many && isTooMuch(size.toLong + length + (if (width == 0) 1 else 0))) leaveMany()
    if (mode == Moments && size == MomentsBuffer) fold(bytesOf(Rows))
    if (mode != TooMany) {
      reserve(size + length + (if (width == 0) 1 else 0))
      if (width == 0) {
        words(size) = length.toLong
        size += 1
      }
      if (length == 1) words(size) = row(0) else System.arraycopy(row, 0, words, size, length)
      size += length
    }
  }

  def merge(other: StatState): StatState = {
    nulls += other.nulls
    rows += other.rows
    if (mode == Few && other.mode == Few) {
      if (counts == null && other.counts == null && size + other.size <= MaxDistinct * width) append(other)
      else {
        count(words, size)
        size = 0
        count(other.words, other.size)
        if (other.counts != null) other.counts.foreach(counts.add)
        leaveFewIfMany()
      }
    } else if (mode == TooMany || other.mode == TooMany) dropRows()
    else {
      other.becomeMany()
      becomeMany()
      if (mode == Many && other.mode == Many && !isTooMuch(size.toLong + other.size)) append(other)
      else {
        leaveMany()
        other.leaveMany()
        if (mode == Moments) {
          fold(bytesOf(Rows))
          fold(other.serialize())
        }
      }
    }
    this
  }

  /** The state as the engine reads it. */
  def serialize(): Array[Byte] = serialize(Array.emptyByteArray)

  /** The same, after `prefix`. */
  def serialize(prefix: Array[Byte]): Array[Byte] = {
    if (mode == Few && size > SmallRows * width) countRecent()
    if (mode == Moments && size > 0) fold(bytesOf(Rows))
    val kind = mode match {
      case Few if counts == null => Rows
      case Few =>
        count(words, size)
        size = 0
        leaveFewIfMany()
        if (mode == Few && (rows > MaxDistinct || counts.distinct * (width + 1L) <= rows * width)) Counts
        else if (mode == Few) {
          expand()
          Rows
        } else return serialize(prefix)
      case other => other
    }
    bytesOf(kind, prefix)
  }

  private def bytesOf(kind: Int, prefix: Array[Byte] = Array.emptyByteArray): Array[Byte] = {
    val body = kind match {
      case Counts => 8 + counts.distinct * 8L * (width + 1)
      case Rows => (if (width == 0) 16 else 8) + size * 8L
      case Moments => moments.length.toLong
      case _ => 8L
    }
    val buffer =
      ByteBuffer.allocate(Math.toIntExact(prefix.length + Header + body)).order(ByteOrder.LITTLE_ENDIAN).put(prefix)
    buffer.put(Version).put(kind.toByte).put(width.toByte).put(layout.flags.toByte).putInt(0)
    buffer.putLong(nulls).putLong(layout.maxRows)
    kind match {
      case Counts =>
        buffer.putLong(counts.distinct.toLong)
        counts.write(buffer.asLongBuffer())
      case Rows =>
        buffer.putLong(if (width == 0) rows else (size / width).toLong)
        if (width == 0) buffer.putLong(size.toLong)
        buffer.asLongBuffer().put(words, 0, size)
      case Moments => buffer.put(moments)
      case _ => buffer.putLong(rows)
    }
    buffer.array()
  }

  private def countRecent(): Unit = {
    count(words, size)
    size = 0
    leaveFewIfMany()
  }

  private def count(from: Array[Long], length: Int): Unit = {
    if (counts == null) counts = new TupleCounts(width)
    var i = 0
    while (i < length) {
      counts.add(from, i, 1)
      i += width
    }
  }

  private def leaveFewIfMany(): Unit = if (counts.distinct > MaxDistinct) becomeMany()

  /** From [[Few]], with nothing recent or all of it, to what so many rows are kept as. */
  private def becomeMany(): Unit = if (mode == Few) {
    if (counts == null) mode = Many
    else {
      count(words, size)
      size = 0
      mode = Many
      if (isTooMuch(rows * width)) {
        if (layout.moments) {
          mode = Moments
          fold(bytesOf(Counts))
        } else dropRows()
      } else expand()
    }
    counts = null
  }

  /** Puts the counted rows one by one into `words`. */
  private def expand(): Unit = {
    counts.foreach { (from, at, count) =>
      reserve(size + Math.toIntExact(count * width))
      var i = 0L
      while (i < count) {
        System.arraycopy(from, at, words, size, width)
        size += width
        i += 1
      }
    }
    counts = null
  }

  private def leaveMany(): Unit = if (mode == Many) {
    if (layout.moments) {
      mode = Moments
      fold(bytesOf(Rows))
    } else dropRows()
  }

  private def dropRows(): Unit = {
    mode = TooMany
    words = Array.emptyLongArray
    size = 0
    counts = null
    moments = null
  }

  /** Adds what another state holds to the moments. */
  private def fold(state: Array[Byte]): Unit = {
    val parts = if (moments == null) Seq(state) else Seq(bytesOf(Moments), state)
    val input = ByteBuffer.allocate(parts.map(_.length + 4).sum).order(ByteOrder.LITTLE_ENDIAN)
    parts.foreach(part => input.putInt(part.length).put(part))
    moments = NativeLibrary.bridge.call("fold_moments", input.array())
    size = 0
    if (words.length > MomentsBuffer) words = new Array[Long](MomentsBuffer)
  }

  private def append(other: StatState): Unit = {
    reserve(size + other.size)
    System.arraycopy(other.words, 0, words, size, other.size)
    size += other.size
  }

  private def isTooMuch(wordsNeeded: Long): Boolean = wordsNeeded > layout.maxRows * step

  private def reserve(needed: Int): Unit =
    if (needed > words.length) words = java.util.Arrays.copyOf(words, math.max(needed, words.length * 2))
}

private[assay] object StatState {
  val Version: Byte = 2
  val MaxDistinct = 4096

  /** Words that a state of `width` may hold; a state is one array of bytes. */
  val MaxWords: Long = 1L << 27

  val Labelled = 1
  val Hashed = 2
  val AllBoolean = 4

  private val Header = 24
  private val SmallRows = 64
  private val MomentsBuffer = 1 << 16

  // What the rows are kept as; the first is written as counts or as rows.
  private val Counts = 0
  private val Rows = 1
  private val Many = Rows
  private val Moments = 2
  private val TooMany = 3
  private val Few = 4

  def deserialize(layout: StatLayout, bytes: Array[Byte]): StatState = {
    val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    require(buffer.get() == Version, "an aggregation state of another version")
    val kind = buffer.get().toInt
    val state = new StatState(layout)
    buffer.position(8)
    state.nulls = buffer.getLong()
    buffer.position(Header)
    kind match {
      case Counts =>
        val distinct = buffer.getLong().toInt
        val from = new Array[Long](distinct * (layout.width + 1))
        buffer.asLongBuffer().get(from)
        state.counts = new TupleCounts(layout.width, distinct)
        var i = 0
        while (i < distinct) {
          val count = from(distinct * layout.width + i)
          state.counts.add(from, i * layout.width, count)
          state.rows += count
          i += 1
        }
      case Rows =>
        state.rows = buffer.getLong()
        state.size = Math.toIntExact(if (layout.width == 0) buffer.getLong() else state.rows * layout.width)
        state.words = new Array[Long](math.max(state.size, 16))
        buffer.asLongBuffer().get(state.words, 0, state.size)
        if (state.rows > MaxDistinct) state.mode = Many
      case Moments =>
        state.mode = Moments
        state.rows = buffer.getLong(Header)
        state.moments = java.util.Arrays.copyOfRange(bytes, Header, bytes.length)
      case _ =>
        state.dropRows()
        state.rows = buffer.getLong()
    }
    state
  }
}

/** How often each tuple of `width` words occurs. */
private[assay] final class TupleCounts(width: Int, expected: Int = 16) {
  private var slots = Integer.highestOneBit(math.max(expected, 8)) * 4
  private var keys = new Array[Long](slots * width)
  private var counts = new Array[Long](slots) // 0 marks a free place
  private var used = 0

  def distinct: Int = used

  def add(from: Array[Long], at: Int, count: Long): Unit = {
    var slot = find(from, at)
    if (counts(slot) == 0) {
      if (used * 2 >= slots) {
        grow()
        slot = find(from, at)
      }
      System.arraycopy(from, at, keys, slot * width, width)
      used += 1
    }
    counts(slot) += count
  }

  def foreach(f: (Array[Long], Int, Long) => Unit): Unit = {
    var slot = 0
    while (slot < slots) {
      if (counts(slot) > 0) f(keys, slot * width, counts(slot))
      slot += 1
    }
  }

  /** Writes all tuples, then all counts. */
  def write(to: java.nio.LongBuffer): Unit = {
    foreach((from, at, _) => to.put(from, at, width): Unit)
    foreach((_, _, count) => to.put(count): Unit)
  }

  private def find(from: Array[Long], at: Int): Int = {
    var hash = 0L
    var i = 0
    while (i < width) {
      hash = (hash ^ from(at + i)) * 0x9e3779b97f4a7c15L
      hash ^= hash >>> 32
      i += 1
    }
    var slot = hash.toInt & (slots - 1)
    while (counts(slot) != 0 && !isAt(slot, from, at)) slot = (slot + 1) & (slots - 1)
    slot
  }

  private def isAt(slot: Int, from: Array[Long], at: Int): Boolean = {
    var i = 0
    while (i < width && keys(slot * width + i) == from(at + i)) i += 1
    i == width
  }

  private def grow(): Unit = {
    val (oldKeys, oldCounts) = (keys, counts)
    slots *= 2
    keys = new Array[Long](slots * width)
    counts = new Array[Long](slots)
    var old = 0
    while (old < oldCounts.length) {
      if (oldCounts(old) > 0) {
        val slot = find(oldKeys, old * width)
        System.arraycopy(oldKeys, old * width, keys, slot * width, width)
        counts(slot) = oldCounts(old)
      }
      old += 1
    }
  }
}
