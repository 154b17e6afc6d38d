//! What a refresh sends, and what it doesn't.

use aiod_auth_core::{
    AuthenticationMethod, Login, Method, RefreshToken, flow::AccessTokenRequest, session::Session,
};
use serde_json::json;

use super::super::scene::*;

pub(super) fn the_form_of_a_refresh() {
    const GRANT: &str = "grant_type=refresh_token";
    let posting = confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for text in ["plain", "a+b/c==", "a b&c=d%20", "1.2_3~4-5!|"] {
        let token = format!("refresh_token={text}");
        for (client, authorization, who) in [
            (public(), None, &["client_id=demo"][..]),
            (confidential(), Some(BASIC), &[]),
            (posting.clone(), None, &["client_id=bot", "client_secret=bot-secret"]),
        ] {
            let old = RefreshToken::new(text);
            let mut refresh =
                AccessTokenRequest::refresh(&server(), &client, &old, &scope("read"), policy())
                    .unwrap();
            let request = first_request(&mut refresh);
            assert_eq!(request.method(), Method::Post);
            assert_eq!(request.url().query(), None);
            assert_eq!(header(&request, "Authorization"), authorization);
            assert_eq!(form(&request), [who, &[GRANT, &token]].concat());
            // Sent again after trouble, it is the same.
            answer(&mut refresh, 503, "");
            let again = first_request(&mut refresh);
            assert_eq!(again.body(), request.body());
            assert_eq!(header(&again, "Authorization"), authorization);
        }
    }
}

fn sent_scope(form: &[(String, String)]) -> bool {
    form.iter().any(|(name, _)| name == "scope")
}

/// The profile names a scope; only the device request sends it.
pub(super) fn no_scope_is_sent() {
    let (mut world, tokens) = with_an_old_token();
    get_token(&mut world).unwrap();
    force_refresh(&mut world).unwrap();
    let alive = RefreshToken::new(refresh_token(&stored(&world).unwrap()));
    let login = Login::new(profile(), seconds(60), policy());
    let alive = world.run(login.with_refresh_token(alive)).unwrap().refresh_token.unwrap();
    world.run(Session::login_with_refresh_token(profile(), alive, policy())).unwrap();

    let forms = forms_to(&world, "/token");
    assert_eq!(forms.len(), 5, "the poll and four refreshes");
    assert!(forms.iter().all(|form| !sent_scope(form)), "{forms:?}");
    assert!(sent_scope(&forms_to(&world, "/device_authorization")[0]));
    assert_eq!(tokens.tokens.scope, scope("openid profile"));
}

pub(super) fn after_a_narrowed_answer_no_scope_is_sent() {
    for narrowed in [json!("openid"), json!(""), json!(["openid"])] {
        let (mut world, _) = with_an_old_token();
        let body = json!({
            "access_token": "narrow", "refresh_token": "rotated", "expires_in": 60,
            "scope": narrowed,
        });
        world.server.fault_at("/token", 1, instead(200, &body));
        let narrow = get_token(&mut world).unwrap();
        // The caller can see the difference.
        assert_ne!(narrow.tokens.scope, scope("openid profile"));
        assert_eq!(refresh_token(&stored(&world).unwrap()), "rotated");
        // A demand for the profile's scope is still served from the store.
        let earlier = count(&world, "/token");
        assert_eq!(
            get_token(&mut world).unwrap().tokens.access_token().unwrap().expose(),
            "narrow"
        );
        assert_eq!(count(&world, "/token"), earlier);

        let body = json!({"access_token": "wide", "scope": "openid profile"});
        world.server.fault_at("/token", 1, instead(200, &body));
        world.pass(seconds(60));
        let wide = get_token(&mut world).unwrap();
        assert_eq!(wide.tokens.scope, scope("openid profile"));
        assert!(forms_to(&world, "/token").iter().all(|form| !sent_scope(form)));
    }
}

/// RFC 6749 §6: a refresh without `scope` is one for the scope of the session, and §5.1: an answer
/// without `scope` grants what was asked for.
pub(super) fn after_a_narrowed_answer_the_session_is_what_it_was() {
    let (mut world, _) = with_an_old_token();
    let narrow = json!({"access_token": "a", "refresh_token": "r", "scope": "openid"});
    world.server.fault_at("/token", 1, instead(200, &narrow));
    world.server.fault_at("/token", 1, instead(200, &json!({"access_token": "b"})));
    assert_eq!(get_token(&mut world).unwrap().tokens.scope, scope("openid"));
    assert_eq!(force_refresh(&mut world).unwrap().tokens.scope, scope("openid profile"));
}
