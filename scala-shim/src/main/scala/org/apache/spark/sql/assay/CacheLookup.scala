package org.apache.spark.sql.assay

import scala.collection.mutable

import _root_.assay.{AssayConf, NativeLibrary}
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.hadoop.fs.Path

import org.apache.spark.{Partitioner, TaskContext}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.rdd.{RDD, ShuffledRDD}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.analysis.UnresolvedAttribute
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, ExprCode}
import org.apache.spark.sql.classic.{DataFrame, ExpressionUtils, SparkSession}
import org.apache.spark.sql.execution.UnsafeRowSerializer
import org.apache.spark.sql.functions.{col, lit, timestamp_micros}
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

  /** Tables of fewer pieces are read whole sooner than planned anew. */
  private val FewPieces = 4

  private val Key = "request_key"

  /** The answers for `rows` in the partitions of `rows`; None where nothing is stored that could be one. */
  def known(
      session: SparkSession,
      conf: SQLConf,
      cache: Cache,
      rows: RDD[InternalRow],
      task: CompletionTask
  ): Option[RDD[InternalRow]] = {
    val lookup = lookupSession(session)
    val wanted = new Wanted
    // Planned before the keys are known: whether there is anything to read is seen from the plan.
    val found = cache.table.map { table =>
      val stored = served(lookup, conf, cache, table)
      (stored, answers(stored.where(ExpressionUtils.column(KeyIsWanted(UnresolvedAttribute(Key), wanted)))))
    }
    found.filter(_._2.getNumPartitions > 0).map { case (stored, read) =>
      val keys = KeysTask(keysSpec(task), task.inputs, task.childOutput)
      val joined = WantedKeys.collect(rows, keys, AssayConf.long(conf, AssayConf.CacheBroadcastKeys)) match {
        case Some(few) =>
          val shared = rows.sparkContext.broadcast(few)
          wanted.keys = shared
          val scan =
            if (few.set.size > ListedKeys || read.getNumPartitions <= FewPieces) read
            else answers(stored.where(col(Key).isin((0 until few.set.size).map(few.set.key): _*)))
          withFew(scan, shared)
        case None => withMany(lookup, stored, rows, keys)
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
  private def served(session: SparkSession, conf: SQLConf, cache: Cache, table: CacheTable): DataFrame = {
    // What this application writes there itself its claims know.
    val own = cache.journal.map(place => new Path(place.folder)).filter(_.getParent == qualified(session, table, conf))
    val journals = JournalRows.unfolded(session, table.journals(conf), own.map(_.getName))
    val inTable = table.read(session)
    val both = if (journals.isEmpty) inTable else inTable.unionByName(JournalRows.read(session, journals))
    val right = if (cache.mode.calls) both.where(col("status") === "ok") else both
    cache.notBefore.fold(right)(from => right.where(col("created_at") >= timestamp_micros(lit(from))))
  }

  private def qualified(session: SparkSession, table: CacheTable, conf: SQLConf): Path = {
    val base = table.journals(conf)
    JournalFiles.system(base, session.sessionState.newHadoopConf()).makeQualified(base)
  }

  private def answers(stored: DataFrame): RDD[InternalRow] =
    stored.select(CacheSchema.answers.map(f => col(f.name)): _*).queryExecution.toRdd

  private def keysSpec(task: CompletionTask): Array[Byte] = {
    val whole = JsonValues.mapper.readTree(task.spec).asInstanceOf[ObjectNode]
    val keys = JsonValues.emptyObject.put("kind", "keys").put("version", 1)
    keys.set[ObjectNode]("columns", whole.get("columns"))
    keys.set[ObjectNode]("calls", whole.get("calls"))
    JsonValues.bytes(keys)
  }

  private def withFew(scan: RDD[InternalRow], wanted: Broadcast[WantedKeys]): RDD[(Int, InternalRow)] =
    scan.mapPartitionsInternal { rows =>
      val keys = wanted.value
      val (project, place) = (projection(), CacheSchema.answers.indexWhere(_.name == Key))
      rows.flatMap { row =>
        val own = keys.partitionsOf(row.getUTF8String(place))
        if (own.isEmpty) Iterator.empty
        else {
          val answer = project(row).copy()
          own.iterator.map(_ -> answer)
        }
      }
    }

  private def withMany(
      session: SparkSession,
      stored: DataFrame,
      rows: RDD[InternalRow],
      keys: KeysTask
  ): RDD[(Int, InternalRow)] = {
    val schema = new StructType().add(Key, StringType).add(Partition, IntegerType)
    val wanted = rows.mapPartitionsWithIndexInternal { (partition, iterator) =>
      val row = new GenericInternalRow(2)
      row.update(1, partition)
      val project = UnsafeProjection.create(schema)
      keys.distinct(iterator, TaskContext.get()).map { key =>
        row.update(0, key)
        project(row): InternalRow
      }
    }
    val columns = CacheSchema.answers.map(f => col(f.name))
    // Neither side is small: both are partitioned by key.
    val joined = stored
      .select(columns: _*)
      .join(session.internalCreateDataFrame(wanted, schema).hint("shuffle_merge"), Key)
      .select(columns :+ col(Partition): _*)
    joined.queryExecution.toRdd.mapPartitionsInternal { rows =>
      val project = projection()
      rows.map(row => (row.getInt(CacheSchema.answers.length), project(row).copy()))
    }
  }

  private val Partition = "_partition"

  private def projection(): UnsafeProjection =
    UnsafeProjection.create(CacheSchema.answers.zipWithIndex.map { case (field, i) =>
      BoundReference(i, field.dataType, nullable = true)
    })

  private def toPartitions(answers: RDD[(Int, InternalRow)], partitions: Int): RDD[InternalRow] = {
    val shuffled = new ShuffledRDD[Int, InternalRow, InternalRow](answers, new AsGiven(partitions))
    shuffled.setSerializer(new UnsafeRowSerializer(CacheSchema.answers.length)).map(_._2)
  }

  private final class AsGiven(override val numPartitions: Int) extends Partitioner {
    override def getPartition(key: Any): Int = key.asInstanceOf[Int]
  }
}

/** The distinct keys of a query, each with the partitions that have it. */
private[assay] final class WantedKeys(val set: KeySet, starts: Array[Int], partitions: Array[Int])
    extends Serializable {
  def contains(key: UTF8String): Boolean = set.find(key) >= 0

  def partitionsOf(key: UTF8String): Seq[Int] = {
    val number = set.find(key)
    if (number < 0) Nil else partitions.slice(starts(number), starts(number + 1)).toSeq
  }
}

private[assay] object WantedKeys {

  /** The keys of `rows`, if there are at most `few`. */
  def collect(rows: RDD[InternalRow], keys: KeysTask, few: Long): Option[WantedKeys] = {
    val numPartitions = rows.getNumPartitions
    val most = math.max(few / math.max(numPartitions, 1), 1)
    val found = rows.sparkContext.runJob(
      rows,
      (context: TaskContext, iterator: Iterator[InternalRow]) => {
        val distinct = new KeySet
        val all = keys.of(iterator, context)
        while (distinct.size <= most && all.hasNext) distinct.add(all.next())
        if (distinct.size > most) None else Some(distinct.toBytes)
      }
    )
    if (found.exists(_.isEmpty)) None else Some(of(found.map(_.get)))
  }

  /** From the keys of each partition. */
  def of(byPartition: Array[Array[Byte]]): WantedKeys = {
    val set = new KeySet(byPartition.map(_.length / KeySet.Width).maxOption.getOrElse(0))
    val numbers =
      byPartition.map(own => Array.tabulate(own.length / KeySet.Width)(i => set.add(own, i * KeySet.Width)))
    val starts = new Array[Int](set.size + 1)
    numbers.foreach(_.foreach(number => starts(number + 1) += 1))
    (1 until starts.length).foreach(i => starts(i) += starts(i - 1))
    val (next, partitions) = (starts.clone(), new Array[Int](starts.last))
    numbers.zipWithIndex.foreach { case (own, partition) =>
      own.foreach { number =>
        partitions(next(number)) = partition
        next(number) += 1
      }
    }
    new WantedKeys(set, starts, partitions)
  }
}

/** The keys that a plan asks for, which is made before they are known. */
private[assay] final class Wanted extends Serializable {
  @volatile var keys: Broadcast[WantedKeys] = _

  def contains(key: UTF8String): Boolean = keys == null || keys.value.contains(key)
}

/** Whether a key is wanted. A condition of the scan, so that the other columns of most rows are never made. */
private[assay] final case class KeyIsWanted(child: Expression, wanted: Wanted) extends UnaryExpression {
  override def dataType: DataType = BooleanType

  override def nullSafeEval(key: Any): Any = wanted.contains(key.asInstanceOf[UTF8String])

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val reference = ctx.addReferenceObj("wanted", wanted)
    nullSafeCodeGen(ctx, ev, key => s"${ev.value} = $reference.contains($key);")
  }

  override def toString: String = s"wanted($child)"
  override protected def withNewChildInternal(newChild: Expression): KeyIsWanted = copy(child = newChild)
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
