#!/usr/bin/env bash
# Debian's Glewlwyd, an OpenID provider in C, on loopback, for the live tests. Its packages are unpacked, not
# installed.
#
#   glewlwyd.sh start [--port P]    fetch it if need be, and run it until `stop`
#   glewlwyd.sh stop | status
#
# The port is 18380 if not said otherwise, the issuer http://127.0.0.1:P/api/live. Every start is fresh;
# glewlwyd/fill.py says who and what is known. It needs apt-get, dpkg-deb, sqlite3, Python and curl.
set -euo pipefail

name=glewlwyd
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=server.sh
. "$here/server.sh"
root=$live/$name
# Itself, and those of its libraries that a small Debian hasn't got.
packages=(
  glewlwyd glewlwyd-common libconfig9 libhoel1.4 libiddawc1.1 libmariadb3 libmicrohttpd12 liboath0 liborcania2.3
  librhonabwy1.1 libulfius2.7 libyder2.0
)

main() {
  local command=${1:-}
  [ $# -eq 0 ] || shift
  case $command in
    start) start "$(port_or 18380 "$@")" ;;
    stop) stop ;;
    status) status ;;
    *) sed -n '2,9p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
}

start() {
  local base=http://127.0.0.1:$1 libraries
  need apt-get dpkg-deb sqlite3 python3 curl
  [ -d "$root" ] || install
  write_configuration "$1"
  rm -f "$live/$name.db"
  sqlite3 "$live/$name.db" <"$root/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
  libraries=("$root"/usr/lib/*-linux-gnu)
  launch "$base/config" env LD_LIBRARY_PATH="${libraries[0]}" \
    "$root/usr/bin/glewlwyd" --config-file="$live/$name.conf"
  python3 "$here/$name/fill.py" "$base" >>"$log" 2>&1 || { stop; fail_with_log "it could not be set up"; }
  echo "$name is ready: $base/api/live"
}

install() {
  local unpacked=$live/$name.unpacked package
  rm -rf "$unpacked"
  mkdir "$unpacked"
  (cd "$unpacked" && apt-get --quiet --quiet -o APT::Sandbox::User=root download "${packages[@]}") >"$log" 2>&1 ||
    fail_with_log "apt-get could not fetch it"
  for package in "$unpacked"/*.deb; do
    dpkg-deb --extract "$package" "$unpacked"
    rm "$package"
  done
  # Moved in one step, so that an interrupted fetch is never taken for a whole one.
  mv "$unpacked" "$root"
}

write_configuration() {
  local modules=$root/usr/lib/glewlwyd
  cat >"$live/$name.conf" <<CONF
port = $1
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:$1"
api_prefix = "api"
login_url = "login.html"
login_api_enabled = true
static_files_path = "$root/usr/share/glewlwyd/webapp/"
log_mode = "console"
log_level = "INFO"
cookie_secure = false
session_key = "GLEWLWYD2_SESSION_ID"
session_expiration = 3600
admin_scope = "g_admin"
profile_scope = "g_profile"
admin_session_authentication = "cookie"
profile_session_authentication = "cookie"
hash_algorithm = "SHA512"
user_module_path = "$modules/user"
user_middleware_module_path = "$modules/user_middleware"
client_module_path = "$modules/client"
user_auth_scheme_module_path = "$modules/scheme"
plugin_module_path = "$modules/plugin"
database = { type = "sqlite3"; path = "$live/$name.db"; };
CONF
}

main "$@"
