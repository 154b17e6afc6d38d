//! DEV: the device authorization grant.

use aiod_auth_tests::verdict::Asked;

use crate::row::{
    Check::{Answers, Behaviour, Both},
    Row, row,
};

mod answers;
mod deadline;
mod pace;
mod requests;
mod user;
mod verdicts;

pub(crate) const ROWS: &[Row] = &[
    row(
        "DEV-01",
        "asks with its client id, or authenticated; for a scope only if one is wanted",
        Behaviour(requests::the_client_says_who_it_is),
    ),
    row(
        "DEV-02",
        "starts a device request only when a user asked for it, never by itself after a failure",
        Behaviour(requests::one_login_is_one_device_request),
    ),
    row(
        "DEV-03",
        "requires `device_code`, `user_code` and `verification_uri`, and names the one that is missing",
        Answers(Asked::Device, answers::NEEDED),
    ),
    row(
        "DEV-04",
        "without a usable `expires_in` shows none, and lives by the caller's limit, half an hour at most",
        Both(Asked::Device, answers::LIFETIMES, deadline::without_a_lifetime_the_limit_counts),
    ),
    row(
        "DEV-05",
        "waits 5 s where `interval` is absent, null, zero or less",
        Both(Asked::Device, answers::NO_INTERVAL, pace::a_missing_interval_is_five_seconds),
    ),
    row(
        "DEV-06",
        "takes `interval` as a number or a string, rounds fractions up, and honours a large one",
        Both(Asked::Device, answers::INTERVALS, pace::a_large_interval_is_honoured),
    ),
    row(
        "DEV-07",
        "waits at least the interval between the end of one poll and the next",
        Behaviour(|| {
            pace::the_wait_begins_when_the_answer_is_there();
            pace::a_sleep_that_is_cut_short_is_slept_to_its_end();
            pace::both_loops_keep_it_and_survive_a_dropped_connection();
        }),
    ),
    row(
        "DEV-08",
        "waits one interval before the first poll, too",
        Behaviour(pace::the_first_poll_is_not_at_once),
    ),
    row(
        "DEV-09",
        "on `slow_down` adds 5 s to the interval for this and all later polls, each time",
        Behaviour(|| {
            pace::slow_down_adds_five_seconds_for_good();
            pace::a_server_that_wants_more_gets_it_in_the_end();
        }),
    ),
    row(
        "DEV-10",
        "takes the interval that a `slow_down` names, if it is longer",
        Behaviour(pace::slow_down_that_names_an_interval_is_believed_if_it_is_longer),
    ),
    row(
        "DEV-11",
        "goes on polling on `authorization_pending`, at any status, until the code expires",
        Both(Asked::Poll, answers::PENDING, verdicts::a_patient_user_is_waited_for),
    ),
    row(
        "DEV-12",
        "stops polling on any other error code, and says why",
        Behaviour(|| {
            verdicts::every_other_code_ends_it_at_any_status();
            verdicts::a_verdict_is_the_last_request();
            verdicts::a_user_who_refuses_is_believed();
        }),
    ),
    row(
        "DEV-13",
        "doubles the wait after each poll without an answer, up to a minute, until one is answered",
        Behaviour(|| {
            pace::timeouts_double_the_wait_up_to_a_minute();
            pace::an_answer_ends_the_doubling_and_slow_down_stays();
        }),
    ),
    row(
        "DEV-14",
        "waits out a network that drops, a server that is busy and a portal; ten malformed answers in a row \
         end it",
        Behaviour(|| {
            verdicts::transient_failures_of_any_kind_are_waited_out();
            verdicts::a_connection_that_is_refused_is_waited_out();
            verdicts::ten_malformed_answers_in_a_row_end_it();
            pace::both_loops_keep_it_and_survive_a_dropped_connection();
        }),
    ),
    row(
        "DEV-15",
        "stops by itself when the code's life has passed, and sends nothing more",
        Behaviour(|| {
            deadline::it_ends_exactly_when_the_code_expires();
            deadline::an_approval_is_noticed_however_long_the_interval();
            deadline::no_poll_outlives_it();
            deadline::it_counts_from_the_answer_that_brought_the_code();
        }),
    ),
    row(
        "DEV-16",
        "shows the user code and the page to the user",
        Both(Asked::Device, answers::SHOWN, user::the_prompt_says_where_to_go_and_what_to_enter),
    ),
    row(
        "DEV-17",
        "still shows the user code and the plain page where it offers the one with the code in it",
        Both(Asked::Device, answers::COMPLETE, user::the_complete_page_replaces_nothing),
    ),
    row(
        "DEV-18",
        "offers the page with the code in it to a browser, or else the plain one",
        Behaviour(user::the_browser_gets_the_better_page),
    ),
    row(
        "DEV-19",
        "never shows the device code",
        Behaviour(user::nothing_that_is_printed_has_the_device_code),
    ),
    row(
        "DEV-20",
        "polls with the grant type, the device code as it came, and its client id or authentication",
        Behaviour(requests::a_poll_brings_the_device_code_as_it_came),
    ),
    row(
        "DEV-21",
        "cleans what a terminal will show, and takes only https pages (loopback excepted)",
        Both(Asked::Device, answers::UNSAFE, user::a_terminal_is_shown_nothing_that_it_would_obey),
    ),
    row(
        "DEV-22",
        "tells the user to go on only if they started this login themselves",
        Behaviour(user::it_warns_of_logins_of_others),
    ),
    row(
        "DEV-23",
        "takes pace and deadline from what was really waited, whatever the wall clock does",
        Behaviour(|| {
            deadline::a_clock_that_jumps_changes_nothing();
            deadline::a_clock_that_jumps_does_not_move_the_end();
        }),
    ),
    row(
        "DEV-24",
        "takes the endpoint from the metadata; without one nothing is sent",
        Behaviour(requests::a_server_without_the_endpoint_is_a_matter_of_configuration),
    ),
    row(
        "DEV-25",
        "reads errors of the device endpoint like those of the token endpoint",
        Answers(Asked::Device, answers::REFUSED),
    ),
    row(
        "DEV-26",
        "can be cancelled at any point, and sends nothing afterwards",
        Behaviour(|| {
            user::a_login_that_is_dropped_at_any_step_sends_nothing_more();
            user::a_login_that_is_dropped_while_it_waits_sends_no_poll();
        }),
    ),
];
