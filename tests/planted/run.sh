#!/usr/bin/env bash
# The simulation is checked: each bug in a .patch beside this file, planted in a copy, is found within 10,000
# seeds. A patch that doesn't apply, or a bug that isn't found, fails. One alone: tests/planted/run.sh next_ignored
set -euo pipefail
cd "$(dirname "$0")/../.."
planted=$PWD/tests/planted
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
# What the workspace's own crates need to be built again is kept; the other crates are there already.
export CARGO_INCREMENTAL=1 CARGO_TERM_COLOR=never
copy=$CARGO_TARGET_DIR/planted
# git would leave out what is not in the repository that it finds around the copy.
export GIT_CEILING_DIRECTORIES=$CARGO_TARGET_DIR

rm -rf "$copy" && mkdir -p "$copy"
git ls-files -z | grep -zv '^fuzz/corpus' | tar --null -T - -cf - | tar -xf - -C "$copy"
cd "$copy"

for name in "$planted"/*.patch; do
    git apply --check "$name"
done
(($#)) || set -- $(cd "$planted" && ls ./*.patch | sed 's,^\./,,; s,\.patch$,,')
for name in "$@"; do
    git apply "$planted/$name.patch"
    cargo build --quiet --release --locked -p aiod-auth-tests --bin simulate 2>"$copy/build.log" || {
        cat "$copy/build.log"
        exit 1
    }
    if "$CARGO_TARGET_DIR/release/simulate" 10000 >"$copy/found.log"; then
        echo "$name: not found within 10000 seeds"
        exit 1
    fi
    # Another end than by a seed that it names is none.
    found=$(grep '^seed [0-9]*: ' "$copy/found.log")
    printf '%s: %s\n' "$name" "$found"
    git apply -R "$planted/$name.patch"
done
rm -rf "$copy" "$CARGO_TARGET_DIR/release/simulate"
