package org.apache.spark.sql.assay

import scala.collection.mutable

import _root_.assay.{AssayConf, NativeLibrary}
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.hadoop.fs.Path

import org.apache.spark.{Partitioner, TaskContext}
import org.apache.spark.rdd.{RDD, ShuffledRDD}
import org.apache.spark.sql.{Column, Row}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.util.GenericArrayData
import org.apache.spark.sql.classic.{DataFrame, SparkSession}
import org.apache.spark.sql.execution.UnsafeRowSerializer
import org.apache.spark.sql.functions.{broadcast, col, lit, timestamp_micros}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

/** Looks up what the cache has for the rows of a query, when the query executes.
  *
  * Rows stay where they are, in their order; only their keys travel, once for each partition, and come back with answers. So a
  * prompt that a million rows share is looked up once for each partition, and no task gets more of it than another. The rows are
  * evaluated once more for their keys, which costs what reading them costs; the answer of a row is found by the key that the row has
  * when it is called for, never by its place.
  */
private[assay] object CacheLookup {

  /** Up to so many distinct keys stand in the condition itself, by which files and pages of the table are skipped. */
  private val ListedKeys = 500

  /** The answers for `rows` in the partitions of `rows`; None where nothing is stored that could be one. */
  def known(
      session: SparkSession,
      conf: SQLConf,
      cache: Cache,
      rows: RDD[InternalRow],
      task: CompletionTask
  ): Option[RDD[InternalRow]] = {
    val lookup = lookupSession(session)
    stored(lookup, conf, cache).map { all =>
      val answers = all.select(CacheSchema.answers.map(f => col(f.name)): _*)
      val keys = KeysTask(keysSpec(task), task.inputs, task.childOutput)
      val joined = collectFew(rows, keys, AssayConf.long(conf, AssayConf.CacheBroadcastKeys)) match {
        case Some(few) => withFew(lookup, answers, few)
        case None => withMany(lookup, answers, rows, keys)
      }
      toPartitions(joined, rows.getNumPartitions)
    }
  }

  /** A session of its own, lest its plans show as those of the query: with adaptive execution they would be run at once and replace the
    * query's plan in the UI.
    */
  private def lookupSession(session: SparkSession): SparkSession = {
    val own = session.cloneSession()
    own.conf.set(SQLConf.ADAPTIVE_EXECUTION_ENABLED.key, "false")
    own
  }

  /** All that may be served: the table and what is not in it yet. */
  private def stored(session: SparkSession, conf: SQLConf, cache: Cache): Option[DataFrame] =
    cache.table.flatMap { table =>
      // What this application writes there itself its claims know.
      val own =
        cache.journal.map(place => new Path(place.folder)).filter(_.getParent == qualified(session, table, conf))
      val journals = JournalRows.unfolded(session, table.journals(conf), own.map(_.getName))
      val inTable = table.read(session)
      val both = if (journals.isEmpty) inTable else inTable.unionByName(JournalRows.read(session, journals))
      val served = if (cache.mode.calls) both.where(col("status") === "ok") else both
      val fresh = cache.notBefore.fold(served)(from => served.where(col("created_at") >= timestamp_micros(lit(from))))
      if (journals.isEmpty && isEmpty(inTable)) None else Some(fresh)
    }

  private def qualified(session: SparkSession, table: CacheTable, conf: SQLConf): Path = {
    val base = table.journals(conf)
    JournalFiles.system(base, session.sessionState.newHadoopConf()).makeQualified(base)
  }

  /** Whether the table has no files. */
  private def isEmpty(table: DataFrame): Boolean = table.inputFiles.isEmpty

  private def keysSpec(task: CompletionTask): Array[Byte] = {
    val whole = JsonValues.mapper.readTree(task.spec).asInstanceOf[ObjectNode]
    val keys = JsonValues.emptyObject.put("kind", "keys").put("version", 1)
    keys.set[ObjectNode]("columns", whole.get("columns"))
    keys.set[ObjectNode]("calls", whole.get("calls"))
    JsonValues.bytes(keys)
  }

  /** The distinct keys with their partitions, if there are at most `few`. */
  private def collectFew(rows: RDD[InternalRow], keys: KeysTask, few: Long): Option[Map[String, Seq[Int]]] = {
    val partitions = rows.getNumPartitions
    if (partitions == 0) Some(Map.empty)
    else {
      val most = math.max(few / partitions, 1)
      val found = rows.sparkContext.runJob(
        rows,
        (context: TaskContext, iterator: Iterator[InternalRow]) => {
          val distinct = mutable.HashSet.empty[UTF8String]
          val all = keys.of(iterator, context)
          while (distinct.size <= most && all.hasNext) distinct += all.next()
          distinct.map(_.toString).toArray
        }
      )
      if (found.exists(_.length > most)) None
      else {
        val byKey = found.zipWithIndex.toSeq.flatMap { case (own, partition) => own.map(_ -> partition) }
        Some(byKey.groupMap(_._1)(_._2))
      }
    }
  }

  private val Partitions = "_partitions"
  private val Key = "request_key"

  private def withFew(
      session: SparkSession,
      answers: DataFrame,
      few: Map[String, Seq[Int]]
  ): RDD[(Int, InternalRow)] = {
    val schema = new StructType().add(Key, StringType).add(Partitions, ArrayType(IntegerType))
    val wanted = session.createDataFrame(
      java.util.Arrays.asList(few.toSeq.map { case (key, own) => Row(key, own) }: _*),
      schema
    )
    val listed: Option[Column] =
      if (few.size <= ListedKeys) Some(col(Key).isin(few.keys.toSeq: _*)) else None
    val candidates = listed.fold(answers)(answers.where(_))
    val width = CacheSchema.answers.length
    val columns = CacheSchema.answers.map(f => col(f.name)) :+ col(Partitions)
    val joined = candidates.join(broadcast(wanted), Key).select(columns: _*)
    unsafeRows(joined).flatMap { case (row, answer) => row.getArray(width).toIntArray().map(_ -> answer) }
  }

  private def withMany(
      session: SparkSession,
      answers: DataFrame,
      rows: RDD[InternalRow],
      keys: KeysTask
  ): RDD[(Int, InternalRow)] = {
    val schema = new StructType().add(Key, StringType).add(Partitions, ArrayType(IntegerType))
    val wanted = rows.mapPartitionsWithIndexInternal { (partition, iterator) =>
      val row = new GenericInternalRow(2)
      row.update(1, new GenericArrayData(Array[Any](partition)))
      val project = UnsafeProjection.create(schema)
      keys.distinct(iterator, TaskContext.get()).map { key =>
        row.update(0, key)
        project(row): InternalRow
      }
    }
    val columns = CacheSchema.answers.map(f => col(f.name)) :+ col(Partitions)
    // Neither side is small: both are partitioned by key.
    val joined =
      answers.join(session.internalCreateDataFrame(wanted, schema).hint("shuffle_merge"), Key).select(columns: _*)
    val width = CacheSchema.answers.length
    unsafeRows(joined).map { case (row, answer) => (row.getArray(width).getInt(0), answer) }
  }

  /** Each row with a copy of its answer's columns. */
  private def unsafeRows(joined: DataFrame): RDD[(InternalRow, InternalRow)] = {
    val fields = joined.schema.fields.map(_.dataType)
    joined.queryExecution.toRdd.mapPartitionsInternal { rows =>
      val references = CacheSchema.answers.indices.map(i => BoundReference(i, fields(i), nullable = true))
      val project = UnsafeProjection.create(references)
      rows.map(row => (row, project(row).copy()))
    }
  }

  private def toPartitions(answers: RDD[(Int, InternalRow)], partitions: Int): RDD[InternalRow] = {
    val shuffled = new ShuffledRDD[Int, InternalRow, InternalRow](answers, new AsGiven(partitions))
    shuffled.setSerializer(new UnsafeRowSerializer(CacheSchema.answers.length)).map(_._2)
  }

  private final class AsGiven(override val numPartitions: Int) extends Partitioner {
    override def getPartition(key: Any): Int = key.asInstanceOf[Int]
  }
}

