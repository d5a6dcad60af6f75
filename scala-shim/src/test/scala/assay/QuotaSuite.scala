package assay

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/** Quotas and budgets where driver and executor are one process. The engine's own tests prove the limits; these prove that
  * messages reach it, that settings are checked, and that an application begins anew.
  */
class QuotaSuite extends SparkSuite {
  private val mapper = new ObjectMapper()

  private def totals(): JsonNode = mapper.readTree(NativeLibrary.bridge.call("quota_totals", Array.emptyByteArray))

  private def eventually(what: String)(condition: => Boolean): Unit = {
    val deadline = System.nanoTime() + 20000000000L
    while (!condition) {
      assert(System.nanoTime() < deadline, what)
      Thread.onSpinWait()
    }
  }

  private def withSettings(settings: (String, String)*)(body: => Unit): Unit = {
    settings.foreach { case (key, value) => spark.conf.set(key, value) }
    try body
    finally settings.foreach { case (key, _) => spark.conf.unset(key) }
  }

  private def statuses(model: String, rows: Int): Map[String, Long] =
    sql(
      s"SELECT r.status, count(*) FROM (SELECT llm_complete('$model', concat('q', id)) AS r FROM range(0, $rows, 1, 4)) " +
        "GROUP BY r.status"
    ).collect().map(row => row.getString(0) -> row.getLong(1)).toMap

  test("rows under a limit are answered, and the driver keeps the totals") {
    withSettings("spark.assay.model.m.requestsPerMinute" -> "6000", "spark.assay.model.m.quotaGroup" -> "g") {
      assert(statuses("m", 40) == Map("ok" -> 40))
      eventually("the driver hears of all rows")(totals().get("done").asLong >= 40)
      val groups = totals().get("groups").elements().asScala
      val group = groups.find(_.get("name").asText == "g").get
      assert(group.get("limits").get("requests").asLong == 6000)
    }
  }

  test("limits that contradict each other are an error of planning that names both models") {
    withSettings(
      "spark.assay.model.m.quotaGroup" -> "shared",
      "spark.assay.model.m.requestsPerMinute" -> "10",
      "spark.assay.model.other.provider" -> "mock",
      "spark.assay.model.other.quotaGroup" -> "shared",
      "spark.assay.model.other.requestsPerMinute" -> "20"
    ) {
      val (condition, message) = conditionOf(sql("SELECT llm_complete('m', 'x')").collect())
      assert(condition == "ASSAY_INVALID_MODEL")
      assert(Seq("'m'", "'other'", "'shared'", "requestsPerMinute").forall(message.contains), message)
    }
    withSettings("spark.assay.model.m.tokensPerMinute" -> "0") {
      assert(conditionOf(sql("SELECT llm_complete('m', 'x')").collect())._1 == "ASSAY_INVALID_MODEL")
    }
    withSettings("spark.assay.budget.usd" -> "-1") {
      assert(conditionOf(sql("SELECT llm_complete('m', 'x')").collect())._1 == "ASSAY_INVALID_OPTION")
    }
  }

  test("a row that could never be sent ends at once") {
    // A model of its own: estimates are corrected by usage, and the mock's says little.
    withSettings(
      "spark.assay.model.large.provider" -> "mock",
      "spark.assay.model.large.model" -> "unseen",
      "spark.assay.model.large.inputTokensPerMinute" -> "50"
    ) {
      val row = sql("SELECT llm_complete('large', repeat('many words ', 1000)) AS r").head().getStruct(0)
      assert(row.getAs[String]("status") == "invalid_request")
    }
  }

  test("a budget stops rows without a call, and another application has its own") {
    val budget = "spark.assay.budget.requests" -> "7"
    spark.stop()
    beforeAll()
    withSettings(budget) {
      assert(callsOf(assert(statuses("m", 30) == Map("ok" -> 7, "budget_stopped" -> 23))) == 7)
      assert(statuses("m", 5) == Map("budget_stopped" -> 5), "the budget is the application's, not the query's")
    }
    spark.stop()
    beforeAll()
    withSettings(budget) {
      assert(statuses("m", 5) == Map("ok" -> 5))
    }
  }
}
