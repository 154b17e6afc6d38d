"""Tiled's own Python client, for tests/live/tiled.sh: one thing at a time, said as JSON.

    tiled_python.py URL whoami     with the tokens in TILED_CACHE_DIR, as from_uri uses them
    tiled_python.py URL refresh    the same, after a forced refresh
    tiled_python.py URL login      as alice, with her password, remembered
    tiled_python.py URL logout
"""
import json
import sys

import tiled.client.context as context_module
from tiled.client.context import Context

context_module.username_input = lambda: "alice"
context_module.password_input = lambda: "alice-password"


def main(url, verb):
    context, _ = Context.from_any_uri(url)
    if verb == "login":
        context.authenticate()
    elif not context.use_cached_tokens():
        print(json.dumps({"outcome": "no tokens"}))
        return 3
    if verb == "refresh":
        context.force_auth_refresh()
    if verb == "logout":
        context.logout()
        print(json.dumps({"outcome": "logged out"}))
        return 0
    me = context.whoami()
    print(json.dumps({"name": me["identities"][0]["id"], "keys": len(me["api_keys"])}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
