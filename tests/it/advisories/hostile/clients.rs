//! What reaches the endpoints that clients authenticate at.

use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::oauth::paths;
use tessera::oauth::protocol::client_assertion::TYPE;

use super::wire::{Case, Expect};
use super::{Armed, base64};

const TOO_LONG: usize = 3 * 1_024 * 1_024;
const REFUSED: Expect = Expect::OAuth(400, "invalid_request");
const UNKNOWN: Expect = Expect::OAuth(401, "invalid_client");

/// The same faults at every endpoint.
pub fn everywhere(w: &Armed) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in paths::OF_CLIENTS {
        let post = |what: &str, expect: Expect| {
            Case::new(format!("{what} at {path}"), "POST", *path, expect)
        };
        let known = |what: &str, expect: Expect| {
            post(what, expect).header("Authorization", w.basic.clone())
        };
        for content_type in [
            "",
            "text/plain",
            "application/json",
            "multipart/form-data; boundary=x",
        ] {
            cases.push(
                known("another content type", REFUSED)
                    .body(content_type, "grant_type=client_credentials"),
            );
        }
        let many: Vec<String> = (0..2_000).map(|n| format!("a{n}=1")).collect();
        for (what, body) in [
            (
                "a repeated parameter",
                b"grant_type=a&grant_type=b".to_vec(),
            ),
            ("a repeated parameter of no meaning", b"x=1&x=2".to_vec()),
            ("invalid UTF-8, encoded", b"grant_type=%ff%fe".to_vec()),
            ("invalid UTF-8", b"grant_type=\xff\xfe".to_vec()),
            ("too many parameters", many.join("&").into_bytes()),
        ] {
            cases.push(known(what, REFUSED).form(body));
        }
        cases.push(
            known("a body beyond all bounds", Expect::Status(&[400, 413]))
                .form(vec![b'a'; TOO_LONG]),
        );
        for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
            cases.push(Case::new(
                format!("{method} at {path}"),
                method,
                *path,
                Expect::Status(&[405]),
            ));
        }
        cases.push(post("nobody", UNKNOWN).form("a=b"));
        let encoded = |text: &str| format!("Basic {}", base64(text));
        let basic = |secret: &str| encoded(&format!("web:{secret}"));
        for authorization in [
            basic("wrong"),
            basic(""),
            basic(&w.secret[..w.secret.len() - 1]),
            basic(&format!("{}%00", w.secret)),
            encoded(&format!("nobody:{}", w.secret)),
            encoded(&format!("WEB:{}", w.secret)),
        ] {
            cases.push(
                post("a wrong secret", UNKNOWN)
                    .header("Authorization", authorization)
                    .form("a=b"),
            );
        }
        for authorization in [
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            encoded("no colon"),
            encoded("\u{0}:\u{0}"),
            "Bearer x".to_owned(),
            "Digest username=\"web\"".to_owned(),
            "Negotiate YII=".to_owned(),
        ] {
            let what = format!("`{authorization}`");
            let expect = Expect::Status(&[400, 401]);
            cases.push(
                post(&what, expect)
                    .header("Authorization", authorization)
                    .form("a=b"),
            );
        }
        let twice = format!("client_id=web&client_secret={}", w.secret);
        cases.push(known("two methods at once", REFUSED).form(twice));
    }
    cases
}

