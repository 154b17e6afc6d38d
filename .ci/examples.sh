#!/usr/bin/env bash
# How many pages of public items in target/doc (made by .ci/run docs) have an example. Fewer than MIN of 100 fail, and so
# does one of those that a reader comes for. Where several crates show an item, its own page counts.
set -euo pipefail
cd "$(dirname "$0")/.."
MIN=${MIN:-55}
doc=${CARGO_TARGET_DIR:-target}/doc
MUST=(
    aiod_auth_core/struct.Profile.html aiod_auth_core/struct.ClientIdentity.html
    aiod_auth_core/session/struct.Demand.html aiod_auth_core/enum.Error.html
    aiod_auth_store/trait.Store.html
    aiod_auth_ureq/struct.Client.html aiod_auth_reqwest/struct.Client.html
)
all=0 with=0
while read -r page; do
    # A page that only leads to another one.
    if grep -q 'http-equiv="refresh"' "$page"; then continue; fi
    all=$((all + 1))
    if grep -q 'rust-example-rendered' "$page"; then
        with=$((with + 1))
    elif [ "${1-}" = missing ]; then
        echo "$page"
    fi
done < <(find "$doc"/aiod_auth_{core,store,tls,ureq,reqwest} -name '*.html' |
    grep -E '/(struct|enum|trait|fn|macro|type|constant|static|union)\.[^/]*\.html$')
echo "- $with of $all pages of public items have an example ($((100 * with / all)) of 100; at least $MIN)"
for page in "${MUST[@]}"; do
    grep -q 'rust-example-rendered' "$doc/$page" || { echo "$page has none"; exit 1; }
done
((100 * with >= MIN * all))
