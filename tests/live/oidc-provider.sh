#!/usr/bin/env bash
# npm's oidc-provider, a certified OpenID provider, on loopback, for the live tests.
#
#   oidc-provider.sh start [--port P]    fetch it if need be, and run it until `stop`
#   oidc-provider.sh stop | status
#
# At port P (18280 if not said otherwise) with a device flow, at P + 1 without. What it knows and keeps is in
# oidc-provider/server.mjs. It needs Node (20 or newer), npm and curl.
set -euo pipefail

name=oidc-provider
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=server.sh
. "$here/server.sh"
modules=$live/$name

main() {
  local command=${1:-}
  [ $# -eq 0 ] || shift
  case $command in
    start)
      local port
      port=$(port_or 18280 "$@")
      need node npm curl
      install
      # Modules are looked for beside the program.
      cp "$here/$name/server.mjs" "$modules/"
      launch "http://127.0.0.1:$((port + 1))/.well-known/openid-configuration" \
        node "$modules/server.mjs" "$port"
      echo "$name is ready: http://127.0.0.1:$port"
      ;;
    stop) stop ;;
    status) status ;;
    *) sed -n '2,8p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
}

install() {
  local package=$here/$name/package.json
  if cmp --quiet "$package" "$modules/package.json"; then return; fi
  rm -rf "$modules"
  mkdir "$modules"
  cp "$package" "$modules/package.json.new"
  (cd "$modules" && npm install --no-save --no-package-lock --no-audit --no-fund \
    "oidc-provider@$(sed -n 's/.*"oidc-provider": "\(.*\)".*/\1/p' "$package")") >"$log" 2>&1 ||
    fail_with_log "npm could not install it"
  # Last, so that an interrupted installation is never taken for a whole one.
  mv "$modules/package.json.new" "$modules/package.json"
}

main "$@"
