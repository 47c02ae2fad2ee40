//! The page frame: one HTML document, one stylesheet, and the headers that every page carries.
//!
//! Pages need no script; the one there is (show a password) is inline, allowed by its hash, and adds nothing that a page
//! needs. Nothing is fetched from anywhere: `default-src 'none'` (SECURITY R52, R55, row 48). Text is escaped by type.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use url::{Host, Url};

use crate::base::secret::sha256;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("reveal.js");
/// The mark: four tiles of a mosaic, one of them broken off.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Cg fill='%230b6464'%3E%3Crect x='2' y='2' width='9' height='9' rx='2'/%3E%3Crect x='13' y='13' width='9' height='9' rx='2' fill='%23d9a441'/%3E%3Crect x='2' y='13' width='9' height='9' rx='2' fill='%235d8c86'/%3E%3C/g%3E%3Cpath d='M15 2h5a2 2 0 0 1 2 2v5l-3.5-1.5L16 11h-1a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z' fill='%23c8622f'/%3E%3C/svg%3E";

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| source_of(STYLE));
static SCRIPT_SOURCE: LazyLock<String> = LazyLock::new(|| source_of(SCRIPT));

/// What stands in one page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The document's title, without the product's name.
    pub title: &'a str,
    /// How much room the content wants.
    pub width: Width,
    /// What stands in the card; it begins with the page's one `h1`.
    pub body: Markup,
}

/// How much room a page's content wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// A form or a message.
    Narrow,
    /// Settings and code.
    Wide,
}

/// Where the page's forms may lead besides this server, and what else it may do.
///
/// Chromium holds every redirect after a form's submission against `form-action`, so a page whose form may end at a client
/// must name the client's origin, or the browser silently stays where it is.
#[derive(Clone, Debug, Default)]
pub struct Csp {
    form_target: Option<String>,
    frames: Vec<String>,
    script: Option<&'static str>,
    image: Option<String>,
}

impl Csp {
    /// Forms lead to this server only.
    pub fn same_origin() -> Self {
        Self::default()
    }

    /// Forms lead to this server, which may answer with a redirect to `uri`.
    pub fn redirecting_to(uri: &str) -> Self {
        Self {
            form_target: form_action_source(uri),
            ..Self::default()
        }
    }

    /// The page holds frames: exactly the origins of these URLs.
    #[must_use]
    pub fn framing(mut self, urls: &[String]) -> Self {
        self.frames = urls.iter().filter_map(|url| frame_source(url)).collect();
        self.frames.sort();
        self.frames.dedup();
        self
    }

    /// Those of the URLs that the page may hold in frames.
    pub fn framed<'a>(&self, urls: &'a [String]) -> Vec<&'a String> {
        urls.iter()
            .filter(|url| frame_source(url).is_some_and(|source| self.frames.contains(&source)))
            .collect()
    }

    /// The page shows this picture, if the grammar of sources can name where it is.
    #[must_use]
    pub fn showing(mut self, url: Option<&str>) -> Self {
        self.image = url.and_then(frame_source);
        self
    }

    /// Whether the page may show a picture.
    pub const fn shows(&self) -> bool {
        self.image.is_some()
    }

    /// The page holds this inline script, word for word.
    #[must_use]
    pub fn with_script(mut self, text: &'static str) -> Self {
        self.script = Some(text);
        self
    }

    fn header(&self) -> String {
        let target = self
            .form_target
            .as_ref()
            .map_or_else(String::new, |target| format!(" {target}"));
        let script = self
            .script
            .map_or_else(String::new, |text| format!(" {}", source_of(text)));
        let frames = if self.frames.is_empty() {
            String::new()
        } else {
            format!(" frame-src {};", self.frames.join(" "))
        };
        let image = self
            .image
            .as_ref()
            .map_or_else(String::new, |image| format!(" {image}"));
        format!(
            "default-src 'none'; style-src {}; script-src {}{script}; img-src data:{image};{frames} form-action 'self'{target}; \
             frame-ancestors 'none'; base-uri 'none'",
            *STYLE_SOURCE, *SCRIPT_SOURCE,
        )
    }
}

