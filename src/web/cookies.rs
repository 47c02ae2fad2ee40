//! Cookies beside the session's: read from a request, written to an answer.
//!
//! Always for the whole server and no other host; unreadable for scripts and not sent along with requests that other sites make, but for the one that is
//! made to be read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::app::App;
use crate::base::time::Seconds;
use crate::config::Config;
use crate::identity::session;

/// A cookie's full name.
pub fn name(config: &Config, name: &str) -> String {
    config.cookie_name(name)
}

/// The value of a cookie; `None` when it is absent or sent more than once with different values.
pub fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Lets a session cookie through only as it was set: under its very name, once, in plain characters. The layer that reads sessions decodes
/// cookies, their names too, so that `__%48ost-tessera`, which a neighbouring host may set, would pass for the cookie that only this host can.
pub async fn keep_session_plain(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    only_plain(request.headers_mut(), &session::cookie_name(&app.config));
    next.run(request).await
}

fn only_plain(headers: &mut HeaderMap, name: &str) {
    let is_plain = |value: &&str| {
        value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let own = read(headers, name)
        .filter(is_plain)
        .map(|value| format!("{name}={value}"));
    let others = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .map(str::trim)
        .filter(|pair| {
            let (found, _) = pair.split_once('=').unwrap_or((pair, ""));
            found.trim() != name && !found.contains('%')
        });
    let kept: Vec<&str> = others.chain(own.as_deref()).collect();
    let kept = HeaderValue::from_str(&kept.join("; ")).ok();
    headers.remove(COOKIE);
    if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
        headers.insert(COOKIE, kept);
    }
}

/// Sets a cookie that lasts as long as the browser runs. The value must be plain (a token of ours).
pub fn set(headers: &mut HeaderMap, config: &Config, name: &str, value: &str) {
    append(headers, config, &format!("{name}={value}"));
}

/// Sets a cookie that the browser keeps for `seconds`.
pub fn set_lasting(
    headers: &mut HeaderMap,
    config: &Config,
    (name, value): (&str, &str),
    seconds: Seconds,
) {
    let seconds = seconds.get();
    append(
        headers,
        config,
        &format!("{name}={value}; Max-Age={seconds}"),
    );
}

/// Removes a cookie.
pub fn remove(headers: &mut HeaderMap, config: &Config, name: &str) {
    append(headers, config, &format!("{name}=; Max-Age=0"));
}

/// Sets a cookie that scripts of our own pages may read, in frames of other sites too. Never a secret.
pub fn set_readable(headers: &mut HeaderMap, config: &Config, name: &str, value: &str) {
    append_readable(headers, config, &format!("{name}={value}"));
}

/// Removes such a cookie.
pub fn remove_readable(headers: &mut HeaderMap, config: &Config, name: &str) {
    append_readable(headers, config, &format!("{name}=; Max-Age=0"));
}

fn append_readable(headers: &mut HeaderMap, config: &Config, pair: &str) {
    // Browsers take `SameSite=None` only with `Secure`.
    let site = if config.is_https() {
        "None; Secure"
    } else {
        "Lax"
    };
    let path = config.cookie_path();
    put(headers, &format!("{pair}; Path={path}; SameSite={site}"));
}

fn append(headers: &mut HeaderMap, config: &Config, pair: &str) {
    let secure = if config.is_https() { "; Secure" } else { "" };
    let path = config.cookie_path();
    put(
        headers,
        &format!("{pair}; Path={path}; HttpOnly; SameSite=Lax{secure}"),
    );
}

fn put(headers: &mut HeaderMap, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[&str], expected: Option<&str>) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(COOKIE, header.parse().unwrap());
        }
        assert_eq!(read(&map, "a"), expected, "{headers:?}");
    }

    #[test]
    fn a_cookie_is_read_by_its_exact_name_and_never_guessed() {
        check(&["a=1"], Some("1"));
        check(&["b=2; a=1"], Some("1"));
        check(&["b=2", "a=1"], Some("1"));
        check(&["aa=1; A=2"], None);
        check(&["a=1; a=1"], Some("1"));
        check(&["a=1; a=2"], None);
        check(&[], None);
    }

    #[track_caller]
    fn check_plain(sent: &str, expected: &str) {
        let mut map = HeaderMap::new();
        map.append(COOKIE, sent.parse().unwrap());
        only_plain(&mut map, "__Host-s");
        let kept = map.get(COOKIE).map_or("", |kept| kept.to_str().unwrap());
        assert_eq!(kept, expected, "{sent}");
    }

    #[test]
    fn a_session_cookie_has_one_name_and_one_writing() {
        check_plain("__Host-s=aZ0-_", "__Host-s=aZ0-_");
        check_plain("a=1; __Host-s=x; b=%20", "a=1; b=%20; __Host-s=x");
        check_plain("__Host-s=%61", "");
        check_plain("__%48ost-s=x; b=1", "b=1");
        check_plain("__Host-s =x", "");
        check_plain("__Host-s=x; __Host-s=y", "");
        check_plain("__Host-s=x; __%48ost-s=y", "__Host-s=x");
        check_plain("__Host-s", "");
        check_plain("__Host-s=\"x\"", "");
    }

    #[test]
    fn cookies_are_secure_where_the_issuer_is_https() {
        let mut headers = HeaderMap::new();
        let config = Config {
            issuer: "https://id.example".to_owned(),
            ..Config::default()
        };
        let full = name(&config, "form");
        set(&mut headers, &config, &full, "x");
        assert_eq!(
            headers.get(SET_COOKIE).unwrap(),
            "__Host-form=x; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let mut headers = HeaderMap::new();
        set_readable(&mut headers, &config, "__Host-state", "x");
        assert_eq!(
            headers.get(SET_COOKIE).unwrap(),
            "__Host-state=x; Path=/; SameSite=None; Secure"
        );
        let mut headers = HeaderMap::new();
        let config = Config {
            issuer: "https://id.example/auth".to_owned(),
            ..Config::default()
        };
        remove(&mut headers, &config, &name(&config, "form"));
        assert_eq!(
            headers.get(SET_COOKIE).unwrap(),
            "__Secure-form~auth=; Max-Age=0; Path=/auth; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
