"""Tells a fresh Glewlwyd who and what there is, through its own API: fill.py BASE

The issuer is BASE/api/live. Passwords and secrets are for tests only.
"""

import json
import sys
import urllib.request
from http.cookiejar import CookieJar

base = sys.argv[1]
opener = urllib.request.build_opener(
    urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
)


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{base}/api{path}", data, headers, method=method)
    with opener.open(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


# The administrator that each new database has.
call("POST", "/auth/", {"username": "admin", "password": "password"})

# A scope may be had by a user who has just given the password.
scope = {"password_required": True, "password_max_age": 0, "scheme": {}}
for name in ["read", "write"]:
    call("POST", "/scope/", {"name": name, "display_name": name, "description": name, **scope})
openid = next(known for known in call("GET", "/scope/") if known["name"] == "openid")
call("PUT", "/scope/openid", {**openid, **scope})

for name in ["alice", "bob"]:
    call("POST", "/user/", {
        "username": name, "name": name, "email": f"{name}@example.test", "enabled": True,
        "password": f"{name}-password", "scope": ["openid", "read", "write", "g_profile"],
    })


def client(name, types, secret=None):
    described = {
        "client_id": name, "name": name, "enabled": True, "scope": ["read", "write"], "authorization_type": types,
        "confidential": secret is not None, "token_endpoint_auth_method": ["none"],
        # One port: this server knows nothing of RFC 8252 §7.3.
        "redirect_uri": ["http://127.0.0.1:18381/callback"],
    }
    if secret:
        methods = ["client_secret_basic", "client_secret_post"]
        described |= {"password": secret, "client_secret": secret, "token_endpoint_auth_method": methods}
    call("POST", "/client/", described)


client("desktop", ["device_authorization", "code", "refresh_token", "delete_token"])
client("bot", ["client_credentials"], "bot-secret")
client("web", ["device_authorization", "refresh_token", "delete_token"], "web-secret")

call("POST", "/mod/plugin/", {"module": "oidc", "name": "live", "display_name": "live", "parameters": {
    "iss": f"{base}/api/live", "jwt-type": "sha", "jwt-key-size": "256", "key": "a key of the live tests alone",
    "jwks-show": True, "allow-non-oidc": True,
    "access-token-duration": 60, "refresh-token-duration": 1800, "code-duration": 60,
    "refresh-token-rolling": True, "refresh-token-one-use": "always",
    "auth-type-code-enabled": True, "auth-type-token-enabled": False, "auth-type-id-token-enabled": False,
    "auth-type-none-enabled": False, "auth-type-password-enabled": False, "auth-type-client-enabled": True,
    "auth-type-device-enabled": True, "auth-type-refresh-enabled": True,
    "device-authorization-expiration": 60, "device-authorization-interval": 1,
    "pkce-allowed": True, "pkce-method-plain-allowed": False,
    "introspection-revocation-allowed": True, "introspection-revocation-auth-scope": [],
    "introspection-revocation-allow-target-client": True,
    "session-management-allowed": True, "session-cookie-name": "LIVE_SESSION", "session-cookie-expiration": 3600,
    "scope": [], "allowed-scope": ["openid", "read", "write"], "additional-parameters": [], "claims": [],
    "name-claim": "on-demand", "email-claim": "no", "scope-claim": "no", "subject-type": "public",
    "request-parameter-allow": False, "oauth-dpop-allowed": False, "oauth-par-allowed": False,
}})
