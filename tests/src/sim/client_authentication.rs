//! Client authentication: `client_secret_basic`, `client_secret_post` and `none` (RFC 6749 §2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Simulator;
use super::clients::Client;
use super::http::Request;
use super::parameters::{Parameters, form_decode};
use super::refusal::Refusal;

impl Simulator {
    /// The client that a request comes from, if it can prove it.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        form: &Parameters,
    ) -> Result<Client, Refusal> {
        let credentials = match request.header("authorization") {
            Some(authorization) => Credentials::from_header(authorization, form)?,
            None => Credentials::from_form(form)?,
        };
        let client = self.clients.iter().find(|client| client.client_id == credentials.client_id);
        let methods = &self.settings.token_endpoint_auth_methods;
        match client {
            Some(client)
                if client.client_secret == credentials.client_secret
                    && methods.contains(&credentials.method) =>
            {
                Ok(client.clone())
            }
            Some(_) | None => {
                Err(Refusal::invalid_client(credentials.method == "client_secret_basic"))
            }
        }
    }
}

/// What a request presents.
struct Credentials {
    method: &'static str,
    client_id: String,
    /// Empty if there is none: RFC 6749 §2.3.1 lets a client omit an empty secret.
    client_secret: String,
}

impl Credentials {
    fn from_header(authorization: &str, form: &Parameters) -> Result<Self, Refusal> {
        // RFC 6749 §2.3: one method per request.
        if form.get("client_secret").is_some() {
            return Err(Refusal::invalid_request("the client authenticates in two ways"));
        }
        let (client_id, client_secret) =
            decode_basic(authorization).ok_or_else(|| Refusal::invalid_client(true))?;
        if form.get("client_id").is_some_and(|id| id != client_id) {
            return Err(Refusal::invalid_request("two different values of client_id"));
        }
        Ok(Self { method: "client_secret_basic", client_id, client_secret })
    }

    fn from_form(form: &Parameters) -> Result<Self, Refusal> {
        let Some(client_id) = form.get("client_id") else {
            return Err(Refusal::invalid_client(false));
        };
        let client_secret = form.get("client_secret").unwrap_or_default();
        Ok(Self {
            method: match client_secret {
                "" => "none",
                _ => "client_secret_post",
            },
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
        })
    }
}

/// RFC 6749 §2.3.1: id and secret are each form-encoded *before* they are joined by a colon.
fn decode_basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, client_secret) = pair.split_once(':')?;
    Some((form_decode(client_id)?, form_decode(client_secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{check, simulator};

    const CLIENT_CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

    #[test]
    fn a_secret_in_the_header_is_form_decoded() {
        let odd = "bot%3Aodd+id:p%3Aa%2Bs%2520s%2Fw%26o%3Drd+%C3%A9";
        for (pair, outcome) in [
            ("bot:bot-secret", "200"),
            (odd, "200"),
            ("bot:odd id:p:a+s%20s/w&o=rd é", "401 invalid_client"),
            ("bot:wrong", "401 invalid_client"),
            ("nobody:bot-secret", "401 invalid_client"),
            ("bot", "401 invalid_client"),
        ] {
            let request = Request::post("/token", &[CLIENT_CREDENTIALS])
                .with_header("Authorization", &format!("Basic {}", STANDARD.encode(pair)));
            let answer = check(&mut simulator(), 0, &request, outcome);
            // RFC 6749 §5.2: a challenge comes with the refusal of this method.
            let challenged =
                answer.header("www-authenticate") == Some(r#"Basic realm="simulator""#);
            assert_eq!(challenged, outcome != "200", "{pair}");
        }
    }

    #[test]
    fn a_header_that_is_not_basic_is_refused() {
        for authorization in ["Basic", "Basic !!!", "Bearer abc", ""] {
            let request = Request::post("/token", &[CLIENT_CREDENTIALS])
                .with_header("Authorization", authorization);
            check(&mut simulator(), 0, &request, "401 invalid_client");
        }
    }

    #[test]
    fn a_secret_in_the_form_is_compared_as_it_is() {
        for (client_id, client_secret, outcome) in [
            ("bot", "bot-secret", "200"),
            ("bot:odd id", "p:a+s%20s/w&o=rd é", "200"),
            ("bot", "wrong", "401 invalid_client"),
            ("bot", "", "401 invalid_client"),
            ("", "bot-secret", "401 invalid_client"),
            // Public clients have no secret, so a secret is a mistake.
            ("demo", "secret", "401 invalid_client"),
            ("demo", "", "400 unauthorized_client"),
        ] {
            let form =
                [CLIENT_CREDENTIALS, ("client_id", client_id), ("client_secret", client_secret)];
            let answer = check(&mut simulator(), 0, &Request::post("/token", &form), outcome);
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }

    #[test]
    fn two_methods_in_one_request_are_refused() {
        let basic = format!("Basic {}", STANDARD.encode("bot:bot-secret"));
        for (name, value, outcome) in [
            ("client_secret", "bot-secret", "400 invalid_request"),
            ("client_id", "demo", "400 invalid_request"),
            ("client_id", "bot", "200"),
        ] {
            let request = Request::post("/token", &[CLIENT_CREDENTIALS, (name, value)])
                .with_header("Authorization", &basic);
            check(&mut simulator(), 0, &request, outcome);
        }
    }

    #[test]
    fn a_method_that_is_switched_off_is_refused() {
        let mut simulator = simulator();
        simulator.settings.token_endpoint_auth_methods = vec!["client_secret_basic"];
        let form = [CLIENT_CREDENTIALS, ("client_id", "bot"), ("client_secret", "bot-secret")];
        check(&mut simulator, 0, &Request::post("/token", &form), "401 invalid_client");
    }
}
