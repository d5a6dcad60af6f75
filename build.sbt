import scala.sys.process.Process

ThisBuild / organization := "io.github.spark-assay"
ThisBuild / version := IO.read(file("scala-shim/src/main/resources/assay/version.txt")).trim
ThisBuild / scalaVersion := "2.13.17"

// Compiled against this version; the tests run the same jar on this one and on Spark 4.0.
val sparkVersion = "4.1.2"

// Delta for the tests, of the version for each Spark.
val Delta41 = config("delta41").hide
val Delta40 = config("delta40").hide
// The S3 file system of Hadoop, as Spark 4.1 has it, with the modules of the AWS SDK that it uses in place of the bundle of all.
val S3 = config("s3").hide

val nativeLibrary = taskKey[File]("Builds the native library with cargo")
val writeTestClasspath = taskKey[File]("Writes the class path of the test libraries to target/test-classpath.txt")

lazy val shim = (project in file("scala-shim")).settings(
  name := "spark-assay",
  libraryDependencies ++= Seq(
    "org.apache.spark" %% "spark-sql" % sparkVersion % Provided,
    "org.scalatest" %% "scalatest" % "3.2.19" % Test,
    "io.delta" % "delta-spark_4.1_2.13" % "4.3.0" % Delta41,
    "io.delta" % "delta-spark_4.0_2.13" % "4.2.0" % Delta40,
    ("org.apache.hadoop" % "hadoop-aws" % "3.4.2" % S3).intransitive(),
    "software.amazon.awssdk" % "s3" % "2.57.8" % S3,
    "software.amazon.awssdk" % "s3-transfer-manager" % "2.57.8" % S3,
    "software.amazon.awssdk" % "sts" % "2.57.8" % S3,
    "software.amazon.awssdk" % "apache-client" % "2.57.8" % S3,
    "software.amazon.awssdk" % "netty-nio-client" % "2.57.8" % S3
  ),
  ivyConfigurations ++= Seq(Delta41, Delta40, S3),
  scalacOptions ++= Seq(
    "-deprecation",
    "-feature",
    "-Xlint:_,-missing-interpolator,-unused",
    // Without this a class gets a forwarder for every method that its traits inherit, also for those that only one of the
    // versions of Spark has. scripts/linkcheck finds what would not link.
    "-Xmixin-force-forwarders:false",
    "-Wunused:imports,privates,locals,implicits,nowarn",
    "-Werror",
    "-release:17"
  ),
  nativeLibrary := {
    val root = (ThisBuild / baseDirectory).value
    // The packages of scripts/build: with others the dependencies have other features and are compiled anew.
    val packages = Seq("-p", "assay-jni", "-p", "assay-testkit")
    val code = Process(Seq("cargo", "build", "--release", "--locked") ++ packages, root).!
    if (code != 0) sys.error(s"cargo build failed with exit code $code")
    sys.env.get("CARGO_TARGET_DIR").map(file).getOrElse(root / "target") / "release" / "libassay.so"
  },
  Compile / resourceGenerators += Def.task {
    val arch = sys.props("os.arch") match {
      case "amd64" => "x86_64"
      case other => other
    }
    val target = (Compile / resourceManaged).value / "native" / s"linux-$arch" / "libassay.so"
    IO.copyFile(nativeLibrary.value, target)
    // Libraries for other platforms, cross-compiled, are put into dist/native/<platform>/ before packaging.
    val others = ((ThisBuild / baseDirectory).value / "dist" / "native" * "*").get
      .filter(_.getName != s"linux-$arch")
      .map { folder =>
        val copy = (Compile / resourceManaged).value / "native" / folder.getName / "libassay.so"
        IO.copyFile(folder / "libassay.so", copy)
        copy
      }
    target +: others
  }.taskValue,
  Test / fork := true,
  writeTestClasspath := {
    val out = (ThisBuild / baseDirectory).value / ".build" / "test-classpath.txt"
    val provided = (Compile / managedClasspath).value.map(_.data).toSet
    val libraries = (Test / update).value.select(configurationFilter("test")).filterNot(provided)
    IO.write(out, ((Test / classDirectory).value +: libraries).mkString(":"))
    for ((spark, delta) <- Seq("4.1" -> Delta41, "4.0" -> Delta40)) {
      val jars = update.value.select(configurationFilter(delta.name)).filter(_.getName.startsWith("delta-"))
      IO.write(out.getParentFile / s"delta-$spark.txt", jars.mkString(":"))
    }
    // Spark has its own logging and network libraries.
    val s3 = update.value.select(
      configurationFilter(S3.name),
      moduleFilter(organization = "software.amazon.awssdk" | "org.apache.hadoop" | "org.reactivestreams"),
      artifactFilter()
    )
    IO.write(out.getParentFile / "s3.txt", s3.mkString(":"))
    out
  },
  assembly / assemblyJarName := s"spark-assay_2.13-${version.value}.jar",
  assembly / assemblyOption ~= { _.withIncludeScala(false) },
  assembly / test := {}
)

lazy val root = (project in file(".")).aggregate(shim).settings(publish / skip := true)
