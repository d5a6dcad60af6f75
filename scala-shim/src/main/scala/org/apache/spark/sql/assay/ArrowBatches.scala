package org.apache.spark.sql.assay

import java.nio.ByteBuffer
import java.nio.channels.{ReadableByteChannel, WritableByteChannel}

import scala.jdk.CollectionConverters._

import org.apache.arrow.vector.{
  FieldVector,
  Float8Vector,
  VarBinaryVector,
  VarCharVector,
  VectorLoader,
  VectorSchemaRoot
}
import org.apache.arrow.vector.complex.{ListVector, StructVector}
import org.apache.arrow.vector.ipc.{ArrowStreamWriter, ReadChannel}
import org.apache.arrow.vector.ipc.message.{ArrowRecordBatch, MessageSerializer}

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, UnsafeArrayData, UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.execution.arrow.ArrowWriter
import org.apache.spark.sql.types.{DataType, StructField, StructType}
import org.apache.spark.sql.util.ArrowUtils
import org.apache.spark.sql.vectorized.{ArrowColumnVector, ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.Platform

/** Where the inputs of native code stand: in the child's row itself if all are its columns, else in a projection of it. */
private[assay] final class NativeInputs(expressions: Seq[Expression], childOutput: Seq[Attribute], partition: Int) {
  private val positions = expressions.map {
    case a: Attribute => childOutput.indexWhere(_.exprId == a.exprId)
    case _ => -1
  }
  private val projection: Option[UnsafeProjection] =
    if (positions.forall(_ >= 0)) None
    else {
      val created = UnsafeProjection.create(expressions, childOutput)
      created.initialize(partition)
      Some(created)
    }

  val ordinals: Array[Int] = if (projection.isEmpty) positions.toArray else expressions.indices.toArray
  def apply(row: InternalRow): InternalRow = if (projection.isEmpty) row else projection.get(row)
}

/** Collects rows and gives them as one Arrow IPC stream in a direct buffer that is used again. */
private[assay] final class BatchWriter(types: Seq[DataType]) extends AutoCloseable {
  private val schema = StructType(types.zipWithIndex.map { case (t, i) => StructField(s"c$i", t) })
  private val allocator = ArrowUtils.rootAllocator.newChildAllocator("assay rows to native code", 0, Long.MaxValue)
  private val root = VectorSchemaRoot.create(
    ArrowUtils.toArrowSchema(schema, "UTC", errorOnDuplicatedFieldNames = false, largeVarTypes = false),
    allocator
  )
  private val columns: Array[ColumnWriter] = root.getFieldVectors.asScala.map(ColumnWriter(_)).toArray
  private val channel = new DirectChannel
  private val inOrder = types.indices.toArray
  private var count = 0

  def rows: Int = count

  /** The bytes of all texts, binaries, lists and structs so far. */
  def textBytes: Long = {
    var sum = 0L
    var i = 0
    while (i < columns.length) {
      sum += columns(i).textBytes
      i += 1
    }
    sum
  }

  /** Adds a row whose values are those of `row`, in order. */
  def write(row: InternalRow): Unit = write(row, inOrder)

  /** Adds a row whose values stand at `ordinals` of `row`. */
  def write(row: InternalRow, ordinals: Array[Int]): Unit = {
    var i = 0
    while (i < columns.length) {
      columns(i).write(row, ordinals(i))
      i += 1
    }
    count += 1
  }

  /** Hands the rows so far to `use` as a direct buffer and the length of the stream in it, and starts anew. */
  def flush[T](use: (ByteBuffer, Int) => T): T = {
    columns.foreach(_.finish())
    root.setRowCount(count)
    channel.clear()
    val stream = new ArrowStreamWriter(root, null, channel)
    stream.start()
    stream.writeBatch()
    stream.end()
    columns.foreach(_.reset())
    count = 0
    use(channel.buffer, channel.length)
  }

  override def close(): Unit = {
    root.close()
    allocator.close()
  }
}

/** Writes the values of one column into its vector. */
private abstract class ColumnWriter {
  def write(row: InternalRow, ordinal: Int): Unit
  def textBytes: Long
  def finish(): Unit
  def reset(): Unit
}

private object ColumnWriter {
  def apply(vector: FieldVector): ColumnWriter = {
    vector.allocateNew()
    vector match {
      case texts: VarCharVector => new TextWriter(texts)
      case other =>
        // Spark's own writer, whose type Spark keeps to itself.
        val writer = ArrowWriter.createFieldWriter(other)
        val sizeOf = size(other)
        new ColumnWriter {
          private var bytes = 0L
          override def write(row: InternalRow, ordinal: Int): Unit = {
            if (!row.isNullAt(ordinal)) bytes += sizeOf(row, ordinal)
            writer.write(row, ordinal)
          }
          override def textBytes: Long = bytes
          override def finish(): Unit = writer.finish()
          override def reset(): Unit = {
            bytes = 0
            writer.reset()
          }
        }
    }
  }

  /** How many bytes a value takes, as far as that varies from row to row: prompts may hold images. */
  private def size(vector: FieldVector): (InternalRow, Int) => Long = vector match {
    case _: VarBinaryVector => (row, ordinal) => row.getBinary(ordinal).length
    case _: ListVector =>
      (row, ordinal) =>
        row.getArray(ordinal) match {
          case array: UnsafeArrayData => array.getSizeInBytes
          case _ => 0
        }
    case struct: StructVector =>
      val fields = struct.getChildrenFromFields.size
      (row, ordinal) =>
        row.getStruct(ordinal, fields) match {
          case value: UnsafeRow => value.getSizeInBytes
          case _ => 0
        }
    case _ => (_, _) => 0
  }
}

/** Copies texts from where Spark has them to where they stand in the vector, without objects in between. */
private final class TextWriter(vector: VarCharVector) extends ColumnWriter {
  private var count = 0
  private var end = 0
  // Where the vector's memory is and how much there is; looked up again when it has grown.
  private var validity, offsets, data = 0L
  private var maxCount, maxBytes = 0L
  locate()

  override def textBytes: Long = end

  override def write(row: InternalRow, ordinal: Int): Unit = {
    if (count >= maxCount) {
      vector.reallocValidityAndOffsetBuffers()
      locate()
    }
    if (!row.isNullAt(ordinal)) {
      val text = row.getUTF8String(ordinal)
      val length = text.numBytes
      if (length > maxBytes - end) {
        vector.reallocDataBuffer(end.toLong + length)
        locate()
      }
      text.writeToMemory(null, data + end)
      end += length
      val byte = validity + (count >> 3)
      Platform.putByte(null, byte, (Platform.getByte(null, byte) | (1 << (count & 7))).toByte)
    }
    count += 1
    Platform.putInt(null, offsets + 4L * count, end)
  }

  override def finish(): Unit = {
    vector.setLastSet(count - 1)
    vector.setValueCount(count)
  }

  /** Clears what was used; the vector's own reset would clear all that it has. */
  override def reset(): Unit = {
    Platform.setMemory(validity, 0, (count + 7) >> 3)
    count = 0
    end = 0
  }

  private def locate(): Unit = {
    validity = vector.getValidityBufferAddress
    offsets = vector.getOffsetBufferAddress
    data = vector.getDataBufferAddress
    maxCount = math.min(vector.getValidityBuffer.capacity * 8, vector.getOffsetBuffer.capacity / 4 - 1)
    maxBytes = vector.getDataBuffer.capacity
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

/** The batches that one native session gives back, one after the other. They have one schema, so the vectors are made once.
  * Rows are views: copy what must outlive the next [[load]] or [[close]].
  */
private[assay] final class ResultReader extends AutoCloseable {
  private val allocator = ArrowUtils.rootAllocator.newChildAllocator("assay rows from native code", 0, Long.MaxValue)
  private var root: VectorSchemaRoot = _
  private var loader: VectorLoader = _
  private var batch: ColumnarBatch = _

  /** Takes an Arrow IPC stream of one schema and one batch. */
  def load(ipc: Array[Byte]): Unit = {
    val channel = new ReadChannel(new ArrayChannel(ipc))
    val schema = MessageSerializer.readMessage(channel)
    if (root == null) {
      root = VectorSchemaRoot.create(MessageSerializer.deserializeSchema(schema.getMessage), allocator)
      loader = new VectorLoader(root)
      batch = new ColumnarBatch(root.getFieldVectors.asScala.map(v => new ArrowColumnVector(v): ColumnVector).toArray)
    }
    val records = MessageSerializer.deserializeMessageBatch(channel, allocator).asInstanceOf[ArrowRecordBatch]
    try loader.load(records)
    finally records.close()
    batch.setNumRows(root.getRowCount)
  }

  /** The rows of the last batch; none before the first. */
  def rows: Int = if (batch == null) 0 else batch.numRows()
  def row(i: Int): InternalRow = batch.getRow(i)

  /** Column `i` of the last batch, which holds doubles. */
  def doubles(i: Int): Float8Vector = root.getVector(i).asInstanceOf[Float8Vector]

  override def close(): Unit = {
    if (root != null) root.close()
    allocator.close()
  }
}

private final class ArrayChannel(bytes: Array[Byte]) extends ReadableByteChannel {
  private var position = 0

  override def read(target: ByteBuffer): Int =
    if (position == bytes.length) -1
    else {
      val n = math.min(target.remaining(), bytes.length - position)
      target.put(bytes, position, n)
      position += n
      n
    }
  override def isOpen: Boolean = true
  override def close(): Unit = ()
}
