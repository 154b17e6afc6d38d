#!/usr/bin/env bash
# Polars Cloud's real Python client: installs it from PyPI, into a virtual environment below $LIVE_DIR (in the
# user's cache folder if not said otherwise), and prints which python has it.
set -euo pipefail

version=0.12.0
environment=${LIVE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aiod-auth-live}/polars_cloud-$version

if ! "$environment/bin/python" -c 'import polars_cloud' 2>/dev/null; then
  command -v python3 >/dev/null || { echo "missing: python3" >&2; exit 1; }
  mkdir -p "$(dirname "$environment")"
  python3 -m venv "$environment" >&2
  "$environment/bin/pip" --quiet --disable-pip-version-check install "polars-cloud==$version" >&2
fi
echo "$environment/bin/python"
