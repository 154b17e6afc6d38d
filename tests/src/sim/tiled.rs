//! A small Tiled server below `/api/v1/`, as a client of its logins sees it: read from `tiled` 0.2.20 and the
//! recorded answers.

use serde_json::{Value, json};

use super::{Simulator, User, http::Answer, http::Request, random::Random};

/// How it logs its users in.
#[derive(Clone, Debug)]
pub enum Provider {
    /// With a password, at the server itself.
    Password(&'static str),
    /// With a device code of Tiled's own.
    Device(&'static str),
    /// At the simulated authorization server, as the client `demo`.
    OpenId(&'static str),
    /// As it stands there.
    AsIs(Value),
}

/// What there is of it. Sessions don't rotate: that is Tiled's way.
#[derive(Debug)]
pub struct Tiled {
    /// Those that a user can choose from.
    pub providers: Vec<Provider>,
    /// Whether nothing can be read without a login.
    pub is_required: bool,
    /// How long an access token is good for, in seconds.
    pub access_token_lifetime_s: u64,
    /// What a provider says after a login.
    pub confirmation_message: Option<String>,
    /// What is in the place of the whole description, if anything.
    pub description: Option<Value>,
    /// The cookie that unsafe requests have to send back, twice.
    csrf: String,
    sessions: Vec<Session>,
    keys: Vec<Key>,
    codes: Vec<Code>,
}

#[derive(Debug)]
struct Session {
    refresh_token: String,
    user: User,
    /// With their ends.
    access_tokens: Vec<(String, u64)>,
    has_ended: bool,
}

#[derive(Clone, Debug)]
struct Key {
    secret: String,
    note: Value,
    scopes: Value,
    user: User,
}

#[derive(Debug)]
struct Code {
    device_code: String,
    user_code: String,
    expires_at_ms: u64,
    approved_by: Option<User>,
}

impl Default for Tiled {
    fn default() -> Self {
        Self {
            providers: vec![Provider::Password("toy")],
            is_required: true,
            access_token_lifetime_s: 900,
            confirmation_message: None,
            description: None,
            csrf: "csrf-1".into(),
            sessions: Vec::new(),
            keys: Vec::new(),
            codes: Vec::new(),
        }
    }
}

impl Tiled {
    /// Every session is over, and so are its access tokens.
    pub fn end_sessions(&mut self) {
        for session in &mut self.sessions {
            session.has_ended = true;
            session.access_tokens.clear();
        }
    }

    /// How many sessions live.
    #[must_use]
    pub fn living_sessions(&self) -> usize {
        self.sessions.iter().filter(|session| !session.has_ended).count()
    }

    /// Another cookie from now on: what was read before is of no use.
    pub fn change_cookie(&mut self) {
        self.csrf.push('1');
    }

    pub(super) fn approve(&mut self, user_code: &str, user: &User) -> bool {
        let code = self.codes.iter_mut().find(|code| code.user_code == user_code);
        code.is_some_and(|code| {
            code.approved_by = Some(user.clone());
            true
        })
    }

    fn about(&self, base: &str) -> Answer {
        let providers: Vec<Value> =
            self.providers.iter().map(|it| self.described(it, base)).collect();
        let is_openid = self.providers.iter().any(|it| matches!(it, Provider::OpenId(_)));
        let root = base.trim_end_matches("/api/v1");
        let about = json!({
            "api_version": 0,
            "library_version": "0.2.20",
            "authentication": {
                "required": self.is_required,
                "providers": providers,
                "links": {
                    "whoami": format!("{base}/auth/whoami"),
                    "apikey": format!("{base}/auth/apikey"),
                    "refresh_session": match is_openid {
                        true => format!("{root}/token"),
                        false => format!("{base}/auth/session/refresh"),
                    },
                    "revoke_session": format!("{base}/auth/session/revoke/{{session_id}}"),
                    "logout": match is_openid {
                        true => format!("{root}/protocol/openid-connect/logout"),
                        false => format!("{base}/auth/logout"),
                    },
                },
            },
        });
        let about = self.description.as_ref().unwrap_or(&about);
        let cookie = format!("tiled_csrf={}; HttpOnly; Path=/; SameSite=lax", self.csrf);
        Answer::json(200, about).with_header("Set-Cookie", &cookie)
    }

    fn described(&self, provider: &Provider, base: &str) -> Value {
        let mut described = provider.as_json(base);
        if let Some(message) = &self.confirmation_message {
            described["confirmation_message"] = json!(message);
        }
        described
    }

    /// Both of them, and the same.
    fn is_forged(&self, request: &Request) -> bool {
        let cookie = format!("tiled_csrf={}", self.csrf);
        request.header("x-csrf") != Some(&self.csrf) || request.header("cookie") != Some(&cookie)
    }

    fn tokens(&mut self, now_ms: u64, session: usize, random: &mut Random) -> Answer {
        let lifetime = self.access_token_lifetime_s;
        let access_token = random.token("tiled-access");
        let session = &mut self.sessions[session];
        session.access_tokens.push((access_token.clone(), now_ms + lifetime * 1000));
        Answer::json(
            200,
            &json!({
                "access_token": access_token,
                "expires_in": lifetime as f64,
                "refresh_token": session.refresh_token,
                "refresh_token_expires_in": 604_800.0,
                "token_type": "bearer",
                "identity": {"id": session.user.preferred_username, "provider": "toy"},
                "principal": "627ce16d",
            }),
        )
    }

    fn log_in(&mut self, now_ms: u64, user: User, random: &mut Random) -> Answer {
        let refresh_token = random.token("tiled-refresh");
        let access_tokens = Vec::new();
        self.sessions.push(Session { refresh_token, user, access_tokens, has_ended: false });
        self.tokens(now_ms, self.sessions.len() - 1, random)
    }

    fn poll(&mut self, now_ms: u64, body: &Value, random: &mut Random) -> Answer {
        let Some(device_code) = body["device_code"].as_str() else {
            return unprocessable("device_code");
        };
        let found = self
            .codes
            .iter()
            .position(|code| code.device_code == device_code && code.expires_at_ms > now_ms);
        match found.map(|at| (at, self.codes[at].approved_by.clone())) {
            None => detail(404, "No such device_code. The pending request may have expired."),
            Some((_, None)) => {
                Answer::json(400, &json!({"detail": {"error": "authorization_pending"}}))
            }
            Some((at, Some(user))) => {
                self.codes.remove(at);
                self.log_in(now_ms, user, random)
            }
        }
    }

    fn who(&self, now_ms: u64, request: &Request) -> Result<Option<(User, Option<&Key>)>, Answer> {
        let Some(authorization) = request.header("authorization") else { return Ok(None) };
        if let Some(secret) = authorization.strip_prefix("Apikey ") {
            let key = self.keys.iter().find(|key| key.secret == secret);
            let key = key.ok_or_else(|| detail(401, "Invalid API key"))?;
            return Ok(Some((key.user.clone(), Some(key))));
        }
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        let is_it = |session: &&Session| session.access_tokens.iter().any(|(it, _)| it == token);
        let session = self.sessions.iter().find(is_it);
        let session = session.ok_or_else(|| detail(401, "Could not validate credentials"))?;
        let end = session.access_tokens.iter().find(|(it, _)| it == token).map(|(_, end)| *end);
        match end.is_some_and(|end| end > now_ms) {
            true => Ok(Some((session.user.clone(), None))),
            false => Err(detail(401, "Access token has expired. Refresh token.")),
        }
    }

    fn api_keys(&mut self, now_ms: u64, request: &Request, random: &mut Random) -> Answer {
        let (user, used) = match self.who(now_ms, request) {
            // It names them whatever is wrong.
            Err(answer) => {
                return answer.with_header("WWW-Authenticate", "Bearer scope=\"create:apikeys\"");
            }
            Ok(None) => {
                return detail(401, "Not enough permissions. Requires scopes ['create:apikeys'].")
                    .with_header("WWW-Authenticate", "Bearer scope=\"create:apikeys\"");
            }
            Ok(Some((user, key))) => (user, key.cloned()),
        };
        match (request.method.as_str(), used) {
            ("GET", Some(key)) => Answer::json(200, &key.as_json()),
            ("GET", None) => detail(401, "No API key was provided with this request."),
            (_, Some(key)) if key.scopes != json!(["inherit"]) => {
                detail(401, "Not enough permissions. Requires scopes ['create:apikeys'].")
                    .with_header("WWW-Authenticate", "Bearer scope=\"create:apikeys\"")
            }
            _ if self.is_forged(request) => forged(),
            ("POST", _) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let scopes = match &body["scopes"] {
                    Value::Null => json!(["inherit"]),
                    scopes => scopes.clone(),
                };
                // Eight hexadecimal digits, and the rest.
                let secret = format!("{:08x}{}", self.keys.len() + 1, random.token("key"));
                let key = Key { secret, note: body["note"].clone(), scopes, user };
                let mut answer = key.as_json();
                answer["secret"] = json!(key.secret);
                self.keys.push(key);
                Answer::json(200, &answer)
            }
            (_, _) => {
                let name = request.target.split_once("first_eight=").map_or("", |(_, it)| it);
                let before = self.keys.len();
                self.keys.retain(|key| !key.secret.starts_with(name));
                match self.keys.len() < before {
                    true => Answer::empty(204),
                    false => detail(404, "The currently-authenticated user has no such API key."),
                }
            }
        }
    }
}

impl Provider {
    fn as_json(&self, base: &str) -> Value {
        let (name, mode, links) = match self {
            Self::AsIs(value) => return value.clone(),
            Self::Password(name) => {
                let token = format!("{base}/auth/provider/{name}/token");
                (name, "internal", json!({"auth_endpoint": token}))
            }
            Self::Device(name) => {
                let authorize = format!("{base}/auth/provider/{name}/authorize");
                (name, "external", json!({"auth_endpoint": authorize}))
            }
            Self::OpenId(name) => {
                let root = base.trim_end_matches("/api/v1");
                let links = json!({
                    "auth_endpoint": format!("{root}/device_authorization"),
                    "client_id": "demo",
                    "token_endpoint": format!("{root}/token"),
                });
                (name, "external", links)
            }
        };
        json!({"provider": name, "mode": mode, "links": links, "confirmation_message": null})
    }
}

impl Key {
    fn as_json(&self) -> Value {
        json!({
            "first_eight": self.secret[..8],
            "expiration_time": null,
            "note": self.note,
            "scopes": self.scopes,
            "access_tags": null,
            "latest_activity": null,
        })
    }
}

impl Simulator {
    /// Everything below `/api/v1`.
    pub(super) fn answer_as_tiled(&mut self, now_ms: u64, request: &Request) -> Answer {
        let base = self.url("/api/v1");
        let path = request.path().trim_start_matches("/api/v1").to_owned();
        let is_json = request.header("content-type") == Some("application/json");
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let is_forged = self.tiled.is_forged(request);
        let (tiled, random) = (&mut self.tiled, &mut self.random);
        match (request.method.as_str(), path.as_str()) {
            ("GET", "/") => tiled.about(&base),
            ("GET", "/auth/whoami") => match tiled.who(now_ms, request) {
                Err(answer) => answer,
                Ok(None) => Answer::json(200, &Value::Null),
                Ok(Some((user, _))) => {
                    let keys: Vec<Value> = tiled.keys.iter().map(Key::as_json).collect();
                    let identity = json!({"id": user.preferred_username, "provider": "toy"});
                    let roles = json!([{"name": "user", "scopes": ["read:data"]}]);
                    Answer::json(
                        200,
                        &json!({"uuid": "627ce16d", "type": "user", "identities": [identity],
                            "roles": roles, "api_keys": keys, "sessions": []}),
                    )
                }
            },
            (_, "/auth/apikey") => tiled.api_keys(now_ms, request, random),
            ("POST", _) if is_forged => forged(),
            ("POST", "/auth/session/refresh") => {
                let Some(token) = body["refresh_token"].as_str().filter(|_| is_json) else {
                    return unprocessable("refresh_token");
                };
                let is_it = |session: &Session| session.refresh_token == token;
                match tiled.sessions.iter().position(is_it) {
                    Some(at) if !tiled.sessions[at].has_ended => tiled.tokens(now_ms, at, random),
                    Some(_) => detail(401, "Session has expired. Please re-authenticate."),
                    None => detail(401, "Could not validate credentials"),
                }
            }
            ("POST", "/auth/session/revoke") => {
                let token = body["refresh_token"].as_str().unwrap_or_default();
                let found = tiled.sessions.iter_mut().find(|it| it.refresh_token == token);
                let Some(session) = found else {
                    return detail(401, "Could not validate credentials");
                };
                session.has_ended = true;
                Answer::empty(204)
            }
            ("POST", path) if path.ends_with("/authorize") => {
                let user_code = format!("C18D-{:04}", tiled.codes.len());
                let code = Code {
                    device_code: random.token("tiled-device"),
                    user_code: user_code.clone(),
                    expires_at_ms: now_ms + 900_000,
                    approved_by: None,
                };
                let answer = json!({
                    "authorization_uri": "http://127.0.0.1/auth?client_id=tiled",
                    "verification_uri": format!("{base}{}", path.replace("/authorize", "/token")),
                    "interval": 5,
                    "device_code": code.device_code,
                    "expires_in": 900.0,
                    "user_code": user_code,
                });
                tiled.codes.push(code);
                Answer::json(200, &answer)
            }
            ("POST", path) if path.ends_with("/token") && is_json => {
                tiled.poll(now_ms, &body, random)
            }
            ("POST", path) if path.ends_with("/token") => {
                let form: Vec<(String, String)> =
                    url::form_urlencoded::parse(&request.body).into_owned().collect();
                let get = |name| form.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
                let (Some(username), Some(password)) = (get("username"), get("password")) else {
                    return unprocessable("username");
                };
                let user = self.users.iter().find(|user| user.preferred_username == username);
                match user.filter(|_| password == format!("{username}-password")) {
                    Some(user) => tiled.log_in(now_ms, user.clone(), random),
                    None => detail(401, "Incorrect username or password")
                        .with_header("WWW-Authenticate", "Bearer"),
                }
            }
            _ => detail(404, "Not Found"),
        }
    }
}

fn detail(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({"detail": text}))
}

fn unprocessable(member: &str) -> Answer {
    let missing = json!({"type": "missing", "loc": ["body", member], "msg": "Field required"});
    Answer::json(422, &json!({"detail": [missing]}))
}

fn forged() -> Answer {
    Answer { body: b"Double-submit CSRF tokens do not match".to_vec(), ..Answer::empty(403) }
}
