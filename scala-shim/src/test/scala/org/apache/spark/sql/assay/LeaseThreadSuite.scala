package org.apache.spark.sql.assay

import java.util.concurrent.TimeoutException

import _root_.assay.SparkSuite

import org.apache.spark.{SparkEnv, SparkException}

class LeaseThreadSuite extends SparkSuite {
  test("only a driver's own word that it keeps no quotas counts as such, not its silence") {
    val nobody = intercept[Exception](LeaseThread.find(SparkEnv.get, "assay-no-such-endpoint"))
    assert(LeaseThread.isAbsent(nobody), nobody.toString)
    assert(LeaseThread.isAbsent(new SparkException("awaited", new IllegalStateException("keeps no quotas"))))
    for (silent <- Seq(new TimeoutException("3 seconds"), new java.io.IOException("connection reset")))
      assert(!LeaseThread.isAbsent(new SparkException("awaited", silent)), silent.toString)
  }
}
