//! The user at the browser, one at a time.

use std::sync::{Mutex, PoisonError};

use aiod_auth_core::Prompt;
use aiod_auth_tests::user::{ALICE, BOB, UserError};

/// Alice opens this page and approves the login.
///
/// One at a time: when a user's first two approvals of a client come at once, Keycloak stores the
/// consent twice, and answers each later approval with status 500.
pub(crate) fn alice_approves(page: &str) -> Result<(), UserError> {
    static BROWSER: Mutex<()> = Mutex::new(());
    let _queue = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    ALICE.approve(page)
}

/// Bob opens this page and refuses.
pub(crate) fn bob_refuses(page: &str) -> Result<(), UserError> {
    BOB.deny(page)
}

/// The user never opens this page.
#[expect(clippy::unnecessary_wraps, reason = "it stands where others decide")]
pub(crate) fn no_visit(_page: &str) -> Result<(), UserError> {
    Ok(())
}

/// The page that a prompt of the blocking client asks to open.
pub(crate) fn page(prompt: &Prompt) -> &str {
    match prompt {
        Prompt::DeviceCode(prompt) => prompt.page().as_str(),
        other => panic!("{other:?}"),
    }
}
