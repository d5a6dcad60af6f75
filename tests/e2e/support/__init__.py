"""What the end-to-end tests share: processes, the test server, Spark as a program, SQL files."""
