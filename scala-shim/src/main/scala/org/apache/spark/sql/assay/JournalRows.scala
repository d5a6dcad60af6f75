package org.apache.spark.sql.assay

import java.nio.ByteBuffer

import _root_.assay.NativeLibrary
import org.apache.hadoop.fs.{FSDataInputStream, Path}
import org.slf4j.LoggerFactory

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection
import org.apache.spark.sql.classic.{DataFrame, SparkSession}
import org.apache.spark.util.{CollectionAccumulator, SerializableConfiguration}

/** What stands in journals, as rows of a cache table. */
private[assay] object JournalRows {
  private val log = LoggerFactory.getLogger("assay.JournalRows")

  /** File and number of places. */
  type Dropped = CollectionAccumulator[(String, Long)]

  /** The files below `base` that are not in the table, but for those of one application. */
  def unfolded(session: SparkSession, base: Path, except: Option[String]): Seq[JournalFile] = {
    val system = JournalFiles.system(base, session.sessionState.newHadoopConf())
    JournalFiles.unfoldedIn(base, system, except)
  }

  /** The entries of files, one task for each. What is torn or damaged is left out, said in the log and counted.
    *
    * @param dropped
    *   gets, for each reading of a file, the stretches of bytes that could not be used
    */
  def read(session: SparkSession, files: Seq[JournalFile], dropped: Option[Dropped] = None): DataFrame = {
    val conf = session.sparkContext.broadcast(new SerializableConfiguration(session.sessionState.newHadoopConf()))
    val rows = session.sparkContext
      .parallelize(files, math.max(files.length, 1))
      .mapPartitions(_.flatMap(file => new JournalRowsIterator(file, conf.value, dropped, TaskContext.get())))
    session.internalCreateDataFrame(rows, CacheSchema.stored)
  }

  private[assay] def damaged(file: String, bytes: Long, places: Long): Unit =
    log.warn("{} bytes in {} places of the journal {} are torn or damaged and left out", bytes, places, file)
}

private final class JournalRowsIterator(
    file: JournalFile,
    conf: SerializableConfiguration,
    dropped: Option[JournalRows.Dropped],
    context: TaskContext
) extends Iterator[InternalRow] {
  private val bridge = NativeLibrary.bridge
  private val path = new Path(file.path)
  private val in: FSDataInputStream = JournalFiles.system(path, conf.value).open(path)
  private val session = bridge.open(JsonValues.bytes(JsonValues.emptyObject.put("kind", "journal").put("version", 1)))
  private val reader = new ResultReader
  private val project = UnsafeProjection.create(CacheSchema.stored)
  private val bytes = new Array[Byte](JournalRowsIterator.Piece)
  private val buffer = ByteBuffer.allocateDirect(JournalRowsIterator.Piece)
  private var left = file.length
  private var position = 0
  private var ended = false

  context.addTaskCompletionListener[Unit](_ => close())

  override def hasNext: Boolean = {
    while (position >= reader.rows && !ended) readOn()
    position < reader.rows
  }

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException
    position += 1
    project(reader.row(position - 1))
  }

  private def readOn(): Unit = {
    context.killTaskIfInterrupted()
    val count = if (left <= 0) -1 else in.read(bytes, 0, math.min(left, bytes.length).toInt)
    buffer.clear()
    if (count > 0) {
      left -= count
      buffer.put(bytes, 0, count)
    }
    position = 0
    reader.load(bridge.eval(session, buffer, math.max(count, 0)))
    if (count < 0) {
      ended = true
      // Bytes, and stretches of them.
      val lost = bridge.counters(session)
      if (lost(1) > 0) {
        JournalRows.damaged(file.path, lost(0), lost(1))
        dropped.foreach(_.add(file.path -> lost(1)))
      }
    }
  }

  private var closed = false
  private def close(): Unit = if (!closed) {
    closed = true
    in.close()
    bridge.close(session)
    reader.close()
  }
}

private object JournalRowsIterator {
  val Piece: Int = 4 << 20
}
