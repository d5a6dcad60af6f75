package org.apache.spark.sql.assay

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.channels.WritableByteChannel

import scala.jdk.CollectionConverters._

import org.apache.arrow.vector.VectorSchemaRoot
import org.apache.arrow.vector.ipc.{ArrowStreamReader, ArrowStreamWriter}

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.execution.arrow.ArrowWriter
import org.apache.spark.sql.types.{DataType, StructField, StructType}
import org.apache.spark.sql.util.ArrowUtils
import org.apache.spark.sql.vectorized.{ArrowColumnVector, ColumnVector, ColumnarBatch}

/** Collects rows and gives them as one Arrow IPC stream in a direct buffer that is used again. */
private[assay] final class BatchWriter(types: Seq[DataType]) extends AutoCloseable {
  private val schema = StructType(types.zipWithIndex.map { case (t, i) => StructField(s"c$i", t) })
  private val allocator = ArrowUtils.rootAllocator.newChildAllocator("assay rows to native code", 0, Long.MaxValue)
  private val root = VectorSchemaRoot.create(
    ArrowUtils.toArrowSchema(schema, "UTC", errorOnDuplicatedFieldNames = false, largeVarTypes = false),
    allocator
  )
  private val writer = ArrowWriter.create(root)
  private val channel = new DirectChannel
  private var count = 0

  def rows: Int = count

  def write(row: InternalRow): Unit = {
    writer.write(row)
    count += 1
  }

  /** Hands the rows so far to `use` as a direct buffer and the length of the stream in it, and starts anew. */
  def flush[T](use: (ByteBuffer, Int) => T): T = {
    writer.finish()
    channel.clear()
    val stream = new ArrowStreamWriter(root, null, channel)
    stream.start()
    stream.writeBatch()
    stream.end()
    writer.reset()
    count = 0
    use(channel.buffer, channel.length)
  }

  override def close(): Unit = {
    root.close()
    allocator.close()
  }
}

private final class DirectChannel extends WritableByteChannel {
  private var bytes = ByteBuffer.allocateDirect(1 << 16)

  def buffer: ByteBuffer = bytes
  def length: Int = bytes.position()
  def clear(): Unit = bytes.clear()

  override def write(source: ByteBuffer): Int = {
    val n = source.remaining()
    if (n > bytes.remaining()) {
      val larger = ByteBuffer.allocateDirect(math.max(bytes.capacity() * 2, bytes.position() + n))
      bytes.flip()
      larger.put(bytes)
      bytes = larger
    }
    bytes.put(source)
    n
  }
  override def isOpen: Boolean = true
  override def close(): Unit = ()
}

/** One batch that native code gave back. Rows are views: copy what must outlive [[close]]. */
private[assay] final class ResultBatch(ipc: Array[Byte]) extends AutoCloseable {
  private val allocator = ArrowUtils.rootAllocator.newChildAllocator("assay rows from native code", 0, Long.MaxValue)
  private val reader = new ArrowStreamReader(new ByteArrayInputStream(ipc), allocator)
  reader.loadNextBatch()
  private val root = reader.getVectorSchemaRoot
  private val batch = new ColumnarBatch(
    root.getFieldVectors.asScala.map(v => new ArrowColumnVector(v): ColumnVector).toArray,
    root.getRowCount
  )

  def rows: Int = batch.numRows()
  def row(i: Int): InternalRow = batch.getRow(i)

  override def close(): Unit = {
    reader.close()
    allocator.close()
  }
}
