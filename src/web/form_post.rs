//! The page that posts an authorization response to the client (OAuth 2.0 Form Post Response Mode section 2).
//!
//! One line of script sends the form, allowed by its hash; without script a person presses the button. The form may lead to the client's
//! origin only, and no cache keeps the page, which holds a code.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, PreEscaped, html};

use super::layout::{Csp, Page, Width, respond as page_of};

const SCRIPT: &str = "document.forms[0].submit()";

/// The page that posts `fields` to `action`, a verified redirect URI.
pub fn respond(action: &str, fields: &[(&'static str, String)]) -> Response {
    let page = Page {
        title: "Back to the application",
        width: Width::Narrow,
        body: body(action, fields),
    };
    let csp = Csp::redirecting_to(action).with_script(SCRIPT);
    page_of(StatusCode::OK, &page, &csp)
}

fn body(action: &str, fields: &[(&'static str, String)]) -> Markup {
    html! {
        h1 { "Back to the application" }
        p .lead { "You are being taken back. If nothing happens, press the button." }
        form method="post" action=(action) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button .button type="submit" { "Continue" }
        }
        script { (PreEscaped(SCRIPT)) }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};

    use super::super::layout::source_of;
    use super::*;

    #[test]
    fn whatever_comes_back_is_escaped_and_goes_to_the_client_only() {
        let fields = [("state", "\"><script>alert(1)</script>".to_owned())];
        let text = body("https://app.example/cb?a=1&b=2", &fields).into_string();
        assert!(text.contains("&quot;&gt;&lt;script&gt;"), "{text}");
        assert!(text.contains("action=\"https://app.example/cb?a=1&amp;b=2\""));
        assert_eq!(text.matches("<script>").count(), 1);
        let response = respond("https://app.example/cb", &fields);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("form-action 'self' https://app.example;"),
            "{policy}"
        );
        assert!(policy.contains(&source_of(SCRIPT)), "{policy}");
        assert!(!policy.contains("unsafe"));
    }
}
