"""What AI-on-Demand's Python client makes of a file, as one line of JSON; aiod-python.sh has the rest.

    read FILE…            token files, one answer for each
    write FILE ARGUMENTS  a token file from these arguments of Token (JSON)
    rewrite FILE          what it read from a token file
    keep-writing FILE     one token file after another, until the standard input ends
    home                  what it has after it is imported: settings and token
    talk                  imports it, and does what each line of the standard input says, see `talk`
"""

import json
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path


def about(token):
    left = token._expiration_date - datetime.now(timezone.utc)
    return {
        "refresh_token": token._refresh_token or None,
        "client_secret": token._client_secret or None,
        "access_token": None if token.has_expired else token._access_token,
        "seconds_left": max(0, round(left.total_seconds())),
    }


def attempt(job):
    try:
        return {"ok": job()}
    except Exception as error:  # whatever it is that it chokes on
        return {"error": type(error).__name__}


def home():
    import aiod
    from aiod.authentication import get_token
    from aiod.configuration import config

    names = ["api_server", "version", "auth_server", "realm", "client_id", "request_timeout_seconds"]
    settings = {name: getattr(config, name) for name in names}
    try:
        token = about(get_token())
    except aiod.authentication.NotAuthenticatedError:
        token = None
    return {"settings": settings, "token": token}


def read(*files):
    from aiod.authentication import Token

    return [attempt(lambda: about(Token.from_file(Path(file)))) for file in files]


def write(file, arguments):
    from aiod.authentication import Token

    Token(**json.loads(arguments)).to_file(Path(file))


def rewrite(file):
    from aiod.authentication import Token

    Token.from_file(Path(file)).to_file(Path(file))


def keep_writing(file):
    from aiod.authentication import Token

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    count = 0
    while not ended.is_set():
        text = str(count % 7) * (1 + count % 3 * 4000)
        Token(refresh_token=text, access_token=text, expires_in_seconds=300).to_file(Path(file))
        if count == 0:
            print("working", flush=True)
        count += 1
        time.sleep(0.002)
    return count


def talk():
    import aiod
    from aiod.authentication import Token, get_current_user, get_token, invalidate_token, set_token

    def refresh():
        """A new access token, in memory alone, as when the present one has expired."""
        get_token()._expiration_date = datetime.fromtimestamp(0, timezone.utc)
        return token()

    def token():
        return get_token().headers["Authorization"].removeprefix("Bearer ")

    talk_jobs = {
        "create_token": lambda: about(aiod.create_token(timeout_seconds=60, write_to_file=True)),
        "get_current_user": lambda: get_current_user()._asdict(),
        "token": token,
        "refresh": refresh,
        "to_file": lambda: get_token().to_file(),
        "from_file": lambda: set_token(Token.from_file()),
        "invalidate_token": lambda: invalidate_token(),
    }
    print(json.dumps({"ok": "imported"}))
    for line in sys.stdin:
        print(json.dumps(attempt(talk_jobs[line.strip()])))
    return "ended"


jobs = {
    "read": read,
    "write": write,
    "rewrite": rewrite,
    "keep-writing": keep_writing,
    "home": home,
    "talk": talk,
}
print(json.dumps(attempt(lambda: jobs[sys.argv[1]](*sys.argv[2:]))))
