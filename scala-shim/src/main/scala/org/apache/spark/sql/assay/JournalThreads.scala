package org.apache.spark.sql.assay

import java.nio.{ByteBuffer, ByteOrder}

import scala.collection.mutable
import scala.util.control.NonFatal

import _root_.assay.NativeLibrary
import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{ObjectNode, TextNode}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FSDataInputStream, FSDataOutputStream, FileSystem, LocalFileSystem, Path}
import org.slf4j.LoggerFactory

import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.rpc.{RpcEndpointRef, RpcTimeout}

/** A journal as a task finds it: its folder and how to reach the folder's file system. */
private[assay] final case class JournalPlace(folder: String, conf: Configuration) {
  override def toString: String = s"JournalPlace($folder)"

  /** What the engine's operations take: which journal, whose part of it, and what they need besides. */
  def header(body: Option[JsonNode], executor: String = SparkContext.DRIVER_IDENTIFIER): ObjectNode = {
    val node = JsonValues.emptyObject.put("folder", folder).put("executor", executor)
    body.foreach(node.set[JsonNode]("body", _))
    node
  }

  def message(body: Option[JsonNode]): Array[Byte] = JsonValues.bytes(header(body))
}

/** A file of a journal, or the part of it that there was.
  *
  * @param length
  *   how far it is read
  */
private[assay] final case class JournalFile(path: String, length: Long)

/** The file systems of journals. */
private[assay] object JournalFiles {

  /** The file system of `folder`. On the local one without checksum files: those are written late, and a file whose
    * writer died could not be read.
    */
  def system(folder: Path, conf: Configuration): FileSystem = folder.getFileSystem(conf) match {
    case local: LocalFileSystem => local.getRaw
    case other => other
  }

  /** The files of one process. */
  def of(folder: Path, executor: String, system: FileSystem): Seq[Path] =
    if (!system.exists(folder)) Nil
    else system.listStatus(folder).map(_.getPath).filter(isJournal).filter(_.getName.startsWith(s"$executor-")).toSeq

  /** The files of an application's folder that are not, or not wholly, in the table yet. */
  def unfolded(folder: Path, system: FileSystem): Seq[JournalFile] = {
    val files = system.listStatus(folder).toSeq
    val folded = files.map(_.getPath.getName).filter(_.endsWith(Folded)).toSet
    files
      .filter(file => isJournal(file.getPath) && file.getLen > 0)
      .filterNot(file => folded(marker(file.getPath, file.getLen).getName))
      .map(file => JournalFile(file.getPath.toString, file.getLen))
  }

  /** The same over all applications that have journals in `base`; not those of `except`. */
  def unfoldedIn(base: Path, system: FileSystem, except: Option[String]): Seq[JournalFile] =
    if (!system.exists(base)) Nil
    else
      system
        .listStatus(base)
        .toSeq
        .filter(folder => folder.isDirectory && !except.contains(folder.getPath.getName))
        .flatMap(folder => ifThere(unfolded(folder.getPath, system)))

  /** Another application may delete its files in this moment. */
  private def ifThere(files: => Seq[JournalFile]): Seq[JournalFile] =
    try files
    catch { case _: java.io.FileNotFoundException => Nil }

  /** An empty file that says that a file is in the table as far as `length`. */
  def marker(file: Path, length: Long): Path = new Path(file.getParent, s"${file.getName}.$length$Folded")

  private def isJournal(file: Path): Boolean = file.getName.endsWith(".journal")
  private val Folded = ".folded"
}

/** Writes, reads and negotiates for one journal in one process, each on a thread of its own: neither tasks nor the native
  * runtime ever wait for a file system or for Spark's RPC.
  */
