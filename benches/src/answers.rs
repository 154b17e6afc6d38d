//! The answers: shaped as Keycloak's are, with claims of the usual number and size. The signatures are
//! none.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};

pub const ISSUER: &str = "https://keycloak.example.org/realms/research";
pub const TOKEN_URL: &str =
    "https://keycloak.example.org/realms/research/protocol/openid-connect/token";
pub const DEVICE_URL: &str =
    "https://keycloak.example.org/realms/research/protocol/openid-connect/auth/device";
pub const CLIENT_ID: &str = "lab-notebook";
pub const CLIENT_SECRET: &str = "b7e1c0d2-made-up-for-this-bench";

/// The 3.7 kB answer of a login with `openid`.
pub fn token() -> String {
    format!(
        r#"{{"access_token":"{}","expires_in":300,"refresh_expires_in":1800,"refresh_token":"{}","token_type":"Bearer","id_token":"{}","not-before-policy":0,"session_state":"6f1b62a8-3c55-4f0e-9a3e-0f6f6d0c2b11","scope":"openid email profile offline_access"}}"#,
        access_token(),
        refresh_token(),
        id_token(),
    )
}

/// The 1.8 kB answer to a client that asks for itself.
pub fn client_credentials() -> String {
    format!(
        r#"{{"access_token":"{}","expires_in":300,"refresh_expires_in":0,"token_type":"Bearer","not-before-policy":0,"scope":"email profile"}}"#,
        access_token(),
    )
}

/// As far as a device login needs it.
pub fn metadata() -> String {
    format!(
        r#"{{"issuer":"{ISSUER}","token_endpoint":"{TOKEN_URL}","device_authorization_endpoint":"{DEVICE_URL}"}}"#
    )
}

pub fn device() -> String {
    format!(
        r#"{{"device_code":"mC2-kq4V0b3yqgX8n7tWb1oJx5sLrZ9aPfEhUdYvTcI","user_code":"QPWS-KJTR","verification_uri":"{ISSUER}/device","verification_uri_complete":"{ISSUER}/device?user_code=QPWS-KJTR","expires_in":600,"interval":5}}"#,
    )
}

pub fn pending() -> String {
    r#"{"error":"authorization_pending","error_description":"The authorization request is still pending"}"#.into()
}

pub fn slow_down() -> String {
    r#"{"error":"slow_down","error_description":"Slow down"}"#.into()
}

/// Five answers: the code, twice pending, once slow down, the tokens.
pub fn login() -> Vec<(u16, String)> {
    vec![(200, device()), (400, pending()), (400, pending()), (400, slow_down()), (200, token())]
}

pub fn access_token() -> String {
    jwt(
        "RS256",
        &format!(
            r#"{{"exp":4102444800,"iat":1767225600,"auth_time":1767225590,"jti":"onrtdg:0a62f7de-94b7-4f52-8f37-4f0a6b3f1f6e","iss":"{ISSUER}","aud":["account","data-api"],"sub":"c94e2f1a-5c44-4d0b-b3a7-8e9a63a1d5f0","typ":"Bearer","azp":"{CLIENT_ID}","sid":"6f1b62a8-3c55-4f0e-9a3e-0f6f6d0c2b11","acr":"1","allowed-origins":["https://data.example.org","https://notebook.example.org"],"realm_access":{{"roles":["offline_access","default-roles-research","uma_authorization","edit_datasets","view_datasets"]}},"resource_access":{{"account":{{"roles":["manage-account","manage-account-links","view-profile"]}}}},"scope":"openid email profile offline_access","email_verified":true,"name":"Ada Example","groups":["offline_access","default-roles-research","uma_authorization"],"preferred_username":"ada.example","given_name":"Ada","family_name":"Example","email":"ada@example.org"}}"#
        ),
        256,
    )
}

pub fn id_token() -> String {
    jwt(
        "RS256",
        &format!(
            r#"{{"exp":4102444800,"iat":1767225600,"auth_time":1767225590,"jti":"7b8d1c52-2d0f-4a3e-9c0a-1a5b0f7e6d3c","iss":"{ISSUER}","aud":"{CLIENT_ID}","sub":"c94e2f1a-5c44-4d0b-b3a7-8e9a63a1d5f0","typ":"ID","azp":"{CLIENT_ID}","sid":"6f1b62a8-3c55-4f0e-9a3e-0f6f6d0c2b11","at_hash":"pXq3bq1J6w0Y0mPZ5nS3Yg","acr":"1","email_verified":true,"name":"Ada Example","preferred_username":"ada.example","given_name":"Ada","family_name":"Example","email":"ada@example.org"}}"#
        ),
        256,
    )
}

pub fn refresh_token() -> String {
    jwt(
        "HS512",
        &format!(
            r#"{{"exp":4102444800,"iat":1767225600,"jti":"d1a2f9f3-5a5e-4a4e-8e3c-2f1f0f0e9d8c","iss":"{ISSUER}","aud":"{ISSUER}","sub":"c94e2f1a-5c44-4d0b-b3a7-8e9a63a1d5f0","typ":"Offline","azp":"{CLIENT_ID}","sid":"6f1b62a8-3c55-4f0e-9a3e-0f6f6d0c2b11","scope":"openid email profile offline_access"}}"#
        ),
        64,
    )
}

fn jwt(algorithm: &str, claims: &str, signature_bytes: u16) -> String {
    let header = format!(
        r#"{{"alg":"{algorithm}","typ":"JWT","kid":"vT0mYtZf2n8XJm0y5Cq7bq3vB1o6wq2N1d4r9sXkLhM"}}"#
    );
    let signature: Vec<u8> =
        (0..signature_bytes).map(|i| (i.wrapping_mul(167) >> 3).to_le_bytes()[0]).collect();
    [header.as_bytes(), claims.as_bytes(), &signature].map(|part| BASE64.encode(part)).join(".")
}
