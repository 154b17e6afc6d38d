//! FORM: building requests.

use crate::{
    loops::{self, both},
    row::{Check, Row, row},
};

mod bodies;
mod endpoints;
mod parameters;

pub(crate) const ROWS: &[Row] = &[
    row(
        "FORM-01",
        "posts at the token, device authorization, revocation and end session endpoints",
        Check::Behaviour(endpoints::every_form_is_posted),
    ),
    row(
        "FORM-02",
        "writes values as UTF-8, then escapes them",
        Check::Behaviour(bodies::values_are_utf_8_and_then_escaped),
    ),
    row(
        "FORM-03",
        "labels a form as `application/x-www-form-urlencoded` and says no charset",
        Check::Behaviour(endpoints::a_form_is_labelled_and_has_no_charset),
    ),
    row(
        "FORM-04",
        "asks every JSON endpoint for `application/json`",
        Check::Behaviour(endpoints::every_request_asks_for_json),
    ),
    row(
        "FORM-05",
        "leaves a parameter without a value out",
        Check::Behaviour(bodies::what_has_no_value_is_left_out),
    ),
    row(
        "FORM-06",
        "sends no parameter twice",
        Check::Behaviour(|| {
            bodies::no_parameter_is_there_twice();
            parameters::nothing_that_a_flow_sends_is_added();
        }),
    ),
    row(
        "FORM-07",
        "keeps the query of an endpoint's address",
        Check::Behaviour(endpoints::a_query_stays_in_the_address),
    ),
    row(
        "FORM-08",
        "takes no endpoint with a fragment",
        Check::Behaviour(endpoints::an_endpoint_has_no_fragment),
    ),
    row(
        "FORM-09",
        "sends a scope as a set of tokens of the characters that are allowed, with one space between",
        Check::Behaviour(bodies::scopes_are_sets_of_allowed_characters),
    ),
    row(
        "FORM-10",
        "puts no secret, token or code into an address",
        Check::Behaviour(endpoints::no_address_has_a_secret_in_it),
    ),
    row(
        "FORM-11",
        "names each grant type exactly as it is registered",
        Check::Behaviour(bodies::each_grant_has_its_registered_name),
    ),
    row(
        "FORM-12",
        "sends a body in one piece with its length",
        Check::Behaviour(both!(loops::requests::a_form_goes_out_in_one_piece_with_a_user_agent)),
    ),
    row(
        "FORM-13",
        "asks that nothing with credentials is cached, and caches nothing",
        Check::Behaviour(|| {
            endpoints::a_form_is_not_to_be_cached();
            both!(loops::requests::nothing_is_cached)();
        }),
    ),
    row(
        "FORM-14",
        "sends the parameters that a caller adds",
        Check::Behaviour(parameters::what_is_added_is_sent_once),
    ),
    row(
        "FORM-15",
        "says who it is by name and version, and nothing of the machine it runs on",
        Check::Behaviour(both!(loops::requests::a_request_names_this_program_and_nothing_else)),
    ),
];
