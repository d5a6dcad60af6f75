package org.apache.spark.sql.assay

import java.util.Arrays

import org.apache.spark.unsafe.types.UTF8String

/** Request keys, each with a number in the order of its first addition: 32 bytes for a key and no object. Keys are SHA-256, so their
  * first bytes are as good as any hash of them.
  */
private[assay] final class KeySet(expected: Int = 64) extends Serializable {
  import KeySet._

  private var bytes = new Array[Byte](math.max(expected, 8) * Width)
  // Number plus one; 0 is free. At most half full.
  private var slots = new Array[Int](Integer.highestOneBit(math.max(expected, 8) * 2 - 1) * 2)
  private var count = 0

  def size: Int = count

  /** The number of a key, which is `size` before the call if it is new. None is lost: what is no key of ours is an error of ours. */
  def add(key: UTF8String): Int = {
    val decoded = new Array[Byte](Width)
    require(decode(key, decoded), "a request key has 64 hexadecimal digits")
    add(decoded, 0)
  }

  /** The same for a key that is 32 bytes at `from`. */
  def add(keys: Array[Byte], from: Int): Int = {
    val slot = slotOf(keys, from)
    if (slots(slot) != 0) slots(slot) - 1
    else {
      if ((count + 1) * Width > bytes.length) bytes = Arrays.copyOf(bytes, bytes.length * 2)
      System.arraycopy(keys, from, bytes, count * Width, Width)
      count += 1
      slots(slot) = count
      if (count * 2 > slots.length) grow()
      count - 1
    }
  }

  /** The number of a key; -1 if it is not there. */
  def find(key: UTF8String): Int = {
    val decoded = buffer.get()
    if (decode(key, decoded)) slots(slotOf(decoded, 0)) - 1 else -1
  }

  /** All keys, 32 bytes each, in the order of their numbers. */
  def toBytes: Array[Byte] = Arrays.copyOf(bytes, count * Width)

  def key(number: Int): String = {
    val text = new StringBuilder(2 * Width)
    (number * Width until (number + 1) * Width).foreach { i =>
      text += Character.forDigit((bytes(i) >> 4) & 15, 16) += Character.forDigit(bytes(i) & 15, 16)
    }
    text.toString
  }

  private def slotOf(keys: Array[Byte], from: Int): Int = {
    val mask = slots.length - 1
    var hash = 0
    var i = 0
    while (i < 4) {
      hash = (hash << 8) | (keys(from + i) & 255)
      i += 1
    }
    var slot = hash & mask
    while (slots(slot) != 0 && !same(keys, from, slots(slot) - 1)) slot = (slot + 1) & mask
    slot
  }

  private def same(keys: Array[Byte], from: Int, number: Int): Boolean =
    Arrays.equals(keys, from, from + Width, bytes, number * Width, (number + 1) * Width)

  private def grow(): Unit = {
    slots = new Array[Int](slots.length * 2)
    var number = 0
    while (number < count) {
      slots(slotOf(bytes, number * Width)) = number + 1
      number += 1
    }
  }
}

private[assay] object KeySet {
  val Width = 32
  private val buffer = ThreadLocal.withInitial[Array[Byte]](() => new Array[Byte](Width))

  private def decode(key: UTF8String, into: Array[Byte]): Boolean = {
    var i = 0
    var right = key.numBytes == 2 * Width
    while (right && i < Width) {
      val high = Character.digit(key.getByte(2 * i), 16)
      val low = Character.digit(key.getByte(2 * i + 1), 16)
      right = high >= 0 && low >= 0
      into(i) = ((high << 4) | low).toByte
      i += 1
    }
    right
  }
}
