package org.apache.spark.sql.assay

/** Lets tests see the table of functions. */
object TestAccess {
  final case class Entry(name: String, arguments: String, example: (String, String))
  def entries: Seq[Entry] = FunctionTable.entries.map(e => Entry(e.name, e.arguments, e.example))
}
