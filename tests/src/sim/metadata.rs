//! What the server says of itself (RFC 8414 §2, OpenID Connect Discovery §3).

use serde_json::json;

use super::Simulator;
use super::clients::{CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN, SCOPE};
use super::http::Answer;

impl Simulator {
    /// Both documents are the same one.
    pub(super) fn metadata(&self) -> Answer {
        let methods = &self.settings.token_endpoint_auth_methods;
        let scopes: Vec<&str> = SCOPE.split_whitespace().collect();
        let end_session = if self.settings.keycloak_logout { KEYCLOAK_LOGOUT } else { END_SESSION };
        let mut body = json!({
            "issuer": self.issuer,
            "token_endpoint": self.url("/token"),
            "revocation_endpoint": self.url("/revoke"),
            "introspection_endpoint": self.url("/introspect"),
            "userinfo_endpoint": self.url("/userinfo"),
            "end_session_endpoint": self.url(end_session),
            "grant_types_supported": [DEVICE_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": methods,
            "scopes_supported": scopes,
            // RFC 8414 §2 wants this member; without an authorization endpoint it is "none".
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
        });
        if self.settings.device_flow {
            body["device_authorization_endpoint"] = json!(self.url("/device_authorization"));
        }
        if self.settings.browser_flow {
            body["authorization_endpoint"] = json!(self.url("/authorize"));
            body["response_types_supported"] = json!(["code"]);
            body["code_challenge_methods_supported"] = json!(["S256"]);
            body["authorization_response_iss_parameter_supported"] = json!(true);
        }
        Answer::json(200, &body)
    }
}

pub(super) const END_SESSION: &str = "/end_session";
pub(super) const KEYCLOAK_LOGOUT: &str = "/protocol/openid-connect/logout";

#[cfg(test)]
mod tests {
    use crate::sim::http::Request;
    use crate::sim::testing::{body, check, simulator};

    #[test]
    fn both_documents_name_the_issuer_and_its_endpoints() {
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
        {
            let body = body(&check(&mut simulator(), 0, &Request::get(path), "200"));
            assert_eq!(body["issuer"], "http://as.test");
            assert_eq!(body["token_endpoint"], "http://as.test/token");
            check(&mut simulator(), 0, &Request::post(path, &[]), "405");
        }
    }

    #[test]
    fn each_document_can_be_switched_off() {
        let mut simulator = simulator();
        let openid_configuration = Request::get("/.well-known/openid-configuration");
        let oauth_server = Request::get("/.well-known/oauth-authorization-server");

        simulator.settings.openid_configuration = false;
        check(&mut simulator, 0, &openid_configuration, "404");
        check(&mut simulator, 0, &oauth_server, "200");

        simulator.settings.oauth_authorization_server = false;
        check(&mut simulator, 0, &oauth_server, "404");
    }

    #[test]
    fn the_end_session_endpoint_is_the_page_or_keycloaks() {
        for (keycloak_logout, address) in [
            (false, "http://as.test/end_session"),
            (true, "http://as.test/protocol/openid-connect/logout"),
        ] {
            let mut simulator = simulator();
            simulator.settings.keycloak_logout = keycloak_logout;
            let request = Request::get("/.well-known/openid-configuration");
            let body = body(&check(&mut simulator, 0, &request, "200"));
            assert_eq!(body["end_session_endpoint"], address);
        }
    }
}
