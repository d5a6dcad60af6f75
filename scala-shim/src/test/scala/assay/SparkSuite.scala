package assay

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import com.fasterxml.jackson.databind.ObjectMapper

/** A session that finds Assay by its service file, with a mock model `m` that echoes its prompt. */
abstract class SparkSuite extends AnyFunSuite with BeforeAndAfterAll {
  protected def master: String = "local[2]"
  protected var spark: SparkSession = _

  protected def settings: Map[String, String] = Map.empty

  override def beforeAll(): Unit = {
    super.beforeAll()
    val builder = SparkSession
      .builder()
      .master(master)
      .config("spark.ui.enabled", "false")
      .config("spark.sql.shuffle.partitions", "4")
      // Suites count what each query calls by itself.
      .config("spark.assay.cache.mode", "off")
      .config("spark.assay.model.m.provider", "mock")
      .config("spark.assay.model.m.model", "echo")
    settings.foreach { case (k, v) => builder.config(k, v) }
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
  }

  override def afterAll(): Unit = {
    spark.stop()
    super.afterAll()
  }

  protected def sql(text: String): DataFrame = spark.sql(text)
  protected def value(text: String): Any = sql(text).head().get(0)

  /** How many calls the mock provider has answered in this process. */
  protected def mockCalls(): Long =
    new ObjectMapper().readTree(NativeLibrary.bridge.call("mock_calls", Array.emptyByteArray)).get("calls").asLong

  /** The calls that `body` makes. */
  protected def callsOf(body: => Any): Long = {
    val before = mockCalls()
    body
    mockCalls() - before
  }

  /** The condition of the Spark error that `body` ends with. */
  protected def conditionOf(body: => Any): (String, String) = {
    val error = intercept[Throwable](body)
    val throwable = Iterator.iterate(error)(_.getCause).takeWhile(_ != null).collectFirst {
      case t: org.apache.spark.SparkThrowable if String.valueOf(t.getCondition).startsWith("ASSAY_") => t
    }
    assert(throwable.isDefined, s"not an Assay error: $error")
    (throwable.get.getCondition, throwable.get.asInstanceOf[Throwable].getMessage)
  }
}
