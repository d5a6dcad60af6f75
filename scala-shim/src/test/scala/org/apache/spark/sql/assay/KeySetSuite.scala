package org.apache.spark.sql.assay

import java.security.MessageDigest

import org.scalatest.funsuite.AnyFunSuite

import org.apache.spark.unsafe.types.UTF8String

class KeySetSuite extends AnyFunSuite {
  private def key(i: Int): String =
    MessageDigest.getInstance("SHA-256").digest(i.toString.getBytes("UTF-8")).map(b => f"$b%02x").mkString

  private def text(i: Int): UTF8String = UTF8String.fromString(key(i))

  test("keys get numbers in order, and are found by them") {
    val set = new KeySet
    for (i <- 0 until 5000) assert(set.add(text(i)) == i && set.add(text(i / 2)) == i / 2)
    assert(set.size == 5000 && set.toBytes.length == 5000 * KeySet.Width)
    for (i <- 0 until 5000) assert(set.find(text(i)) == i && set.key(i) == key(i))
    for (i <- 5000 until 10000) assert(set.find(text(i)) == -1)
    // Keys that begin alike.
    val like = key(7).take(62)
    assert(set.add(UTF8String.fromString(s"${like}00")) == 5000 && set.add(UTF8String.fromString(s"${like}01")) == 5001)
    assert(set.find(UTF8String.fromString(s"${like}01")) == 5001)
  }

  test("what is no key is not found, and not added") {
    val set = new KeySet
    for (other <- Seq("", "x", "g" * 64, key(1).take(63), key(1) + "0")) {
      assert(set.find(UTF8String.fromString(other)) == -1)
      intercept[IllegalArgumentException](set.add(UTF8String.fromString(other)))
    }
  }

  test("each key knows the partitions that want it") {
    def keys(numbers: Int*): Array[Byte] = {
      val set = new KeySet
      numbers.foreach(i => set.add(text(i)))
      set.toBytes
    }
    val wanted = WantedKeys.of(Array(keys(1, 2, 3), keys(), keys(3, 4), keys(2, 3)))
    val found = (1 to 5).map(i => wanted.partitionsOf(text(i)))
    assert(found == Seq(Seq(0), Seq(0, 3), Seq(0, 2, 3), Seq(2), Nil))
    assert(wanted.contains(text(4)) && !wanted.contains(text(5)))
    assert(WantedKeys.of(Array.empty).partitionsOf(text(1)) == Nil)
  }
}
