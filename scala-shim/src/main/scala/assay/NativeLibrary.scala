package assay

import java.io.InputStream
import java.nio.file.{AtomicMoveNotSupportedException, Files, LinkOption, Path, Paths, StandardCopyOption}
import java.nio.file.attribute.PosixFilePermissions
import java.security.MessageDigest
import java.util.HexFormat

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.slf4j.LoggerFactory

/** Finds and loads the native library, once in a process.
  *
  * The library comes from the setting `spark.assay.native.path` or else from the jar, whose copy is unpacked to a
  * folder that only this user can write, named after the content, so that versions never mix. Driver and executors both
  * load it.
  */
object NativeLibrary {
  private val log = LoggerFactory.getLogger("assay.NativeLibrary")
  private val mapper = new ObjectMapper()

  /** The platforms that the project builds for. */
  val platforms: Seq[String] = Seq("linux-x86_64", "linux-aarch64")

  /** This machine's platform, named as in the jar. */
  lazy val platform: String = {
    val os = sys.props.getOrElse("os.name", "").toLowerCase
    val arch = sys.props.getOrElse("os.arch", "").toLowerCase match {
      case "amd64" | "x86_64" => "x86_64"
      case "aarch64" | "arm64" => "aarch64"
      case other => other
    }
    s"${if (os.startsWith("linux")) "linux" else os.replace(' ', '_')}-$arch"
  }

  /** The version of this jar. */
  lazy val version: String = {
    val stream = getClass.getResourceAsStream("/assay/version.txt")
    try new String(stream.readAllBytes(), "UTF-8").trim
    finally stream.close()
  }

  /** The native methods; the first use loads the library. A failure is kept and thrown again, not tried again. */
  def bridge: NativeBridge = loaded match {
    case Right(bridge) => bridge
    case Left(error) => throw new AssayException(error.condition, error.detail, error)
  }

  private lazy val loaded: Either[AssayException, NativeBridge] =
    try Right(load())
    catch { case e: AssayException => Left(e) }

  /** A call to the engine whose input and output are JSON. */
  def json(operation: String, input: JsonNode): JsonNode =
    mapper.readTree(bridge.call(operation, mapper.writeValueAsBytes(input)))

  private def load(): NativeBridge = {
    val path = configuredPath.getOrElse(unpack(platform))
    try System.load(path.toString)
    catch {
      case e: UnsatisfiedLinkError if String.valueOf(e.getMessage).contains("already loaded in another classloader") =>
        throw failure(
          "the native library is already loaded by another class loader of this process: the Assay jar is on the class " +
            "path twice (for instance with spark.executor.userClassPathFirst and added again later); give it once, by --jars",
          e
        )
      case e: UnsatisfiedLinkError =>
        throw failure(s"the native library $path cannot be loaded: ${e.getMessage}", e)
    }
    val bridge = new NativeBridge()
    val native = mapper.readTree(bridge.call("describe", Array.emptyByteArray)).get("version").asText
    if (native != version)
      throw new AssayException(
        "ASSAY_VERSION_MISMATCH",
        s"the jar is version $version, the native library $path is version $native; use the library of the same build"
      )
    log.info("Loaded Assay {} from {}", version, path)
    bridge
  }

  private def configuredPath: Option[Path] =
    AssayConf.nativePath.filter(_.nonEmpty).map { text =>
      val path = Paths.get(text).toAbsolutePath
      if (!Files.isReadable(path))
        throw failure(s"${AssayConf.NativePath} names $path, which cannot be read on this host")
      path
    }

  private[assay] def unpack(platform: String, base: Path = Paths.get(sys.props("java.io.tmpdir"))): Path = {
    val resource = s"/native/$platform/libassay.so"
    val bytes = Option(getClass.getResourceAsStream(resource)).map(readAll).getOrElse {
      val inJar = platforms.filter(p => getClass.getResource(s"/native/$p/libassay.so") != null)
      throw failure(
        s"this jar has no native library for $platform; it has ${inJar.mkString(", ")}, and the project builds for " +
          s"${platforms.mkString(", ")}. Build one with scripts/build and name it in ${AssayConf.NativePath}"
      )
    }
    val digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))
    val folder = privateFolder(base)
    val target = folder.resolve(s"libassay-${digest.take(32)}.so")
    if (!(Files.isRegularFile(target) && Files.size(target) == bytes.length)) {
      val scratch = Files.createTempFile(folder, "unpack", ".tmp", ownerOnly("rwx------"))
      Files.write(scratch, bytes)
      try Files.move(scratch, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING)
      catch {
        case _: AtomicMoveNotSupportedException => Files.move(scratch, target, StandardCopyOption.REPLACE_EXISTING)
      }
    }
    target
  }

  /** A folder that this user owns and no other can write: else anybody could put a library there for us to load. */
  private def privateFolder(base: Path): Path = {
    val folder = base.resolve(s"assay-native-${sys.props.getOrElse("user.name", "user")}")
    def usable(path: Path): Boolean =
      Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS) &&
        Files.getOwner(path, LinkOption.NOFOLLOW_LINKS).getName == ownerOfNewFiles(base) &&
        PosixFilePermissions.toString(Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS)) == "rwx------"
    try Files.createDirectory(folder, ownerOnly("rwx------"))
    catch { case _: java.nio.file.FileAlreadyExistsException => () }
    if (usable(folder)) folder else Files.createTempDirectory(base, "assay-native-", ownerOnly("rwx------"))
  }

  private def ownerOfNewFiles(base: Path): String = {
    val probe = Files.createTempFile(base, "assay", ".probe")
    try Files.getOwner(probe).getName
    finally Files.delete(probe)
  }

  private def ownerOnly(permissions: String) =
    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))

  private def readAll(stream: InputStream): Array[Byte] =
    try stream.readAllBytes()
    finally stream.close()

  private def failure(detail: String, cause: Throwable = null) =
    new AssayException("ASSAY_NATIVE_LIBRARY", detail, cause)
}
