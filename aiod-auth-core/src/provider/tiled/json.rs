//! A JSON object of strings: what Tiled takes where RFC 6749 has a form.

use alloc::{string::String, vec::Vec};

use crate::{
    secret::Wiped,
    wire::{form::Encoded, json::push_string},
};

/// The members of a request, as [`Form`](crate::wire::form::Form) has parameters.
#[derive(Default)]
pub(super) struct Json<'a>(Vec<Member<'a>>);

struct Member<'a> {
    name: &'a str,
    text: &'a str,
    is_secret: bool,
}

impl<'a> Json<'a> {
    pub(super) fn with(mut self, name: &'a str, text: &'a str) -> Self {
        self.0.push(Member { name, text, is_secret: false });
        self
    }

    /// It is in no error's text, whatever the server says back.
    pub(super) fn with_secret(mut self, name: &'a str, text: &'a str) -> Self {
        self.0.push(Member { name, text, is_secret: true });
        self
    }

    /// The body, built once in a buffer that never grows: a copy left behind could not be wiped.
    pub(super) fn encode(&self) -> Encoded {
        let length = |text: &str| text.len().saturating_mul(6).saturating_add(4);
        let both = |member: &Member<'_>| length(member.name).saturating_add(length(member.text));
        let mut json = Wiped::new(String::with_capacity(self.0.iter().map(both).sum()));
        let mut secrets = Vec::new();
        json.push('{');
        for (at, Member { name, text, is_secret }) in self.0.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            push_string(&mut json, name);
            json.push(':');
            let start = json.len().saturating_add(1);
            push_string(&mut json, text);
            if *is_secret {
                secrets.push(start..json.len().saturating_sub(1));
            }
        }
        json.push('}');
        Encoded { body: Wiped::new(json.into_inner().into_bytes()), secrets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_secret_where_it_is_said_to_be() {
        let json = Json::default().with("a", "\"1\"").with_secret("b", "\"2\"").with("c", "3");
        let Encoded { body, secrets } = json.encode();
        assert_eq!(body.as_slice(), br#"{"a":"\"1\"","b":"\"2\"","c":"3"}"#);
        let secrets: Vec<_> = secrets.into_iter().map(|place| &body[place]).collect();
        assert_eq!(secrets, [br#"\"2\""#]);
        assert_eq!(Json::default().encode().body.as_slice(), b"{}");
    }
}
