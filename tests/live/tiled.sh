#!/usr/bin/env bash
# Real Tiled servers, and Tiled's own Python client beside the command and both clients.
#
#   tiled.sh              starts three servers, runs the cases, stops them
#   WRITE_DOCS=1 tiled.sh the same, and writes the transcript in docs/tiled.md anew
#
# The three: toy takes passwords; oidc has a device flow of its own, and sends the browser to Keycloak;
# proxied takes Keycloak's own tokens. A Keycloak that answers at $AIOD_AUTH_LIVE_KEYCLOAK
# (http://127.0.0.1:18180 if not said otherwise) is used as it is; else one is started.
# It needs what keycloak.sh needs, and Python with PyPI. All it makes is below $LIVE_DIR.
# As many cases as expected_cases have to pass: fewer is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export AIOD_AUTH_LIVE_KEYCLOAK=${AIOD_AUTH_LIVE_KEYCLOAK:-http://127.0.0.1:18180}
version=0.2.20
# As many as there are in tests/tests/live_tiled.
expected_cases=16
live=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}
first_port=${AIOD_AUTH_LIVE_TILED_PORT:-18480}
pids=() own_keycloak= output=$(mktemp)

main() {
  trap clean_up EXIT
  command -v python3 >/dev/null || fail "missing: python3"
  command -v curl >/dev/null || fail "missing: curl"
  mkdir -p "$live/tiled"
  install
  cd "$here/../.."
  # First, so that nothing is started for code that doesn't compile.
  AIOD_AUTH_COMMAND=$(cargo build --locked --package aiod-auth-cli --message-format json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
  export AIOD_AUTH_COMMAND
  cargo test --locked --quiet --package aiod-auth-tests --features live --test live_tiled --no-run
  answers "$AIOD_AUTH_LIVE_KEYCLOAK/realms/tiled" || start_keycloak
  start toy "$first_port"
  start oidc $((first_port + 1))
  start proxied $((first_port + 2))
  wait_for "$first_port" $((first_port + 1)) $((first_port + 2))
  export AIOD_AUTH_LIVE_TILED=http://127.0.0.1:$first_port
  export AIOD_AUTH_LIVE_TILED_OIDC=http://127.0.0.1:$((first_port + 1))
  export AIOD_AUTH_LIVE_TILED_PROXIED=http://127.0.0.1:$((first_port + 2))
  export AIOD_AUTH_LIVE_TILED_PYTHON=$environment/bin/python
  cargo test --locked --package aiod-auth-tests --features live --test live_tiled 2>&1 |
    tee "$output" || true
  report
}

install() {
  environment=$live/tiled-$version
  "$environment/bin/python" -c 'import tiled.client' 2>/dev/null && return
  python3 -m venv "$environment" || fail "python3 can make no virtual environment"
  "$environment/bin/pip" --quiet --disable-pip-version-check install "tiled[all]==$version" ||
    fail "tiled $version could not be installed"
}

start_keycloak() {
  local port=${AIOD_AUTH_LIVE_KEYCLOAK##*:}
  [[ $AIOD_AUTH_LIVE_KEYCLOAK =~ ^http://127\.0\.0\.1:[0-9]+$ ]] ||
    fail "no Keycloak answers at $AIOD_AUTH_LIVE_KEYCLOAK, and only http://127.0.0.1:PORT can be started"
  own_keycloak=1
  "$here/keycloak.sh" start --port "$port"
}

# start KIND PORT: with a database of its own, which is new.
start() {
  local kind=$1 port=$2 config=$live/tiled/$1.yml
  answers "http://127.0.0.1:$port/" && fail "port $port is in use"
  rm -f "$live/tiled/$kind.db"
  {
    echo 'trees: [{path: /, tree: "tiled.adapters.mapping:MapAdapter", args: {mapping: {}}}]'
    echo "database: {uri: \"sqlite:///$live/tiled/$kind.db\", init_if_not_exists: true}"
    echo 'authentication:'
    echo "  secret_keys: [\"for tests only: the secret key of $kind\"]"
    # Short, so that refreshes are seen.
    echo '  access_token_max_age: 10'
    echo '  refresh_token_max_age: 120'
    "provider_$kind"
  } >"$config"
  "$environment/bin/tiled" serve config "$config" --host 127.0.0.1 --port "$port" \
    >"$live/tiled/$kind.log" 2>&1 </dev/null &
  pids+=($!)
}

provider_toy() {
  cat <<'YAML'
  providers:
    - provider: toy
      authenticator: tiled.authenticators:DictionaryAuthenticator
      args:
        users_to_passwords: {alice: alice-password}
        confirmation_message: "You are logged in as {id}."
YAML
}

provider_oidc() {
  cat <<YAML
  providers:
    - provider: keycloak
      authenticator: tiled.authenticators:OIDCAuthenticator
      args:
        audience: tiled
        client_id: tiled
        client_secret: tiled-secret
        well_known_uri: "$AIOD_AUTH_LIVE_KEYCLOAK/realms/tiled/.well-known/openid-configuration"
        user_id_claim: preferred_username
YAML
}

provider_proxied() {
  cat <<YAML
  providers:
    - provider: keycloak
      authenticator: tiled.authenticators:ProxiedOIDCAuthenticator
      args:
        audience: tiled
        client_id: tiled
        client_secret: tiled-secret
        device_flow_client_id: tiled-cli
        well_known_uri: "$AIOD_AUTH_LIVE_KEYCLOAK/realms/tiled/.well-known/openid-configuration"
        scopes_map: {openid: ["read:metadata", "read:data", "create:apikeys", "revoke:apikeys"]}
YAML
}

wait_for() {
  local port deadline=$((SECONDS + 300))
  for port in "$@"; do
    until answers "http://127.0.0.1:$port/api/v1/"; do
      [ $SECONDS -lt $deadline ] || { tail -n 20 "$live"/tiled/*.log >&2; fail "no server at port $port"; }
      sleep 0.5
    done
  done
}

answers() {
  curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$1"
}

report() {
  local passed
  passed=$(sed -n 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$output")
  echo "live tiled: ${passed:-0} of $expected_cases cases passed"
  [ "${passed:-0}" -eq "$expected_cases" ] || fail "not all cases passed, or there are others now"
  ! grep -q '^test result: FAILED' "$output" || fail "a case failed"
}

clean_up() {
  rm -f "$output"
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ -z "$own_keycloak" ] || "$here/keycloak.sh" stop >/dev/null
}

fail() {
  echo "tiled.sh: $1" >&2
  exit 1
}

main "$@"
