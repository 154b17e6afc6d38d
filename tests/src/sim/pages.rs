//! The web pages: self-contained, without scripts, and with every value escaped.

use super::http::Answer;

/// What the approval page shows and sends back.
pub(super) struct Approval<'p> {
    pub(super) user_code: &'p str,
    pub(super) client_name: &'p str,
    pub(super) scope: &'p str,
    pub(super) csrf: &'p str,
    /// Who can approve, the first is proposed.
    pub(super) usernames: Vec<&'p str>,
}

/// Asks for a decision.
pub(super) fn approval(approval: &Approval<'_>) -> Answer {
    let options: String = approval
        .usernames
        .iter()
        .map(|username| format!("<option>{}</option>", escape(username)))
        .collect();
    let main = format!(
        r#"<h1>Approve a device</h1>
<p><strong>{client_name}</strong> asks to act for you.</p>
<p>Does it show this code?</p>
<p class="code">{user_code}</p>
<p class="quiet">It asks for: {scope}</p>
<form method="post" action="/device">
<input type="hidden" name="user_code" value="{user_code}">
<input type="hidden" name="csrf" value="{csrf}">
<p><label>You are <select name="user">{options}</select></label></p>
<p><button name="decision" value="approve">Approve</button>
<button name="decision" value="deny" class="deny">Deny</button></p>
</form>"#,
        client_name = escape(approval.client_name),
        user_code = escape(approval.user_code),
        scope = escape(approval.scope),
        csrf = escape(approval.csrf),
    );
    page(200, "Approve a device", &main)
}

/// Asks for the code that the device shows.
pub(super) fn enter_user_code(status: u16, note: &str) -> Answer {
    let main = format!(
        r#"<h1>Connect a device</h1>
<p>{note}</p>
<form method="get" action="/device">
<p><input name="user_code" aria-label="Code" placeholder="ABCD-EFGH" autocomplete="off" autofocus required></p>
<p><button>Continue</button></p>
</form>"#,
        note = escape(note),
    );
    page(status, "Connect a device", &main)
}

/// Says one thing.
pub(super) fn message(status: u16, title: &str, text: &str) -> Answer {
    let main = format!("<h1>{}</h1>\n<p>{}</p>", escape(title), escape(text));
    page(status, title, &main)
}

fn page(status: u16, title: &str, main: &str) -> Answer {
    let page = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"#,
        title = escape(title),
    );
    Answer::html(status, &page).with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
}

/// Makes a value safe in the text of an element and in a quoted attribute.
fn escape(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";

const STYLE: &str = "
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 90vh; margin: 0 }
main { max-width: 26rem; padding: 2rem; text-align: center }
.code { font: 700 2.2rem ui-monospace, monospace; letter-spacing: .1em; margin: .5rem 0 }
.quiet { opacity: .7; font-size: .9rem }
input, select, button { font: inherit; padding: .5rem 1rem; border-radius: .5rem; border: 1px solid #888 }
button { background: #0a6b3d; color: #fff; border-color: transparent; cursor: pointer }
button.deny { background: #a3232b }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_leave_its_place_in_a_page() {
        let text = r#"<b a="1" b='2'>&"#;
        let evil = Approval {
            user_code: text,
            client_name: text,
            scope: text,
            csrf: text,
            usernames: vec![text],
        };
        for answer in [approval(&evil), enter_user_code(200, text), message(200, text, text)] {
            let page = String::from_utf8(answer.body.clone()).unwrap();
            assert!(!page.contains("<b "));
            assert!(page.contains("&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;"));
            let policy = answer.header("content-security-policy");
            assert_eq!(policy, Some(CONTENT_SECURITY_POLICY));
        }
    }
}