/// Token requests of a client that is who it says.
pub fn grants(w: &Armed) -> Vec<Case> {
    let long = "x".repeat(10_000);
    let unsupported = Expect::OAuth(400, "unsupported_grant_type");
    let grant = Expect::OAuth(400, "invalid_grant");
    let rows: Vec<(String, Expect)> = vec![
        (String::new(), REFUSED),
        ("grant_type=".to_owned(), REFUSED),
        (
            "grant_type=password&username=alice&password=x".to_owned(),
            unsupported.clone(),
        ),
        ("grant_type=implicit".to_owned(), unsupported.clone()),
        (
            "grant_type=AUTHORIZATION_CODE&code=x".to_owned(),
            unsupported.clone(),
        ),
        (
            "grant_type=authorization_code%20&code=x".to_owned(),
            unsupported.clone(),
        ),
        (
            "grant_type=authorization_code%00&code=x".to_owned(),
            REFUSED,
        ),
        (format!("grant_type={long}"), REFUSED),
        ("grant_type=authorization_code".to_owned(), REFUSED),
        ("grant_type=authorization_code&code=".to_owned(), REFUSED),
        (
            "grant_type=authorization_code&code=x".to_owned(),
            grant.clone(),
        ),
        (
            "grant_type=authorization_code&code=tsr_ac_%00".to_owned(),
            REFUSED,
        ),
        (
            "grant_type=authorization_code&code='%20OR%201=1%20--".to_owned(),
            grant.clone(),
        ),
        (
            format!("grant_type=authorization_code&code={long}"),
            REFUSED,
        ),
        ("grant_type=refresh_token".to_owned(), REFUSED),
        (
            "grant_type=refresh_token&refresh_token=x".to_owned(),
            grant.clone(),
        ),
        (
            format!("grant_type=refresh_token&refresh_token={}", w.access),
            grant.clone(),
        ),
        (
            format!("grant_type=refresh_token&refresh_token={long}"),
            REFUSED,
        ),
        (
            "grant_type=client_credentials&scope=openid%00".to_owned(),
            REFUSED,
        ),
        (
            "grant_type=client_credentials&scope=%22".to_owned(),
            Expect::OAuth(400, "invalid_scope"),
        ),
        (
            "grant_type=client_credentials&scope=root".to_owned(),
            Expect::OAuth(400, "invalid_scope"),
        ),
        (
            "grant_type=client_credentials&resource=x".to_owned(),
            Expect::OAuth(400, "invalid_target"),
        ),
        (
            "grant_type=client_credentials&resource=https://evil.example/".to_owned(),
            Expect::OAuth(400, "invalid_target"),
        ),
        (
            "grant_type=client_credentials&resource=file:///etc/passwd".to_owned(),
            Expect::OAuth(400, "invalid_target"),
        ),
    ];
    rows.into_iter()
        .map(|(body, expect)| {
            Case::new(format!("{body:.60}"), "POST", "/token", expect)
                .header("Authorization", w.basic.clone())
                .form(body)
        })
        .collect()
}

/// Assertions of the client `signer`, each wrong in one way.
pub fn assertions(w: &Armed) -> Vec<Case> {
    let (now, key) = (w.now, &w.signer);
    let good = json!({ "iss": "signer", "sub": "signer", "aud": w.url, "iat": now, "exp": now + 60, "jti": "h" });
    let header = json!({ "alg": "ES256", "kid": "k" });
    let with = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        changed[name] = value;
        changed
    };
    let mut found = Vec::new();
    let stranger = &w.stranger;
    for (name, value) in [
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!("ES256K")),
        ("alg", json!(7)),
        ("alg", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("kid", json!("../../../../etc/passwd")),
        ("kid", json!("' UNION SELECT 'x")),
        ("kid", json!("x".repeat(3_000))),
        ("kid", json!({})),
    ] {
        found.push((
            format!("{name} {value:.30}"),
            key.jwt_with(&with(&header, name, value), &good),
        ));
    }
    // Signed by a key that the header brings along.
    for (name, value) in [
        ("jwk", stranger.jwk("k")),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        found.push((
            format!("{name} of a stranger"),
            stranger.jwt_with(&with(&header, name, value), &good),
        ));
    }
    for (name, value) in [
        ("exp", json!(now - 120)),
        ("exp", json!("soon")),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("nbf", json!(now + 3_600)),
        ("iat", json!(now + 3_600)),
        ("aud", json!("https://evil.example")),
        ("aud", json!([])),
        ("aud", json!({})),
        ("iss", json!("web")),
        ("sub", json!("web")),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(3_000))),
    ] {
        found.push((
            format!("{name} {value:.30}"),
            key.jwt_with(&header, &with(&good, name, value)),
        ));
    }
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = part(&json!({ "alg": alg }));
        found.push((
            format!("alg `{alg}`"),
            format!("{unsigned}.{}.", part(&good)),
        ));
    }
    for text in ["", ".", "..", "a.b.c", "e30.e30.", "x"] {
        found.push((format!("`{text}`"), text.to_owned()));
    }
    found
        .into_iter()
        .map(|(what, assertion)| {
            let body =
                url::form_urlencoded::Serializer::new("grant_type=client_credentials".to_owned())
                    .append_pair("client_assertion_type", TYPE)
                    .append_pair("client_assertion", &assertion)
                    .finish();
            let expect = Expect::OAuth(401, "invalid_client");
            Case::new(format!("an assertion, {what}"), "POST", "/token", expect).form(body)
        })
        .collect()
}
