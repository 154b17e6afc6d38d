//! What real servers do, and what is made of it. A provider is named where it was seen.

use crate::row::Row;

mod after_the_login;
mod around;
mod client_authentication;
mod client_behaviour;
mod device;
mod device_behaviour;
mod error_answers;
mod loops;
mod metadata_behaviour;
mod other_endpoints;
mod provider_data;
pub(crate) mod session_behaviour;
mod tiled;
mod token_answers;
mod token_behaviour;
mod wire;
mod wire_behaviour;

/// What they are about, and the rows.
pub(crate) const GROUPS: [(&str, &[Row]); 8] = [
    ("device authorization and polling", device::ROWS),
    ("token answers: success", token_answers::ROWS),
    ("token answers: errors", error_answers::ROWS),
    ("refresh, rotation, revocation, logout", after_the_login::ROWS),
    ("client authentication", client_authentication::ROWS),
    ("discovery, userinfo, DPoP", other_endpoints::ROWS),
    ("Tiled's own protocol", tiled::ROWS),
    ("the wire", wire::ROWS),
];

/// They are numbered with gaps.
pub(crate) const GAPS: [usize; 4] = [57, 58, 59, 94];

#[test]
fn every_quirk_has_a_row() {
    let mut ids: Vec<_> =
        GROUPS.iter().flat_map(|(_, rows)| rows.iter()).map(|row| row.id).collect();
    ids.sort_by_key(|id| id.trim_start_matches("Q-").parse::<usize>().unwrap());
    let expected: Vec<_> =
        (1..=149).filter(|n| !GAPS.contains(n)).map(|n| format!("Q-{n:02}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(GROUPS.len(), every_row_holds::COUNT);
}

mod every_row_holds {
    crate::row::holds! {
        device
        token_answers
        error_answers
        after_the_login
        client_authentication
        other_endpoints
        tiled
        wire
    }
}
