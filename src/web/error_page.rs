//! The page that says what went wrong, what to do next, and under which id the log knows it.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::layout::{Csp, Page, Width, respond};

/// An error, told to a person.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage<'a> {
    /// The HTTP status.
    pub status: StatusCode,
    /// What went wrong, in a few words.
    pub title: &'a str,
    /// What the reader can do next.
    pub advice: &'a str,
    /// The request's id, as it stands in the log.
    pub request_id: Option<&'a str>,
}

impl ErrorPage<'_> {
    /// The page as a response.
    pub fn respond(&self) -> Response {
        let page = Page {
            title: self.title,
            width: Width::Narrow,
            body: self.body(),
        };
        respond(self.status, &page, &Csp::same_origin())
    }

    fn body(&self) -> Markup {
        html! {
            h1 { (self.title) }
            p .lead role="alert" { (self.advice) }
            @if let Some(id) = self.request_id {
                p .small .below { "If you ask for help, give this request id: " code { (id) } }
            }
        }
    }
}

/// What an error is called for people who do not know its number.
pub fn title_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::FORBIDDEN => "That was not accepted",
        StatusCode::GONE => "This link has been used",
        StatusCode::PAYLOAD_TOO_LARGE => "That was too large",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::SERVICE_UNAVAILABLE => "Not available just now",
        status if status.is_server_error() => "Something went wrong",
        _ => "That did not work",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_request_said_is_escaped() {
        let page = ErrorPage {
            status: StatusCode::BAD_REQUEST,
            title: "Unknown <client>",
            advice: "\"quoted\" & <img src=x>",
            request_id: Some("<id>"),
        };
        let body = page.body().into_string();
        assert!(!body.contains("<img"), "{body}");
        assert!(!body.contains("<client>") && !body.contains("<id>"));
    }
}
