package org.apache.spark.sql.assay

import java.util.concurrent.ThreadLocalRandom

import scala.annotation.tailrec
import scala.util.{Failure, Try}

import org.apache.spark.SparkContext

/** What other applications do to a table at the same time passes. */
private[assay] object Conflicts {
  private val FirstPauseMs = 100L
  private val LongestPauseMs = 5000L

  /** Does it until nobody has written meanwhile. */
  def retrying[T](sc: SparkContext)(body: => T): T = retrying(sc, 30, FirstPauseMs, isConflict, () => body)

  /** Does it until nobody makes the same table meanwhile. Gives up sooner: what looks like it may be a folder of another kind. */
  def creating[T](sc: SparkContext)(body: => T): T =
    retrying(sc, 8, FirstPauseMs, e => isConflict(e) || isHalfMade(e), () => body)

  @tailrec
  private def retrying[T](
      sc: SparkContext,
      tries: Int,
      pauseMs: Long,
      passes: Throwable => Boolean,
      body: () => T
  ): T =
    Try(body()) match {
      case Failure(e) if tries > 1 && causes(e).exists(passes) && !sc.isStopped =>
        Thread.sleep(pauseMs / 2 + ThreadLocalRandom.current.nextLong(pauseMs))
        retrying(sc, tries - 1, math.min(pauseMs * 2, LongestPauseMs), passes, body)
      case result => result.get
    }

  private def causes(e: Throwable): Iterator[Throwable] =
    Iterator.iterate(e)(_.getCause).take(8).takeWhile(_ != null)

  // The classes are Delta's, which need not be there.
  private def isConflict(e: Throwable): Boolean = {
    val name = e.getClass.getName
    name.startsWith("io.delta.exceptions.") || name.endsWith(".DeltaConcurrentModificationException")
  }

  private val halfMade = Seq(
    "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION",
    "DELTA_MISSING_DELTA_TABLE",
    "DELTA_TABLE_ALREADY_EXISTS",
    "DELTA_TABLE_NOT_FOUND",
    "TABLE_OR_VIEW_ALREADY_EXISTS"
  )

  /** A folder with a log in which nothing is committed yet. */
  private def isHalfMade(e: Throwable): Boolean =
    Option(e.getMessage).exists(message => halfMade.exists(message.contains))
}
