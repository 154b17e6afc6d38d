#!/usr/bin/env bash
# AI-on-Demand's real Python client and this project on the same files, each reading what the other
# wrote. No server is needed.
#
#   aiod-python.sh            installs the client, runs the tests
#   aiod-python.sh install    installs it only, and prints which python has it
#
# It is installed from PyPI into a virtual environment below $LIVE_DIR, which is in the user's cache
# folder if not said otherwise. What can't be installed or doesn't run is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=0.3.1
# As many as there are in tests/tests/aiod_python.
expected_cases=10

main() {
  local python
  python=$(install)
  if [ "${1:-}" = install ]; then
    echo "$python"
    return
  fi
  run "$python"
}

# Prints which python has it.
install() {
  local live environment
  live=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}
  environment=$live/aiondemand-$version
  if ! "$environment/bin/python" -c 'import aiod' 2>/dev/null; then
    command -v python3 >/dev/null || fail "missing: python3"
    mkdir -p "$live"
    python3 -m venv "$environment" >&2 || fail "python3 can make no virtual environment"
    "$environment/bin/pip" --quiet --disable-pip-version-check install "aiondemand==$version" >&2 ||
      fail "aiondemand $version could not be installed"
  fi
  echo "$environment/bin/python"
}

run() {
  local output passed
  output=$(mktemp)
  # shellcheck disable=SC2064 # now, not later
  trap "rm -f '$output'" EXIT
  cd "$here/../.."
  AIOD_AUTH_LIVE_PYTHON=$1 AIOD_AUTH_LIVE_PYTHON_SCRIPT=$here/aiod_python.py \
    cargo test --locked --package aiod-auth-tests --features live --test aiod_python 2>&1 |
    tee "$output" || true
  passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed;.*/\1/p' "$output")
  echo "aiod-python: ${passed:-0} of $expected_cases cases passed"
  [ "${passed:-0}" -eq "$expected_cases" ] || fail "not all cases passed, or there are others now"
}

fail() {
  echo "aiod-python.sh: $1" >&2
  exit 1
}

main "$@"
