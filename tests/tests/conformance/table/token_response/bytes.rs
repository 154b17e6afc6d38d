//! Sizes, encodings and depths.

use aiod_auth_core::AccessToken;
use aiod_auth_tests::verdict::{Answer, Asked, verdict};
use serde_json::json;

use crate::sessions::{get_token, instead, log_in, seconds, see_who_it_is, stored, world};

const ASKED: [Asked; 3] = [Asked::Refresh, Asked::Poll, Asked::ClientCredentials];

fn check(asked: Asked, body: impl Into<Vec<u8>>, expected: &str) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    let found = verdict(asked, &Answer { status: 200, headers: Vec::new(), body }).unwrap();
    // What is not even a part of an answer is waited out while polling, unless it stays so.
    let is_stray = asked == Asked::Poll && found.is(&format!("retry; stays {expected}"));
    assert!(is_stray || found.is(expected), "{asked:?} {shown}: {found}, not {expected}");
}

pub(crate) fn a_large_token_is_kept_whole() {
    let large = "x".repeat(64 * 1024);
    for asked in ASKED {
        check(asked, format!(r#"{{"access_token":"{large}"}}"#), "ok");
    }
    let mut world = world();
    log_in(&mut world);
    world.pass(seconds(300));
    let body = json!({
        "access_token": large, "refresh_token": large, "id_token": large, "token_type": "Bearer",
    });
    world.server.fault_at("/token", 1, instead(200, &body));
    get_token(&mut world).unwrap();
    let kept = stored(&world).unwrap();
    assert!(kept.access_token().unwrap().same_as(&AccessToken::new(large.as_str()).unwrap()));
    assert!(kept.refresh_token.unwrap().expose() == large);

    // The simulator doesn't know it.
    let mut headers = Vec::new();
    world.server.fault_at("/userinfo", 1, instead(200, &json!({"sub": "alice"})));
    see_who_it_is(&mut world, None, |request| {
        let header = request.headers().find(|(name, _)| *name == "Authorization");
        headers.extend(header.map(|(_, value)| value.to_owned()));
    })
    .unwrap();
    assert!(headers == [format!("Bearer {large}")]);
}

pub(crate) fn a_success_is_strict_utf_8() {
    let good = r#"{"access_token":"a","name":"é"}"#;
    for asked in ASKED {
        check(asked, good, "ok");
        check(asked, format!("\u{feff}{good}"), "ok");
        check(asked, format!("\u{feff} \r\n{good}\n"), "ok");
        check(asked, format!("\u{feff}\u{feff}{good}"), "error:protocol");

        let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{good}").encode_utf16().flat_map(to_bytes).collect()
        };
        check(asked, utf_16(u16::to_be_bytes), "error:protocol");
        check(asked, utf_16(u16::to_le_bytes), "error:protocol");
        check(asked, &utf_16(u16::to_le_bytes)[2..], "error:protocol");

        for broken in [
            &b"{\"access_token\":\"a\",\"name\":\"\xe9\"}"[..],
            b"{\"access_token\":\"a\xff\"}",
            b"{\"access_token\":\"a\",\"\xc3\":1}",
            b"{\"access_token\":\"a\",\"x\":\"\xed\xa0\x80\"}",
            b"{\"access_token\":\"a\",\"x\":\"\xc0\xaf\"}",
            b"{\"access_token\":\"a\"}\xff",
        ] {
            check(asked, broken, "error:protocol");
        }
        // A lone half of a surrogate pair, where it is read.
        check(asked, r#"{"access_token":"\ud83d"}"#, "error:protocol");
    }
}

pub(crate) fn nesting_and_members_have_an_end() {
    for asked in ASKED {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth: usize| {
                let (open, close) = (open.repeat(depth), close.repeat(depth));
                format!(r#"{{"access_token":"a","x":{open}1{close}}}"#)
            };
            check(asked, nested(20), "ok");
            check(asked, nested(10_000), "error:protocol; nested too deeply");
            check(asked, nested(100_000), "error:protocol; nested too deeply");
            // It never ends, and nothing in a text counts.
            let unclosed = format!(r#"{{"access_token":"a","x":{}"#, open.repeat(100_000));
            check(asked, unclosed, "error:protocol; nested too deeply");
        }
        check(asked, format!(r#"{{"access_token":"a","x":"{}"}}"#, "[".repeat(10_000)), "ok");

        let members = |count: usize| {
            let members: String = (0..count).map(|n| format!(",\"m{n}\":0")).collect();
            format!(r#"{{"access_token":"a"{members}}}"#)
        };
        check(asked, members(500), "ok");
        check(asked, members(80_000), "error:protocol");
    }
}
