ThisBuild / organization := "io.github.spark-assay"
ThisBuild / version := "0.1.0"
ThisBuild / scalaVersion := "2.13.17"

// Compiled against the first of these, tested against all: the same jar must link on each.
val sparkVersion = "4.1.2"

lazy val shim = (project in file("scala-shim")).settings(
  name := "spark-assay",
  libraryDependencies ++= Seq(
    "org.apache.spark" %% "spark-sql" % sparkVersion % Provided,
    "org.scalatest" %% "scalatest" % "3.2.19" % Test
  ),
  scalacOptions ++= Seq("-deprecation", "-feature", "-Xlint:_,-missing-interpolator,-unused", "-Wunused:imports,privates,locals,implicits,nowarn", "-Werror", "-release:17"),
  Compile / packageBin / packageOptions += Package.ManifestAttributes("Assay-Version" -> version.value),
  Test / fork := true,
  assembly / assemblyJarName := s"spark-assay_2.13-${version.value}.jar",
  assembly / assemblyOption ~= { _.withIncludeScala(false) },
  assembly / test := {}
)

lazy val root = (project in file(".")).aggregate(shim).settings(publish / skip := true)
