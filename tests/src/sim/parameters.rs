//! Request parameters, from a form or a query.

use url::form_urlencoded;

use super::refusal::Refusal;

/// The parameters of one request, each at most once and with a value.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// RFC 6749 §3.2: a parameter without a value is treated as omitted, and none comes twice.
    pub(super) fn parse(form: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = Self(Vec::new());
        for (name, value) in form_urlencoded::parse(form) {
            // RFC 8707 §2 and RFC 8693 §2.1 let these two repeat; the simulator reads neither.
            if value.is_empty() || name == "resource" || name == "audience" {
                continue;
            }
            if parameters.get(&name).is_some() {
                return Err(Refusal::invalid_request(&format!("the parameter {name} comes twice")));
            }
            parameters.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(parameters)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(parameter, _)| parameter == name);
        values.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::invalid_request(&format!("the parameter {name} is missing")))
    }
}

/// Undoes the form encoding of a single value; `None` if the value isn't form-encoded.
pub(super) fn form_decode(value: &str) -> Option<String> {
    // These separate parameters, so an encoded value has neither.
    if value.contains(['&', '=']) {
        return None;
    }
    let decoded = form_urlencoded::parse(value.as_bytes()).next();
    Some(decoded.map_or_else(String::new, |(value, _)| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_once_and_empty_ones_not_at_all() {
        let parameters = Parameters::parse(b"a=1&b=&c=x+y%26&resource=r&resource=s").unwrap();
        assert_eq!(parameters.get("a"), Some("1"));
        assert_eq!(parameters.get("b"), None);
        assert_eq!(parameters.get("c"), Some("x y&"));
        assert!(Parameters::parse(b"a=1&a=1").is_err());
    }

    #[test]
    fn a_single_value_is_form_decoded() {
        for (encoded, decoded) in [
            ("", Some("")),
            ("bot", Some("bot")),
            ("bot%3Aodd+id", Some("bot:odd id")),
            ("p%3Aa%2Bs%2520s", Some("p:a+s%20s")),
            ("rd%20%C3%A9", Some("rd é")),
            ("raw&value", None),
            ("raw=value", None),
        ] {
            assert_eq!(form_decode(encoded).as_deref(), decoded, "{encoded}");
        }
    }
}
