//! As much of a browser as it takes: cookies, and redirects within one origin.

use std::{collections::BTreeMap, time::Duration};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, header},
};
use url::{Origin, Url};

use super::{UserError, form::Form, page::Page};

/// Stays at the origin where it began.
pub(super) struct Browser {
    agent: Agent,
    origin: Origin,
    /// By name. Their path doesn't matter, a browser here sees one realm only; nor does `Secure`,
    /// which Keycloak also sets for plain HTTP, where loopback counts as secure.
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new(start: &Url) -> Self {
        Self { agent: agent(), origin: start.origin(), cookies: BTreeMap::new() }
    }

    pub(super) fn open(&mut self, url: Url) -> Result<Page, UserError> {
        let response = self.get(&url)?;
        self.follow(url, response)
    }

    pub(super) fn submit(&mut self, form: Form) -> Result<Page, UserError> {
        let response = self.post(&form)?;
        self.follow(form.action, response)
    }

    /// From the first answer to the page at the end of its redirects.
    fn follow(&mut self, mut url: Url, first: Response<Body>) -> Result<Page, UserError> {
        let mut response = first;
        for _ in 0..REDIRECTS_MAX {
            self.keep_cookies(response.headers());
            let Some(location) = redirect(&response) else {
                return Page::load(url, response);
            };
            url = url.join(location)?;
            response = self.get(&url)?;
        }
        Err(UserError::TooManyRedirects(url))
    }

    fn get(&self, url: &Url) -> Result<Response<Body>, UserError> {
        self.stay_at_home(url)?;
        let request = self.agent.get(url.as_str());
        let request = request.header(header::COOKIE, self.cookie_header());
        request.call().map_err(|source| UserError::no_answer(url, source))
    }

    fn post(&self, form: &Form) -> Result<Response<Body>, UserError> {
        let url = &form.action;
        self.stay_at_home(url)?;
        let request = self.agent.post(url.as_str());
        let request = request.header(header::COOKIE, self.cookie_header());
        let response = request.send_form(&form.fields);
        response.map_err(|source| UserError::no_answer(url, source))
    }

    /// The password and the cookies are for one server only.
    fn stay_at_home(&self, url: &Url) -> Result<(), UserError> {
        if url.origin() != self.origin {
            return Err(UserError::OtherOrigin(url.clone()));
        }
        Ok(())
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.iter();
        let pairs: Vec<_> = cookies.map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        let cookies = headers.get_all(header::SET_COOKIE).iter();
        for cookie in cookies.filter_map(|cookie| cookie.to_str().ok()) {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let mut attributes = attributes.split(';').map(str::trim);
            if attributes.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0")) {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn redirect(response: &Response<Body>) -> Option<&str> {
    if !response.status().is_redirection() {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok()
}

/// Redirects are ours to follow, and a proxy has no business on loopback.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(REQUEST_TIMEOUT))
        .build();
    config.new_agent()
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Keycloak needs two in a row.
const REDIRECTS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_until_the_server_takes_them_back() {
        let mut browser = Browser::new(&Url::parse(PAGE).unwrap());
        browser.keep_cookies(&set_cookie(&["a=1;Path=/;Secure", "b=2=2", "c=3"]));
        browser.keep_cookies(&set_cookie(&["a=;Path=/;Max-Age=0", "c=4;Max-Age=60"]));
        assert_eq!(browser.cookie_header(), "b=2=2; c=4");
    }

    #[test]
    fn another_origin_gets_nothing() {
        let mut browser = Browser::new(&Url::parse(PAGE).unwrap());
        let elsewhere = Url::parse("http://127.0.0.1:1/device").unwrap();
        assert!(matches!(browser.open(elsewhere), Err(UserError::OtherOrigin(_))));
    }

    const PAGE: &str = "http://127.0.0.1:18180/device?user_code=ABCD-EFGH";

    fn set_cookie(values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| header::HeaderValue::from_static(value));
        values.map(|value| (header::SET_COOKIE, value)).collect()
    }
}
