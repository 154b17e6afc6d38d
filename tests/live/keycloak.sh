#!/usr/bin/env bash
# A real Keycloak on loopback, for the live tests.
#
#   keycloak.sh install [--port P]    fetch it, build it, import realms/*.json: once, 1-2 minutes
#   keycloak.sh start [--port P]      install if need be, then run it until `stop`
#   keycloak.sh stop
#   keycloak.sh status                exit status 3 if it does not run
#
# The port is 18180 if not said otherwise; the import needs it, too.
# It needs a JDK (17 or newer), Maven and curl. Everything it makes is below $LIVE_DIR.
# Every start is the same fresh state, with the same signing keys: nothing that a test does is left
# for the next run. The passwords and secrets in the realm files are for tests only.
set -euo pipefail

version=26.7.3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
live=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}
mkdir -p "$live"
live=$(cd "$live" && pwd)
keycloak=$live/keycloak-$version
database=$keycloak/data/h2
# Named after what was imported: a changed realm file means another import.
pristine=$keycloak/data/pristine-$(cat "$here"/realms/*.json | cksum | cut -d' ' -f1)
pid_file=$live/keycloak.pid
log=$live/keycloak.log
ready_seconds_max=180
# The first run writes its class archive when it stops.
stop_seconds_max=60

main() {
  local command=${1:-} port=18180
  [ $# -eq 0 ] || shift
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=${2:?--port needs a number}; shift 2 ;;
      *) fail "unknown option $1" ;;
    esac
  done
  case $command in
    install) refuse_if_running; find_tools; install "$port" ;;
    start) refuse_if_running; find_tools; install "$port"; start_fresh "$port" ;;
    stop) stop ;;
    status) status ;;
    *) sed -n '2,12p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
}

install() {
  if [ ! -e "$keycloak/bin/kc.sh" ]; then fetch; fi
  if [ ! -e "$keycloak/built" ]; then build; fi
  if [ ! -d "$pristine" ]; then import "$1"; fi
}

fetch() {
  echo "fetching Keycloak $version"
  local unpacked=$live/unpacked
  rm -rf "$unpacked"
  mkdir "$unpacked"
  # Maven knows the registry and its mirrors. It wants a folder of its own for its markers.
  (cd "$unpacked" && mvn --quiet --batch-mode dependency:unpack \
    -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" \
    -DoutputDirectory="$unpacked") >"$log" 2>&1 || fail_with_log "Maven could not fetch Keycloak"
  # Moved in one step, so that an interrupted fetch is never taken for a whole one.
  mv "$unpacked/keycloak-$version" "$keycloak"
  rm -rf "$unpacked"
}

# Keycloak decides at build time what is in it: what no test needs is left out, it costs start-up
# time and memory. A local cache keeps it from opening a port for a cluster.
build() {
  echo "building"
  bash "$keycloak/bin/kc.sh" build --db=dev-file --cache=local \
    --features-disabled=account,admin,kerberos,organization,impersonation,workflows \
    >"$log" 2>&1 || fail_with_log "the build failed"
  touch "$keycloak/built"
}

import() {
  echo "importing the realms"
  rm -rf "$database" "$keycloak/data/import"
  mkdir -p "$keycloak/data/import"
  cp "$here"/realms/*.json "$keycloak/data/import/"
  launch "$1" --import-realm
  stop >/dev/null
  cp -R "$database" "$pristine.tmp"
  mv "$pristine.tmp" "$pristine"
}

start_fresh() {
  rm -rf "$database"
  cp -R "$pristine" "$database"
  local began=$SECONDS
  launch "$1"
  echo "Keycloak $version is ready after $((SECONDS - began)) s: http://127.0.0.1:$1/realms/{aiod,Polars}"
}

# launch PORT [OPTION…]: runs Keycloak in the background and waits until a realm answers.
launch() {
  local port=$1 realm=http://127.0.0.1:$1/realms/Polars
  shift
  # Something else that answers there would be taken for our Keycloak.
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then fail "port $port is in use"; fi
  JAVA_OPTS="$(java_options)" nohup bash "$keycloak/bin/kc.sh" start --optimized --cache=local \
    --http-enabled=true --http-host=127.0.0.1 --http-port="$port" --hostname-strict=false "$@" \
    >"$log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid" >"$pid_file"
  local deadline=$((SECONDS + ready_seconds_max))
  until curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$realm"; do
    kill -0 "$pid" 2>/dev/null || fail_with_log "Keycloak ended"
    [ $SECONDS -lt $deadline ] || { stop; fail_with_log "no answer in $ready_seconds_max s"; }
    sleep 0.2
  done
}

stop() {
  if running; then
    local pid waited=0
    pid=$(cat "$pid_file")
    # kc.sh hands the signal on to its child, the Java process, and waits for it.
    kill -TERM "$pid"
    while running && [ $waited -lt $((stop_seconds_max * 5)) ]; do
      sleep 0.2
      waited=$((waited + 1))
    done
    if running; then pkill -KILL -P "$pid"; fi
  fi
  rm -f "$pid_file"
  echo "stopped"
}

status() {
  if running; then
    echo "running, pid $(cat "$pid_file"), log $log"
  else
    echo "not running"
    exit 3
  fi
}

# A pid alone can be another process by now: its command line must be that of our Keycloak.
running() {
  [ -s "$pid_file" ] && ps -o args= -p "$(cat "$pid_file")" 2>/dev/null | grep -qF "$keycloak/bin/kc.sh"
}

refuse_if_running() {
  if running; then fail "already running, pid $(cat "$pid_file"): stop it first"; fi
}

# Says everything that is missing at once, and picks the JDK.
find_tools() {
  # JDK 25 starts Keycloak in half the time of JDK 17. A JAVA_HOME that is set wins.
  local jdk_25
  for jdk_25 in /usr/lib/jvm/*25*; do
    if [ -z "${JAVA_HOME:-}" ] && [ -x "$jdk_25/bin/java" ]; then export JAVA_HOME=$jdk_25; fi
  done
  local missing=()
  if [ "$(java_version)" -lt 17 ]; then missing+=("java (17 or newer; JAVA_HOME or PATH)"); fi
  command -v mvn >/dev/null || missing+=("mvn (Maven)")
  command -v curl >/dev/null || missing+=("curl")
  if [ ${#missing[@]} -gt 0 ]; then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 1
  fi
}

# The major version, 0 if there is no Java.
java_version() {
  local version_line
  version_line=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | head -1) || true
  [[ $version_line =~ \"([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo 0
}

# A small heap, and a compiler and a collector that are good at short runs.
java_options() {
  echo "-Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError"
  # The first run leaves an archive of loaded classes, later runs start from it.
  if [ "$(java_version)" -ge 19 ]; then
    echo "-XX:+AutoCreateSharedArchive -XX:SharedArchiveFile=$keycloak/classes.jsa"
  fi
}

fail() {
  echo "keycloak.sh: $1" >&2
  exit 1
}

fail_with_log() {
  tail -20 "$log" >&2
  fail "$1; the end of $log is above"
}

main "$@"
