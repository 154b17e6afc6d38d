#!/usr/bin/env bash
# The command, both clients, and beside them AI-on-Demand's Python client and Kubernetes' client-go,
# against a real Keycloak.
#
#   run.sh          starts Keycloak, runs the live tests, stops it
#
# A Keycloak that already answers at $AIOD_AUTH_LIVE_KEYCLOAK (http://127.0.0.1:18180 if not said
# otherwise) is used as it is, and not stopped. keycloak.sh says what is needed to start one,
# and aiod-python.sh what for the Python client; client-go needs Go and its module proxy.
# All cases in expected_cases have to run: fewer is a failure, as is one that fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export AIOD_AUTH_LIVE_KEYCLOAK=${AIOD_AUTH_LIVE_KEYCLOAK:-http://127.0.0.1:18180}
# Most cases wait most of the time.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}
output=$(mktemp)

main() {
  trap 'rm -f "$output"' EXIT
  command -v curl >/dev/null || fail "missing: curl"
  command -v go >/dev/null || fail "missing: go"
  cd "$here"
  # First, so that nothing is started for code that doesn't compile.
  AIOD_AUTH_COMMAND=$(build_command)
  export AIOD_AUTH_COMMAND
  AIOD_AUTH_LIVE_PYTHON=$(./aiod-python.sh install)
  export AIOD_AUTH_LIVE_PYTHON AIOD_AUTH_LIVE_PYTHON_SCRIPT=$here/aiod_python.py
  AIOD_AUTH_LIVE_CLIENT_GO=$(build_client_go)
  export AIOD_AUTH_LIVE_CLIENT_GO
  cargo test --quiet --package aiod-auth-tests --features live --test live --no-run

  if answers; then
    echo "using the Keycloak at $AIOD_AUTH_LIVE_KEYCLOAK"
  else
    start_keycloak
  fi
  cargo test --package aiod-auth-tests --features live --test live 2>&1 | tee "$output" || true
  report
}

# Builds it, and prints where it is.
build_command() {
  cargo build --package aiod-auth-cli --message-format json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

# The same of the program that uses client-go.
build_client_go() {
  local program=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}/client-go
  (cd client-go && go build -o "$program" .) >&2 || fail "client-go could not be built"
  echo "$program"
}

answers() {
  curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null \
    "$AIOD_AUTH_LIVE_KEYCLOAK/realms/Polars"
}

start_keycloak() {
  local port=${AIOD_AUTH_LIVE_KEYCLOAK##*:}
  [[ $AIOD_AUTH_LIVE_KEYCLOAK =~ ^http://127\.0\.0\.1:[0-9]+$ ]] ||
    fail "no Keycloak answers at $AIOD_AUTH_LIVE_KEYCLOAK, and only http://127.0.0.1:PORT can be started"
  # Whoever started that one may still need it.
  if ./keycloak.sh status >/dev/null; then fail "a Keycloak of keycloak.sh runs on another port"; fi
  trap 'rm -f "$output"; ./keycloak.sh stop >/dev/null' EXIT
  ./keycloak.sh start --port "$port"
}

report() {
  local expected passed
  expected=$(cat expected_cases)
  passed=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$output")
  echo "live: ${passed:-0} of $expected cases passed"
  [ "${passed:-0}" -le "$expected" ] || fail "there are more cases now: write $passed in expected_cases"
  [ "${passed:-0}" -eq "$expected" ] || fail "not all cases passed"
  ! grep -q '^test result: FAILED' "$output" || fail "a case failed"
}

fail() {
  echo "run.sh: $1" >&2
  exit 1
}

main "$@"
