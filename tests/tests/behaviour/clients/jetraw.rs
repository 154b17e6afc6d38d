//! Jetraw, through both clients.

use std::path::Path;

use aiod_auth_core::{Environment, RefreshToken, provider::jetraw::Settings as JetrawSettings};
use aiod_auth_store::LoginTo;

use super::*;

both! {
    a_session_from_an_api_key_is_each_organisations_own
    settings_that_can_not_be_used_are_an_error
}

fn login_to(base: &str, organisation: &str, folder: &Path) -> Result<LoginTo, Error> {
    let mut settings = JetrawSettings::new(base, "demo");
    settings.organisation = Some(organisation.into());
    let folder = ("AIOD_AUTH_CONFIG_DIR", folder.to_str().unwrap());
    LoginTo::jetraw(&settings, &Environment::from_iter([folder]))
}

mod check {
    use super::*;

    pub(super) fn a_session_from_an_api_key_is_each_organisations_own<C: AnyClient>() {
        let running = serve(Settings::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = |name| C::of(login_to(&running.base_url, name, folder.path()).unwrap());
        let session = running.simulator().session_of("alice", "openid", wall_clock_ms());
        let key = RefreshToken::new(session["refresh_token"].as_str().unwrap());
        client("lab").login_with_refresh_token(key).unwrap();
        // One that has just started finds it where the command keeps its own.
        client("lab").token().unwrap();
        assert!(folder.path().join("tokens").is_dir());
        assert_eq!(client("factory").token().unwrap_err().kind(), Kind::NotAuthenticated);
        assert_eq!(running.simulator().grants(REFRESH_TOKEN), 1);
    }

    pub(super) fn settings_that_can_not_be_used_are_an_error<C: AnyClient>() {
        let folder = tempfile::tempdir().unwrap();
        for (base, organisation) in
            [("http://as.example", "lab"), ("https://as.example", " "), ("as.example", "lab")]
        {
            let error = login_to(base, organisation, folder.path()).map(C::of).err().unwrap();
            assert_eq!(error.kind(), Kind::Config, "{base} {organisation}");
        }
    }
}
