//! Any script around any machine, on stable: what the fuzz targets do with more patience.

use aiod_auth_tests::fuzzing::{
    from_bytes, machine_flows, machine_login, machine_session, www_authenticate,
};
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn flows_end_in_time_and_leak_nothing(bytes in bytes()) {
        let _ending = from_bytes(&bytes).map(|script| machine_flows(&script));
    }

    #[test]
    fn logins_poll_at_the_pace_they_were_told(bytes in bytes()) {
        let _ending = from_bytes(&bytes).map(|script| machine_login(&script));
    }

    #[test]
    fn sessions_save_before_they_hand_out_and_lose_nothing(bytes in bytes()) {
        let _ending = from_bytes(&bytes).map(|script| machine_session(&script));
    }

    #[test]
    fn challenges_come_back_however_they_are_written(bytes in bytes()) {
        let _ending = www_authenticate(&bytes);
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..600)
}
