package org.apache.spark.sql.assay

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Paths}

import scala.jdk.CollectionConverters._

import _root_.assay.{AssayConf, ErrorConditions}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

/** The parts of docs/ that come from tables of the code. `scripts/docs` writes them; a test sees that they are current. */
object GeneratedDocs {
  private val notice = "<!-- Written by scripts/docs from tables in the code: change those, not this page. -->\n"

  def pages: Map[String, String] =
    Map("functions.md" -> functions, "configuration.md" -> configuration, "errors.md" -> errors)

  def main(args: Array[String]): Unit = pages.foreach { case (name, text) =>
    Files.write(Paths.get(args(0)).resolve(name), text.getBytes(UTF_8))
  }

  private def functions: String = {
    val options = Engine.description.get("functions").elements.asScala.map(f => f.get("name").asText -> f).toMap
    val parts = FunctionTable.entries.map { e =>
      val table = options.get(e.name).map(_.get("options").elements.asScala.toSeq).filter(_.nonEmpty).fold("") { list =>
        val rows = list.map { o =>
          val default = Option(o.get("default").asText).filter(_.nonEmpty).fold("")(d => s"`$d`")
          val perRow = if (o.get("per_row").asBoolean) "yes" else ""
          s"| `${o.get("name").asText}` | ${cell(o, "type")} | $default | $perRow | ${cell(o, "doc")} |"
        }
        s"\n| option | type | default | may be a column | meaning |\n|---|---|---|---|---|\n${rows.mkString("\n")}\n"
      }
      s"""## `${e.signature}`
         |
         |${e.usage}
         |
         |Result: `${e.result}`
         |
         |```sql
         |SELECT ${e.example._1};
         |-- ${e.example._2}
         |```
         |${margin(table)}""".stripMargin
    }
    val tables = CacheFunctions.all.map { f =>
      val rows = f.options.map { case (name, meaning) => s"| `$name` | ${escape(meaning)} |" }
      s"""## `${f.name}([options])`
         |
         |${f.usage}
         |
         |Columns: `${f.schema.toDDL}`
         |
         |```sql
         |${f.example};
         |```
         |
         || option | meaning |
         ||---|---|
         |${margin(rows.mkString("\n"))}
         |""".stripMargin
    }
    s"""# Functions
       |
       |${notice}
       |Options are a STRUCT (`named_struct('seed', 7, 'stop', array('END'))`), a MAP<STRING,STRING> (`map('seed', '7')`) or JSON
       |text (`'{"seed": 7}'`); in Python and Scala they are keywords. An unknown name or a value of the wrong type is an error
       |at planning that names the nearest option.
       |
       |${margin(parts.mkString("\n"))}
       |# Table functions
       |
       |Of [answers that are kept](cache.md). Those that do something do it when the query is executed, once; planning and EXPLAIN
       |do nothing.
       |
       |${margin(tables.mkString("\n"))}""".stripMargin
  }

  private def configuration: String = {
    val settings = AssayConf.settings.map(s => s"| `${s.key}` | ${code(s.default)} | ${s.unit} | ${s.doc} |")
    val models = Engine.description.get("model_settings").elements.asScala.map { s =>
      s"| `${s.get("key").asText}` | ${escape(s.get("default").asText)} | ${cell(s, "doc")} |"
    }
    s"""# Configuration
       |
       |${notice}
       |## Settings
       |
       |Spark settings: `--conf`, `SparkSession.builder.config` or `spark.conf.set`. All but `spark.assay.native.path` may change
       |within a session.
       |
       || key | default | unit | meaning |
       ||---|---|---|---|
       |${margin(settings.mkString("\n"))}
       |
       |## Models
       |
       |A model stands under `spark.assay.model.<name>.`; queries know it by `<name>`. In Python, `assay.add_model(spark, name, ...)`
       |takes the same settings in snake case.
       |
       || key | default | meaning |
       ||---|---|---|
       |${margin(models.mkString("\n"))}
       |""".stripMargin
  }

  private def errors: String = {
    val text = new String(getClass.getResourceAsStream("/assay/error-conditions.json").readAllBytes(), UTF_8)
    val node = new ObjectMapper().readTree(text)
    val rows = ErrorConditions.all.keys.toSeq.sorted.map { name =>
      s"| `$name` | `${ErrorConditions.sqlState(name)}` | ${cell(node.get(name), "meaning")} |"
    }
    s"""# Error conditions
       |
       |${notice}
       |Errors of planning come before anything runs or is paid for. A row that fails never fails the query: its `status` and
       |`error` say what happened.
       |
       || condition | SQLSTATE | meaning |
       ||---|---|---|
       |${margin(rows.mkString("\n"))}
       |""".stripMargin
  }

  /** Text whose lines keep their own bars under stripMargin. */
  private def margin(text: String) = text.replace("\n", "\n|")
  private def code(text: String) = if (text.isEmpty) "" else s"`$text`"
  private def cell(node: JsonNode, field: String) = escape(node.get(field).asText)
  private def escape(text: String) = text.replace("|", "\\|")

}
