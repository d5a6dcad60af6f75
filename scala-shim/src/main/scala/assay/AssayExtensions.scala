package assay

import org.apache.spark.sql.{SparkSessionExtensions, SparkSessionExtensionsProvider}
import org.apache.spark.sql.assay.Registration

/** Puts Assay's functions and operators into a Spark session.
  *
  * Found by itself where the jar is on the class path when a session starts (`--jars`, `spark.jars`,
  * `spark.jars.packages`); `spark.sql.extensions=assay.AssayExtensions` asks for it by name, with the same effect.
  */
class AssayExtensions extends SparkSessionExtensionsProvider {
  override def apply(extensions: SparkSessionExtensions): Unit = Registration(extensions)
}
