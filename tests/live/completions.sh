#!/usr/bin/env bash
# What `aiod-auth completions` writes, in a real fish and a real zsh: as it is when Tab is pressed. (bash is tried
# by `cargo test`.)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

main() {
  local shell
  for shell in fish zsh; do
    command -v "$shell" >/dev/null || fail "missing: $shell"
  done
  cd "$here/../.."
  cargo run --locked --quiet --package aiod-auth-cli -- completions fish >"$folder/aiod-auth.fish"
  cargo run --locked --quiet --package aiod-auth-cli -- completions zsh >"$folder/_aiod-auth"
  in_fish 'aiod-auth tok' token
  in_fish 'aiod-auth profile sh' show
  in_fish 'aiod-auth token --format exec' exec-credential
  in_fish 'aiod-auth export --format ' 'aiod json polars tiled'
  in_fish 'aiod-auth login --no-b' --no-browser
  HOME=$folder zsh -f "$here/completions.zsh" "$folder"
  echo "completions: fish and zsh complete the command"
}

# What fish offers for a line, as words.
in_fish() {
  local offered
  offered=$(HOME=$folder fish --no-config -c \
    "source $folder/aiod-auth.fish; complete -C '$1'" 2>&1 | cut -f1 | sort | tr '\n' ' ')
  [ "$offered" = "$2 " ] || fail "fish makes '$offered' of '$1', not '$2'"
}

fail() {
  echo "completions.sh: $1" >&2
  exit 1
}

main
