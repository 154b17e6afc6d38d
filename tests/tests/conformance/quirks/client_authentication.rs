//! Client authentication.

use aiod_auth_tests::verdict::Asked;

use super::client_behaviour as behaviour;
use crate::row::{Check, Row, row};

pub(crate) const ROWS: &[Row] = &[
    row(
        "Q-95",
        "Spring Security OAuth (old), HCL Domino and many home-made: Basic credentials that are not \
         unescaped again; they are escaped as the standard says, unless the provider's data says \
         otherwise, and where that changed something a refusal hints at it",
        Check::Behaviour(behaviour::basic_credentials_are_escaped),
    ),
    row(
        "Q-96",
        "Reddit (Basic only), Dropbox (either, not both), Stripe: the method is the one of the \
         metadata or of the configuration, and no other is tried after a refusal",
        Check::Behaviour(behaviour::methods_are_told_and_never_tried_out),
    ),
    row(
        "Q-97",
        "Microsoft Entra: the audience of an assertion is the token endpoint, where the provider's \
         data says so",
        Check::Later("`private_key_jwt`"),
    ),
    row(
        "Q-98",
        "GitHub: its device flow takes no `client_secret`: a client without one sends none, whatever \
         the metadata says",
        Check::Behaviour(behaviour::a_client_without_a_secret_sends_none),
    ),
    row(
        "Q-99",
        "Keycloak, oidc-provider: Basic and a secret in the body at once is refused by some; it is \
         never sent",
        Check::Both(
            Asked::ClientCredentials,
            &[(
                r#"400 {"error":"invalid_request","error_description":"client authentication must only be provided using one mechanism"}"#,
                "error:server; code invalid_request; says client authentication must only be provided using one mechanism",
            )],
            behaviour::one_method_at_a_time,
        ),
    ),
];
