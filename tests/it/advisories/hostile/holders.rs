//! What reaches the endpoints that take tokens and proofs, and the JSON of our own APIs.

use serde_json::{Value, json};
use tessera::base::encoding::base64url;

use super::Armed;
use super::wire::{Case, Expect};

const DOORS: &[&str] = &["/userinfo", "/admin/api/users", "/stores"];

/// Tokens that are none, at each kind of door.
pub fn tokens(w: &Armed) -> Vec<Case> {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let payload = w.access.split('.').nth(1).unwrap();
    let own: Value = crate::oauth::party::header(&w.access);
    let with = |name: &str, value: Value| {
        let mut header = own.clone();
        header[name] = value;
        header
    };
    let mut texts: Vec<(String, String)> = Vec::new();
    for alg in ["none", "None", "NONE", ""] {
        texts.push((
            format!("alg `{alg}`"),
            format!("{}.{payload}.", part(&with("alg", json!(alg)))),
        ));
    }
    let claims = crate::oauth::party::claims(&w.access);
    let stranger = &w.stranger;
    for (name, value) in [
        ("jwk", stranger.jwk("k")),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("kid", json!("../../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("crit", json!(["x"])),
    ] {
        let mut header = with(name, value);
        header["alg"] = json!("ES256");
        texts.push((
            format!("{name} of a stranger"),
            stranger.jwt_with(&header, &claims),
        ));
    }
    let signature = w.access.rsplit('.').next().unwrap();
    texts.push((
        "the signature of another header".to_owned(),
        format!("{}.{payload}.{signature}", part(&with("typ", json!("JWT")))),
    ));
    texts.push((
        "HS256 with our public key".to_owned(),
        w.with_public_key(&with("alg", json!("HS256")), &claims),
    ));
    texts.extend([
        ("an ID token".to_owned(), w.id_token.clone()),
        ("a refresh token".to_owned(), w.refresh.clone()),
        ("a client secret".to_owned(), w.secret.clone()),
        ("an expired token".to_owned(), w.expired.clone()),
        ("nothing much".to_owned(), "x".to_owned()),
        ("two dots".to_owned(), "..".to_owned()),
        ("a key that is none".to_owned(), "tsr_ak_x".to_owned()),
        ("a long one".to_owned(), "a".repeat(20_000)),
    ]);
    let mut cases = Vec::new();
    for door in DOORS {
        let refused = |what: &str| {
            Case::new(
                format!("{what} at {door}"),
                "GET",
                *door,
                Expect::Status(&[401]),
            )
        };
        for (what, text) in &texts {
            cases.push(refused(what).header("Authorization", format!("Bearer {text}")));
        }
        cases.push(refused("nothing"));
        let odd = |what: &str| {
            Case::new(
                format!("{what} at {door}"),
                "GET",
                *door,
                Expect::Status(&[400, 401]),
            )
        };
        for authorization in [
            "Bearer",
            "Bearer ",
            "Basic d2ViOng=",
            "Token x",
            "DPoP x",
            "Bearer a b",
        ] {
            cases.push(odd(authorization).header("Authorization", authorization));
        }
        let twice = format!("Bearer {}", w.access);
        cases.push(
            odd("two headers")
                .header("Authorization", twice.clone())
                .header("Authorization", twice),
        );
        let query = format!("{door}?access_token={}", w.access);
        cases.push(Case::new(
            "a token in the address",
            "GET",
            query,
            Expect::Status(&[400, 401]),
        ));
    }
    cases
}

/// DPoP proofs that are none, beside a token request that is in order.
pub fn proofs(w: &Armed) -> Vec<Case> {
    let now = w.now;
    let proof = |changes: &[(&str, Value)]| w.key.proof_with(&w.t, "POST /token", changes);
    let good = proof(&[]);
    let parts: Vec<&str> = good.split('.').collect();
    let header = |value: Value| {
        format!(
            "{}.{}.{}",
            base64url(value.to_string().as_bytes()),
            parts[1],
            parts[2]
        )
    };
    let mut texts = vec![
        proof(&[("htm", json!("GET"))]),
        proof(&[("htu", json!("https://evil.example/token"))]),
        proof(&[("htu", json!(format!("{}/token/", w.url)))]),
        proof(&[("iat", json!(now - 3_600))]),
        proof(&[("iat", json!(now + 3_600))]),
        proof(&[("iat", json!("now"))]),
        proof(&[("iat", Value::Null)]),
        proof(&[("jti", Value::Null)]),
        proof(&[("jti", json!(""))]),
        proof(&[("exp", json!(now - 3_600))]),
        header(json!({ "typ": "dpop+jwt", "alg": "none" })),
        header(json!({ "typ": "JWT", "alg": "ES256", "jwk": w.stranger.jwk("k") })),
        header(json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": { "kty": "oct", "k": "AA" } })),
        header(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": w.stranger.jwk("k") })),
        header(json!({ "typ": "dpop+jwt", "alg": "ES256" })),
        w.id_token.clone(),
        "..".to_owned(),
        "x".to_owned(),
        w.spent_proof.clone(),
    ];
    texts.push("a".repeat(20_000));
    let case = |what: String| {
        let expect = Expect::OAuth(400, "invalid_dpop_proof");
        Case::new(what, "POST", "/token", expect)
            .header("Authorization", w.basic.clone())
            .form("grant_type=client_credentials")
    };
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|text| case(format!("the proof {text:.40}")).header("DPoP", text))
        .collect();
    cases.push(
        case("two proofs".to_owned())
            .header("DPoP", proof(&[]))
            .header("DPoP", proof(&[])),
    );
    cases
}

/// Bodies for our own APIs, from somebody who may use them.
pub fn bodies(w: &Armed) -> Vec<Case> {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let mut cases = Vec::new();
    for path in [
        "/admin/api/clients",
        "/admin/api/users",
        "/stores",
        "/access/v1/evaluation",
    ] {
        let case = |what: &str, expect: Expect| {
            Case::new(format!("{what} at {path}"), "POST", path, expect)
                .header("Authorization", format!("Bearer {}", w.admin))
        };
        let bad = || Expect::Status(&[400, 404, 413, 415, 422]);
        for (what, body) in [
            ("no JSON", b"{".to_vec()),
            ("nothing", Vec::new()),
            ("a list", b"[]".to_vec()),
            ("a number", b"1e999".to_vec()),
            ("invalid UTF-8", b"{\"name\":\"\xff\"}".to_vec()),
            ("a deep one", deep.clone().into_bytes()),
            (
                "a member of another type",
                br#"{"name":{},"username":7,"client_id":[],"subject":1}"#.to_vec(),
            ),
        ] {
            cases.push(case(what, bad()).body("application/json", body));
        }
        cases.push(case("a form", bad()).form("name=x"));
        cases.push(
            case("one beyond all bounds", bad())
                .body("application/json", vec![b' '; 3 * 1_024 * 1_024]),
        );
    }
    cases
}
