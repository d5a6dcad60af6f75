package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}

import scala.util.Random

import org.scalatest.funsuite.AnyFunSuite

/** States of statistics: what they hold depends on the rows alone. */
class StatStateSuite extends AnyFunSuite {

  /** The kind that the bytes say, if it is not one of rows, and the rows in an order of their own. */
  private def content(bytes: Array[Byte]): (Int, Long, Seq[Seq[Long]]) = {
    val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    val (kind, width) = (bytes(1).toInt, bytes(2).toInt)
    val nulls = buffer.getLong(8)
    buffer.position(24)
    def row(length: Int) = Seq.fill(length)(buffer.getLong())
    val rows = kind match {
      case 0 =>
        val distinct = buffer.getLong().toInt
        val tuples = Seq.fill(distinct)(row(width))
        tuples.flatMap(tuple => Seq.fill(buffer.getLong().toInt)(tuple))
      case 1 if width == 0 =>
        val n = buffer.getLong().toInt
        buffer.getLong()
        Seq.fill(n)(row(buffer.getLong().toInt))
      case 1 => Seq.fill(buffer.getLong().toInt)(row(width))
      case _ => Seq(bytes.drop(24).map(_.toLong).toSeq)
    }
    import scala.math.Ordering.Implicits.seqOrdering
    (if (kind <= 1) 0 else kind, nulls, rows.sorted)
  }

  private def gather(layout: StatLayout, rows: Seq[Array[Long]]): StatState = {
    val state = new StatState(layout)
    rows.foreach(row => if (row == null) state.addNull() else state.add(row, row.length))
    state
  }

  private def check(name: String, layout: StatLayout, rows: Seq[Array[Long]], kind: Int): Unit = test(name) {
    val random = new Random(7)
    val whole = content(gather(layout, rows).serialize())
    assert(whole._1 == kind)
    for (parts <- Seq(1, 2, 7, 64)) {
      val groups = random.shuffle(rows).grouped(math.max(rows.length / parts, 1)).toSeq
      val states = groups.map(group => StatState.deserialize(layout, gather(layout, group).serialize()))
      val merged = random.shuffle(states).foldLeft(new StatState(layout))((state, other) => state.merge(other))
      assert(content(merged.serialize()) == whole, s"$parts parts")
      // Asked twice, and after more rows, it is still whole.
      assert(content(merged.serialize()) == whole)
      val more = new StatState(layout)
      rows.zipWithIndex.foreach { case (row, i) =>
        if (i % 997 == 3) more.serialize()
        if (row == null) more.addNull() else more.add(row, row.length)
      }
      assert(content(more.serialize("prefix".getBytes).drop(6)) == whole)
    }
  }

  private def layout(width: Int, maxRows: Long, moments: Boolean = false) = StatLayout(width, 0, maxRows, moments)
  private def doubles(n: Int, of: Int => Double): Seq[Array[Long]] =
    Seq.tabulate(n)(i => Array(java.lang.Double.doubleToLongBits(of(i))))

  check("no rows", layout(1, 10), Nil, 0)
  check("few rows", layout(2, 10), Seq.tabulate(40)(i => if (i % 9 == 1) null else Array(i.toLong, 1L)), 0)
  check("few distinct rows, more than are kept one by one", layout(1, 100), doubles(20000, i => i % 3), 0)
  check("many distinct rows", layout(3, 20000), Seq.tabulate(9000)(i => Array(i.toLong, i * 7L, i % 5L)), 0)
  check("too many distinct rows", layout(2, 8000), Seq.tabulate(9000)(i => Array(i.toLong, i * 7L)), 3)
  check("too many distinct numbers, of which moments are kept", layout(1, 8000, true), doubles(9000, i => i / 7.0), 2)
  check("many copies of many numbers", layout(1, 8000, true), doubles(90000, i => (i % 5000) / 7.0), 2)
  check("just as many distinct rows as are counted", layout(1, 10), doubles(9000, i => i % StatState.MaxDistinct), 0)
  check("ratings", layout(0, 9000), Seq.tabulate(2000)(i => Array.tabulate(i % 4)(j => i * 3L + j)), 0)
  check("too many ratings", layout(0, 1000), Seq.tabulate(2000)(i => Array.tabulate(i % 4)(j => i * 3L + j)), 3)
}
