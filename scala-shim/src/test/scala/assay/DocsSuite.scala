package assay

import java.nio.file.{Files, Paths}

import org.apache.spark.sql.assay.GeneratedDocs
import org.scalatest.funsuite.AnyFunSuite

/** The generated pages are those of the tables. Run from the root of the repository, as scripts/scalatest does. */
class DocsSuite extends AnyFunSuite {
  for ((name, text) <- GeneratedDocs.pages)
    test(s"docs/$name is current; if not, run scripts/docs") {
      assert(Files.readString(Paths.get("docs", name)) == text)
    }
}