private[assay] final class JournalThreads(place: JournalPlace, env: SparkEnv) {
  private val executor = env.executorId
  private val folder = new Path(place.folder)
  private lazy val system = JournalFiles.system(folder, place.conf)

  def start(): Unit = {
    thread("assay-journal-writer", write())
    thread("assay-journal-reader", read())
    if (executor != SparkContext.DRIVER_IDENTIFIER) thread("assay-journal-claims", negotiate())
  }

  private def thread(name: String, body: => Unit): Unit = {
    val thread = new Thread(() => body, name)
    thread.setDaemon(true)
    thread.start()
  }

  private def runs: Boolean = JournalThreads.serves(env, place.folder)

  private def message(body: Option[JsonNode]): ObjectNode = place.header(body, executor)

  private def call(operation: String): Array[Byte] =
    NativeLibrary.bridge.call(operation, JsonValues.bytes(message(None)))

  private def call(operation: String, body: JsonNode): Array[Byte] =
    NativeLibrary.bridge.call(operation, JsonValues.bytes(message(Some(body))))

  // --- writing

  private def write(): Unit = {
    val writer = new Writer
    try
      while (runs) {
        val batch = call("journal_take")
        if (batch.nonEmpty) writer.add(ByteBuffer.wrap(batch).order(ByteOrder.LITTLE_ENDIAN).getLong, batch)
        writer.commit()
        if (batch.isEmpty) writer.rest()
      }
    catch {
      case NonFatal(e) if runs =>
        JournalThreads.log.error("The journal {} cannot be written: {}", place.folder, e.toString: Any)
        val why =
          s"the journal ${place.folder} cannot be written (${e.getClass.getSimpleName}); answers would be paid for " +
            "and lost. Make room or give access, or name another folder in spark.assay.cache.dir"
        call("journal_fail", TextNode.valueOf(why))
      case NonFatal(_) => ()
    } finally
      try writer.close()
      catch { case NonFatal(_) => () }
  }

  /** Where the file system can make a part of a file durable, each batch is committed as it comes; elsewhere batches
    * gather, and a file is written whole.
    */
  private final class Writer {
    private var out: FSDataOutputStream = _
    private var file: Path = _
    private var length = 0L
    private var files = 0
    private var appends = true
    // Number, bytes behind the number, place in the file.
    private val gathered = mutable.ArrayBuffer.empty[(Long, Array[Byte])]
    private var gatheredBytes = 0L
    private var gatheredSince = 0L
    private var committedAt = 0L

    /** A file that nothing more comes for is whole, so that it goes into the table once. */
    def rest(): Unit = if (out != null && System.nanoTime - committedAt > JournalThreads.RestNanos) close()

    def add(id: Long, batch: Array[Byte]): Unit = {
      if (gathered.isEmpty) gatheredSince = System.nanoTime
      gathered += (id -> batch)
      gatheredBytes += batch.length
    }

    def commit(): Unit = if (gathered.nonEmpty) {
      if (out == null && (appends || isDue)) open()
      if (appends || isDue) {
        val places = gathered.map { case (id, batch) =>
          val offset = length
          out.write(batch, 8, batch.length - 8)
          length += batch.length - 8
          id -> offset
        }
        if (appends) out.hflush() else close()
        val name = file.toString
        gathered.clear()
        gatheredBytes = 0
        places.foreach { case (id, offset) =>
          call("journal_durable", JsonValues.emptyObject.put("id", id).put("file", name).put("offset", offset))
        }
        committedAt = System.nanoTime
        if (length > JournalThreads.FileBytes) close()
      }
    }

    private def isDue: Boolean = gatheredBytes >= JournalThreads.ObjectBytes ||
      System.nanoTime - gatheredSince > JournalThreads.ObjectNanos

    private def open(): Unit = {
      files += 1
      file = new Path(folder, s"$executor-$files.journal")
      system.mkdirs(folder)
      out = system.create(file, false)
      appends = out.hasCapability(JournalThreads.Hflush)
      val header = call(
        "journal_begin",
        JsonValues.emptyObject.put("application", env.conf.getAppId).put("created_at", System.currentTimeMillis * 1000)
      )
      out.write(header)
      length = header.length
    }

    def close(): Unit = if (out != null) {
      val closing = out
      out = null
      closing.close()
    }
  }

  // --- reading

  private def read(): Unit = {
    val open = new java.util.LinkedHashMap[String, FSDataInputStream](16, 0.75f, true)
    while (runs)
      try {
        val fetches = JsonValues.mapper.readTree(call("journal_fetch"))
        fetches.elements.forEachRemaining { fetch =>
          val number = fetch.get("number").asLong
          val file = fetch.get("file").asText
          val frame = new Array[Byte](fetch.get("length").asInt)
          try {
            val in = open.computeIfAbsent(file, name => system.open(new Path(name)))
            in.readFully(fetch.get("offset").asLong, frame)
            fetched(number, null, frame)
          } catch {
            case NonFatal(e) =>
              Option(open.remove(file)).foreach(close)
              fetched(
                number,
                s"the journal's file $file cannot be read (${e.getClass.getSimpleName})",
                Array.emptyByteArray
              )
          }
        }
        while (open.size > JournalThreads.OpenFiles) close(open.remove(open.keySet.iterator.next()))
      } catch {
        case NonFatal(_) if !runs => ()
        // Rows wait for this thread: it goes on.
        case NonFatal(e) => JournalThreads.log.error("A round of reading the journal {} failed", place.folder, e)
      }
    open.values.forEach(close(_))
  }

  private def close(in: FSDataInputStream): Unit =
    try in.close()
    catch { case NonFatal(_) => () }

  private def fetched(number: Long, error: String, frame: Array[Byte]): Unit = {
    val body = JsonValues.emptyObject.put("number", number)
    if (error == null) body.putNull("error") else body.put("error", error)
    NativeLibrary.bridge.call("journal_fetched", JournalThreads.withBytes(message(Some(body)), frame))
  }

  // --- claims

  private def negotiate(): Unit = {
    var driver: Option[RpcEndpointRef] = None
    var isSilent = false
    while (runs)
      try {
        val ask = call("journal_message")
        if (ask.nonEmpty) {
          try {
            if (driver.isEmpty) driver = Some(LeaseThread.find(env, JournalEndpoint.name))
            val question = JsonValues.bytes(message(Some(JsonValues.mapper.readTree(ask))))
            val reply =
              JournalThreads.timeout.awaitResult(driver.get.ask[Array[Byte]](question, JournalThreads.timeout))
            call("journal_reply", JsonValues.mapper.readTree(reply))
            isSilent = false
          } catch {
            case NonFatal(e) =>
              if (!isSilent)
                JournalThreads.log.warn(
                  "The driver does not answer for the journal {}; asked again: {}",
                  place.folder,
                  e.toString: Any
                )
              isSilent = true
              call("journal_lost")
          }
        }
      } catch { case NonFatal(_) if !runs => () }
  }
}

