#!/usr/bin/env bash
# The command, both clients, and beside them the platforms' own Python clients, Kubernetes' client-go and a
# real browser, against real servers: Keycloak, oidc-provider, Glewlwyd.
#
#   run.sh          starts the servers, runs the live tests, stops them
#
# A Keycloak that already answers at $AIOD_AUTH_LIVE_KEYCLOAK (http://127.0.0.1:18180 if not said
# otherwise) is used as it is, and not stopped. The other servers have $AIOD_AUTH_LIVE_PORT (18280) and the
# ports that follow. Each server's script says what it needs, as do those of the Python clients; client-go
# needs Go and its module proxy, the browser Debian's package chromium.
# All cases in expected_cases have to run, platform by platform: fewer is a failure, as is one that fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export AIOD_AUTH_LIVE_KEYCLOAK=${AIOD_AUTH_LIVE_KEYCLOAK:-http://127.0.0.1:18180}
# Most cases wait most of the time.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}
# Of the other servers' ports, which follow each other.
first_port=${AIOD_AUTH_LIVE_PORT:-18280}
output=$(mktemp)
# What has been started here, by its script.
started=()

main() {
  trap finish EXIT
  local program
  for program in curl go chromium script; do
    command -v "$program" >/dev/null || fail "missing: $program"
  done
  cd "$here"
  # First, so that nothing is started for code that doesn't compile.
  AIOD_AUTH_COMMAND=$(build_command)
  export AIOD_AUTH_COMMAND
  AIOD_AUTH_LIVE_PYTHON=$(./aiod-python.sh install)
  export AIOD_AUTH_LIVE_PYTHON AIOD_AUTH_LIVE_PYTHON_SCRIPT=$here/aiod_python.py
  AIOD_AUTH_LIVE_POLARS=$(./polars-python.sh)
  export AIOD_AUTH_LIVE_POLARS
  AIOD_AUTH_LIVE_CLIENT_GO=$(build_client_go)
  export AIOD_AUTH_LIVE_CLIENT_GO
  cargo test --quiet --package aiod-auth-tests --features live --test live --no-run

  if answers; then
    echo "using the Keycloak at $AIOD_AUTH_LIVE_KEYCLOAK"
  else
    start_keycloak
  fi
  start oidc-provider.sh --port "$first_port"
  export AIOD_AUTH_LIVE_OIDC_PROVIDER=http://127.0.0.1:$first_port
  export AIOD_AUTH_LIVE_OIDC_PROVIDER_WITHOUT_DEVICE=http://127.0.0.1:$((first_port + 1))
  start glewlwyd.sh --port $((first_port + 2))
  export AIOD_AUTH_LIVE_GLEWLWYD=http://127.0.0.1:$((first_port + 2))/api/live
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
  start keycloak.sh --port "$port"
}

# start SCRIPT [OPTION…]
start() {
  # Another run may still need that server.
  if "./$1" status >/dev/null; then fail "a server of $1 runs already, below the same \$LIVE_DIR"; fi
  started+=("$1")
  "./$1" start "${@:2}"
}

finish() {
  local script
  for script in "${started[@]}"; do "./$script" stop >/dev/null; done
  rm -f "$output"
}

# Each platform's cases, by the module that they are in; those of no platform are Keycloak's.
report() {
  local platform expected passed problem=
  while read -r platform expected; do
    passed=$(passed_cases | grep -cx "$platform") || true
    echo "live $platform: $passed of $expected cases passed"
    [ "$passed" -le "$expected" ] || problem="there are more cases of $platform now: write $passed in expected_cases"
    [ "$passed" -ge "$expected" ] || problem="not all cases of $platform passed"
  done <expected_cases
  [ -z "$problem" ] || fail "$problem"
  grep -q '^test result: ok' "$output" || fail "a case failed"
}

# The platform of each case that passed, one a line.
passed_cases() {
  local platforms
  platforms=$(cut -d' ' -f1 expected_cases | tr '\n' ' ')
  sed -n 's/^test \([a-z_]*\)::.* \.\.\. ok$/\1/p' "$output" | tr '_' '-' |
    awk -v platforms=" $platforms" '
      $1 == "python" { $1 = "aiod" }
      { print index(platforms, " " $1 " ") ? $1 : "keycloak" }'
}

fail() {
  echo "run.sh: $1" >&2
  exit 1
}

main "$@"