/// The source expression (CSP Level 3 section 2.3.1) that allows a form to end at `uri`.
///
/// An origin where the grammar can say it; the scheme alone for private-use schemes (RFC 8252 section 7.1) and for IPv6
/// literals, which the grammar of host sources does not have.
fn form_action_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let source = match (url.scheme(), url.host()) {
        ("http" | "https", Some(Host::Domain(_) | Host::Ipv4(_))) => {
            url.origin().ascii_serialization()
        }
        // Never a scheme that runs or embeds what it carries.
        ("javascript" | "data" | "blob" | "about" | "file" | "vbscript" | "filesystem", _) => {
            return None;
        }
        (scheme, _) => format!("{scheme}:"),
    };
    // A host may hold `;` and `,`, which would begin another directive or policy.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-+_".contains(&byte);
    source.bytes().all(plain).then_some(source)
}

/// The origin of a framed page; `None` when the grammar of sources cannot say it.
pub fn frame_source(url: &str) -> Option<String> {
    form_action_source(url).filter(|source| source.contains("://"))
}

/// Renders a page with the headers that every page carries.
pub fn respond(status: StatusCode, page: &Page<'_>, csp: &Csp) -> Response {
    let mut response = (status, document(page).into_string()).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_TYPE, "text/html; charset=utf-8");
    set(CACHE_CONTROL, "no-store");
    set(REFERRER_POLICY, "no-referrer");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    // A target that is no header value cannot come out of `Url`; without it the page still holds the strict policy.
    let policy = HeaderValue::from_str(&csp.header())
        .or_else(|_| HeaderValue::from_str(&Csp::same_origin().header()))
        .unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn document(page: &Page<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · Tessera" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body .wide[page.width == Width::Wide] {
                header {
                    span .brand { (mark()) "Tessera" }
                }
                main {
                    div .card { (page.body) }
                }
                footer { "Secured by Tessera" }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" focusable="false" {
            rect .t1 x="2" y="2" width="9" height="9" rx="2" {}
            path .t2 d="M15 2h5a2 2 0 0 1 2 2v5l-3.5-1.5L16 11h-1a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z" {}
            rect .t4 x="2" y="13" width="9" height="9" rx="2" {}
            rect .t3 x="13" y="13" width="9" height="9" rx="2" {}
        }
    }
}

/// The hash source of an inline element's text.
pub fn source_of(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expected: Option<&str>) {
        assert_eq!(form_action_source(uri).as_deref(), expected, "{uri}");
    }

    #[test]
    fn a_redirect_target_becomes_the_narrowest_source_that_csp_can_say() {
        check("https://app.example/cb?x=1", Some("https://app.example"));
        check(
            "https://app.example:8443/cb",
            Some("https://app.example:8443"),
        );
        check("http://127.0.0.1:9000/cb", Some("http://127.0.0.1:9000"));
        check("http://[::1]:9000/cb", Some("http:"));
        check("com.example.app:/cb", Some("com.example.app:"));
        check("com.example.app://host/cb", Some("com.example.app:"));
        check(
            "https://bücher.example/cb",
            Some("https://xn--bcher-kva.example"),
        );
    }

    #[test]
    fn nothing_that_runs_and_nothing_that_extends_the_policy_becomes_a_source() {
        check("javascript:alert(1)", None);
        check("data:text/html,x", None);
        check("not a uri", None);
        check("https://a.example;script-src/cb", None);
        check("https://a.example,b/cb", None);
    }

    #[test]
    fn a_page_frames_exactly_the_origins_that_it_names() {
        let urls = [
            "https://a.example/out?x",
            "https://a.example/2",
            "http://[::1]:9/out",
        ];
        let urls = urls.map(str::to_owned);
        let csp = Csp::same_origin().framing(&urls).with_script("go()");
        let header = csp.header();
        assert!(header.contains("img-src data:; frame-src https://a.example; form-action"));
        assert!(header.contains(&source_of("go()")), "{header}");
        assert_eq!(csp.framed(&urls), [&urls[0], &urls[1]]);
        assert!(!Csp::same_origin().header().contains("frame-src"));
    }

    #[test]
    fn every_page_carries_the_headers_and_escapes_its_title() {
        let page = Page {
            title: "<script>alert(1)</script>",
            width: Width::Narrow,
            body: html! { h1 { "<b>" } },
        };
        let response = respond(StatusCode::OK, &page, &Csp::redirecting_to("app:/cb"));
        let policy = response.headers().get(CONTENT_SECURITY_POLICY).unwrap();
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(
            policy.contains("form-action 'self' app:; frame-ancestors 'none'; base-uri 'none'")
        );
        assert!(!policy.contains("unsafe"));
        let text = document(&page).into_string();
        assert!(text.contains("<title>&lt;script&gt;"));
        assert!(text.contains("&lt;b&gt;"));
    }
}
