//! What reaches the authorization endpoint, and paths and bytes that mean to be read in two ways.

use super::Armed;
use super::wire::{Case, Expect};

/// Authorization requests.
pub fn requests(w: &Armed) -> Vec<Case> {
    let mut cases = Vec::new();
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let long = "[".repeat(10_000);
    let invalid = "invalid_request";
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_type", "none", "unsupported_response_type"),
        ("response_type", "CODE", "unsupported_response_type"),
        ("response_type", "code code", "unsupported_response_type"),
        ("response_mode", "telepathy", invalid),
        ("prompt", "none login", invalid),
        ("prompt", "obey", invalid),
        ("max_age", "-1", invalid),
        ("max_age", "1e99", invalid),
        ("max_age", "0x10", invalid),
        ("max_age", " 5", invalid),
        ("max_age", "five", invalid),
        ("code_challenge", "short", invalid),
        ("code_challenge", "<script>", invalid),
        ("code_challenge_method", "plain", invalid),
        ("code_challenge_method", "S512", invalid),
        ("scope", "a\"b", "invalid_scope"),
        ("scope", "root", "invalid_scope"),
        ("claims", "no json", invalid),
        ("claims", &deep, invalid),
        ("claims", "[]", invalid),
        ("dpop_jkt", "short", invalid),
        ("resource", "https://evil.example/", "invalid_target"),
        ("resource", "javascript:alert(1)", "invalid_target"),
        ("id_token_hint", "e30.e30.", invalid),
        (
            "request_uri",
            "http://169.254.169.254/latest/meta-data",
            "request_uri_not_supported",
        ),
        (
            "request_uri",
            "file:///etc/passwd",
            "request_uri_not_supported",
        ),
        ("registration", "{}", "registration_not_supported"),
        ("prompt", "none", "login_required"),
    ] {
        let target = w.web.authorize_path(&[(name, value)]);
        cases.push(Case::new(
            format!("{name} {value:.20}"),
            "GET",
            target,
            Expect::Back(error),
        ));
    }
    for (name, value) in [
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "https://app.example/cb/../evil"),
        ("redirect_uri", "https://app.example/cb?x=1"),
        ("redirect_uri", "https://app.example/cb#f"),
        ("redirect_uri", "https://app.example@evil.example/cb"),
        ("redirect_uri", "https://APP.example/cb"),
        (
            "redirect_uri",
            "javascript:alert(1)//https://app.example/cb",
        ),
        ("redirect_uri", "https://app.example/cb\r\nSet-Cookie: a=b"),
        ("redirect_uri", "//app.example/cb"),
        ("client_id", ""),
        ("client_id", "nobody"),
        ("client_id", "web\u{0}"),
        ("client_id", "WEB"),
        ("client_id", "https://evil.example/client"),
        ("client_id", "<script>alert(1)</script>"),
        ("scope", "\u{0}"),
        ("claims", &long),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x"),
    ] {
        let target = w.web.authorize_path(&[(name, value)]);
        let case = Case::new(format!("{name} {value:.40}"), "GET", target, Expect::Page);
        cases.push(case.header("Accept", "text/html"));
    }
    let usual = w.web.authorize_path(&[]);
    for (what, tail) in [
        ("two redirect URIs", "&redirect_uri=https://evil.example/"),
        ("two clients", "&client_id=other"),
    ] {
        let case = Case::new(what, "GET", format!("{usual}{tail}"), Expect::Page);
        cases.push(case.header("Accept", "text/html"));
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        cases.push(Case::new(
            "a method that it has not",
            method,
            usual.clone(),
            Expect::Status(&[405]),
        ));
    }
    cases
}

/// Paths with more than one reading (SECURITY row 50), and bytes that are no HTTP.
pub fn paths(w: &Armed) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in [
        "//token",
        "/token//",
        "/token/",
        "/token;x=y",
        "/token;",
        "/./token",
        "/x/../token",
        "/token/..",
        "/token/.",
        "/%2e/token",
        "/x/%2e%2e/token",
        "/token%2f",
        "/token%2F..",
        "/%2ftoken",
        "/token%5c",
        "/token%00",
        "/token%0d%0aX:y",
        "/token%3b",
        "/token%25",
        "/%74oken",
        "/TOKEN",
        "/token\\",
        "/..;/admin/api/users",
        "/admin%2fapi/users",
        "/authorize/../admin/api/users",
        "/.well-known/../token",
        "/.well-known//openid-configuration",
        "/admin/api/users/..%2f..%2f..%2fetc/passwd",
        "/setup/..%2f..",
        "/stores/%2e%2e/%2e%2e/metrics",
    ] {
        let case = Case::new("a path", "POST", path, Expect::Status(&[400, 404, 405]));
        cases.push(
            case.header("Authorization", w.basic.clone())
                .form("grant_type=client_credentials"),
        );
    }
    let protocol =
        |what: &str, method, target: &str| Case::new(what, method, target, Expect::Protocol);
    cases.extend([
        protocol("NUL in a header", "GET", "/").header("X-A", "a\u{0}b"),
        protocol("a bare line feed in a header", "GET", "/").header("X-A", "a\rb"),
        protocol("a header without end", "GET", "/").header("X-A", "a".repeat(1_000_000)),
        protocol("two lengths", "POST", "/token")
            .header("Content-Length", "0")
            .header("Content-Length", "5"),
        protocol("a length that is none", "POST", "/token").header("Content-Length", "-1"),
        protocol("a chunk that is none", "POST", "/token")
            .header("Transfer-Encoding", "chunked")
            .body("", "zz\r\n"),
        protocol("an encoding that is none", "POST", "/token")
            .header("Transfer-Encoding", "x")
            .body("", "a=b"),
        protocol("a method that is none", "GE T", "/"),
        protocol("a target with a space", "GET", "/ x"),
        protocol("a tunnel", "CONNECT", "evil.example:443"),
    ]);
    cases
}
