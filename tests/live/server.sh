# shellcheck shell=bash
# One server in the background, for the scripts that source this: they set $name, the name of the server.
# Its process id and its output are below $LIVE_DIR, the user's cache folder if not said otherwise.

live=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}
mkdir -p "$live"
live=$(cd "$live" && pwd)
pid_file=$live/$name.pid
log=$live/$name.log

# launch URL COMMAND…: runs it until `stop`, and waits until that address answers.
launch() {
  local url=$1 pid deadline=$((SECONDS + 30))
  shift
  # What answers there already would be taken for the server.
  ! answers "$url" || fail "something answers at $url already"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # When the process started, too: an id alone can be another process by now.
  echo "$pid $(started "$pid")" >"$pid_file"
  until answers "$url"; do
    running || fail_with_log "it ended"
    [ $SECONDS -lt $deadline ] || { stop; fail_with_log "no answer in 30 s"; }
    sleep 0.1
  done
}

answers() { curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "$1"; }

stop() {
  local waited=0
  if running; then
    kill -TERM "$(pid)"
    while running && [ $waited -lt 50 ]; do
      sleep 0.1
      waited=$((waited + 1))
    done
    if running; then kill -KILL "$(pid)"; fi
  fi
  rm -f "$pid_file"
}

status() {
  running || { echo "not running"; exit 3; }
  echo "running, pid $(pid), log $log"
}

running() { [ -s "$pid_file" ] && [ "$(started "$(pid)")" = "$(cut -d' ' -f2 "$pid_file")" ]; }
pid() { cut -d' ' -f1 "$pid_file"; }
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || echo gone; }

# The port after --port, or this one.
port_or() {
  local port=$1
  shift
  case $# in
    0) ;;
    2) [ "$1" = --port ] || fail "unknown option $1"; port=$2 ;;
    *) fail "it is --port NUMBER" ;;
  esac
  echo "$port"
}

need() {
  local program
  for program; do command -v "$program" >/dev/null || fail "missing: $program"; done
}

fail() {
  echo "$name.sh: $1" >&2
  exit 1
}

fail_with_log() {
  tail -20 "$log" >&2
  fail "$1; the end of $log is above"
}