/** The keys of the requests that a [[CompletionTask]] would make for the same rows. */
private[assay] final case class KeysTask(spec: Array[Byte], inputs: Seq[Expression], childOutput: Seq[Attribute]) {
  override def toString: String = "KeysTask"

  def of(rows: Iterator[InternalRow], context: TaskContext): Iterator[UTF8String] =
    if (rows.hasNext) new KeysIterator(this, rows, context) else Iterator.empty

  /** The same with most repetitions left out. */
  def distinct(rows: Iterator[InternalRow], context: TaskContext): Iterator[UTF8String] = {
    val seen = mutable.HashSet.empty[UTF8String]
    of(rows, context).filter { key =>
      if (seen.size >= KeysTask.Remembered) seen.clear()
      seen.add(key)
    }
  }
}

private[assay] object KeysTask {
  private val Remembered = 100000
}

private final class KeysIterator(task: KeysTask, rows: Iterator[InternalRow], context: TaskContext)
    extends Iterator[UTF8String] {
  private val bridge = NativeLibrary.bridge
  private val session = bridge.open(task.spec)
  private val writer = new BatchWriter(task.inputs.map(_.dataType))
  private val inputs = new NativeInputs(task.inputs, task.childOutput, context.partitionId())
  private val reader = new ResultReader
  private val keys = mutable.Queue.empty[UTF8String]

  context.addTaskCompletionListener[Unit] { _ =>
    bridge.close(session)
    reader.close()
    writer.close()
  }

  override def hasNext: Boolean = {
    while (keys.isEmpty && rows.hasNext) evaluate()
    keys.nonEmpty
  }

  override def next(): UTF8String = {
    if (!hasNext) throw new NoSuchElementException
    keys.dequeue()
  }

  private def evaluate(): Unit = {
    context.killTaskIfInterrupted()
    while (rows.hasNext && writer.rows < KeysIterator.BatchRows && writer.textBytes < KeysIterator.BatchBytes)
      writer.write(inputs(rows.next()), inputs.ordinals)
    reader.load(writer.flush(bridge.eval(session, _, _)))
    var i = 0
    while (i < reader.rows) {
      val row = reader.row(i)
      var column = 0
      while (column < row.numFields) {
        if (!row.isNullAt(column)) keys += row.getUTF8String(column).clone()
        column += 1
      }
      i += 1
    }
  }
}

private object KeysIterator {
  val BatchRows = 4096
  val BatchBytes = 8L << 20
}