private[assay] object JournalThreads {
  private val log = LoggerFactory.getLogger("assay.JournalThreads")
  private val timeout = new RpcTimeout(scala.concurrent.duration.DurationInt(3).seconds, "assay.journal.timeout")

  /** A new file is begun above this size. */
  private val FileBytes = 128L << 20

  /** Where files are written whole: when one is. */
  private val ObjectBytes = 16L << 20
  private val ObjectNanos = 10000000000L

  /** A file for which nothing came for so long is ended. */
  private val RestNanos = 1000000000L

  private val OpenFiles = 64

  /** What an output stream can do that makes its bytes durable as they come. */
  private val Hflush = "hflush"

  private var served: SparkEnv = _
  private val folders = mutable.Set.empty[String]

  /** Starts the threads of a journal in this process, if they do not run. */
  def ensure(place: JournalPlace, env: SparkEnv): Unit = synchronized {
    if (served ne env) {
      served = env
      folders.clear()
    }
    if (folders.add(place.folder)) new JournalThreads(place, env).start()
  }

  private def serves(env: SparkEnv, folder: String): Boolean =
    !env.isStopped && synchronized((served eq env) && folders(folder))

  /** A JSON header behind its length, and bytes. */
  def withBytes(header: ObjectNode, bytes: Array[Byte]): Array[Byte] = {
    val json = JsonValues.bytes(header)
    val out = ByteBuffer.allocate(4 + json.length + bytes.length).order(ByteOrder.LITTLE_ENDIAN)
    out.putInt(json.length).put(json).put(bytes)
    out.array
  }
}
