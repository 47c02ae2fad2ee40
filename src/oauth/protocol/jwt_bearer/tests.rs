use serde_json::{Value, json};

use super::*;
use crate::base::encoding::base64url;
use crate::base::id::UserId;
use crate::oauth::protocol::client::ClientId;

const OURS: &str = "https://id.example";
const ISS: &str = "https://build.example";
const NOW: i64 = 1_735_689_600;

fn new(changes: Value) -> NewTrustedIssuer {
    let mut value = json!({
        "issuer": ISS,
        "jwks_uri": "https://build.example/keys",
        "clients": ["ci"],
        "scope": "deploy",
        "subjects": { "mapped": { "repo:main": "client:ci" } },
    });
    let (members, Value::Object(changes)) = (value.as_object_mut().unwrap(), changes) else {
        panic!("an object");
    };
    members.extend(changes);
    members.retain(|_, value| !value.is_null());
    serde_json::from_value(value).unwrap()
}

fn issuer() -> TrustedIssuer {
    new(json!({})).check("build", OURS).unwrap()
}

#[test]
fn an_issuer_says_who_it_is_with_which_keys_for_whom_and_how_much() {
    for (changes, field) in [
        (json!({}), None),
        (json!({ "subjects": "user_ids" }), None),
        (
            json!({ "algorithms": ["ES256"], "max_age_seconds": 60 }),
            None,
        ),
        (json!({ "issuer": "" }), Some("issuer")),
        (json!({ "issuer": OURS }), Some("issuer")),
        (json!({ "issuer": "a b" }), Some("issuer")),
        (json!({ "jwks_uri": null }), Some("jwks")),
        (json!({ "jwks": { "keys": [] } }), Some("jwks")),
        (
            json!({ "jwks_uri": "http://build.example" }),
            Some("jwks_uri"),
        ),
        (
            json!({ "jwks_uri": "https://169.254.169.254/#x" }),
            Some("jwks_uri"),
        ),
        (json!({ "algorithms": [] }), Some("algorithms")),
        (
            json!({ "algorithms": ["RS256", "HS256"] }),
            Some("algorithms"),
        ),
        (json!({ "algorithms": ["none"] }), Some("algorithms")),
        (json!({ "clients": [] }), Some("clients")),
        (json!({ "clients": ["a b"] }), Some("clients")),
        (json!({ "scope": "deploy tessera:admin" }), Some("scope")),
        (json!({ "scope": "offline_access" }), Some("scope")),
        (json!({ "max_age_seconds": 0 }), Some("max_age_seconds")),
        (json!({ "max_age_seconds": 3_601 }), Some("max_age_seconds")),
        (json!({ "subjects": null }), Some("subjects")),
        (json!({ "subjects": { "mapped": {} } }), Some("subjects")),
        (
            json!({ "subjects": { "mapped": { "a": "alice" } } }),
            Some("subjects"),
        ),
        (
            json!({ "subjects": { "mapped": { "a": "user:*" } } }),
            Some("subjects"),
        ),
    ] {
        let found = new(changes.clone()).check("build", OURS);
        let fields: Vec<&str> = found
            .err()
            .into_iter()
            .flatten()
            .map(|fault| fault.field)
            .collect();
        assert_eq!(fields.first().copied(), field, "{changes}: {fields:?}");
    }
    assert!(new(json!({})).check("a/b", OURS).is_err());
    assert!(serde_json::from_value::<NewTrustedIssuer>(json!({ "sub": "x" })).is_err());
}

#[test]
fn an_issuer_is_kept_as_it_was_checked() {
    let kept = serde_json::to_string(&issuer()).unwrap();
    assert_eq!(
        serde_json::from_str::<TrustedIssuer>(&kept).unwrap(),
        issuer()
    );
}

#[test]
fn a_sub_stands_for_whom_the_administrator_said() {
    let ci = ClientId::parse("ci").unwrap();
    assert_eq!(issuer().party("repo:main"), Some(Party::Client(ci.clone())));
    assert_eq!(issuer().party("repo:other"), None);
    assert_eq!(issuer().party("ci"), None);
    let user = UserId::new(Timestamp::from_ms(0));
    let all = new(json!({ "subjects": "user_ids" }))
        .check("build", OURS)
        .unwrap();
    assert_eq!(all.party(user.as_str()), Some(Party::User(user.clone())));
    assert_eq!(all.party("ci"), None);
    assert_eq!(issuer().party(user.as_str()), None);
    assert!(issuer().serves(&ci));
    assert!(!issuer().serves(&ClientId::parse("ci2").unwrap()));
}

fn good() -> Value {
    json!({ "iss": ISS, "sub": "repo:main", "aud": OURS, "exp": NOW + 60, "iat": NOW, "jti": "j" })
}

#[track_caller]
fn check_with(name: &str, value: Value, expect: impl Into<Option<Fault>>) {
    let mut claims = good();
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    let audiences = [OURS.to_owned(), format!("{OURS}/token")];
    let found = serde_json::from_value(claims)
        .map_err(|_| Fault::Malformed)
        .and_then(|claims| check(claims, &issuer(), &audiences, Timestamp::from_seconds(NOW)));
    assert_eq!(found.err(), expect.into(), "{name}");
}

#[test]
fn every_claim_is_held_against_what_it_must_be() {
    check_with("jti", json!("other"), None);
    check_with("iss", json!(null), Some(Fault::Issuer));
    check_with("iss", json!("https://build.example/"), Some(Fault::Issuer));
    check_with("iss", json!(7), Some(Fault::Malformed));
    check_with("sub", json!(null), Some(Fault::Lacks("sub")));
    check_with("sub", json!(""), Some(Fault::Lacks("sub")));
    check_with("aud", json!(null), Some(Fault::Audience));
    check_with("aud", json!("https://other.example"), Some(Fault::Audience));
    check_with("aud", json!([]), Some(Fault::Audience));
    check_with("aud", json!(["https://other.example", OURS]), None);
    check_with("aud", json!(format!("{OURS}/token")), None);
    check_with("exp", json!(null), Some(Fault::Lacks("exp")));
    check_with("exp", json!(NOW), Some(Fault::Expired));
    check_with("exp", json!(NOW + 1), None);
    check_with("exp", json!(NOW + 3_660), None);
    check_with("exp", json!(NOW + 3_661), Some(Fault::TooLong));
    check_with("exp", json!("soon"), Some(Fault::Malformed));
    check_with("iat", json!(null), Some(Fault::Lacks("iat")));
    check_with("iat", json!(NOW - 300), None);
    check_with("iat", json!(NOW - 301), Some(Fault::Old(Seconds::new(300))));
    check_with("iat", json!(NOW + 60), None);
    check_with("iat", json!(NOW + 61), Some(Fault::Early));
    check_with("nbf", json!(NOW + 60), None);
    check_with("nbf", json!(NOW + 61), Some(Fault::Early));
    check_with("jti", json!(null), Some(Fault::Lacks("jti")));
    check_with("jti", json!("x".repeat(513)), Some(Fault::Lacks("jti")));
    check_with("may_act", json!({ "sub": "api" }), None);
    check_with(
        "may_act",
        json!({ "sub": "api", "x": 1 }),
        Some(Fault::Malformed),
    );
}

#[test]
fn a_future_iat_is_no_later_sign_in() {
    let mut claims = good();
    claims["iat"] = json!(NOW + 30);
    let claims = serde_json::from_value(claims).unwrap();
    let now = Timestamp::from_seconds(NOW);
    let accepted = check(claims, &issuer(), &[OURS.to_owned()], now).unwrap();
    assert_eq!(accepted.issued_at, now);
}

#[test]
fn the_header_names_an_algorithm_of_the_issuer_and_nothing_strange() {
    let jwt = |header: Value| {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        format!("{}.{}.c2ln", part(&header), part(&good()))
    };
    let only = new(json!({ "algorithms": ["ES256"] }))
        .check("build", OURS)
        .unwrap();
    let refused = Err(Fault::Algorithm("ES256".to_owned()));
    for (value, expect) in [
        (
            json!({ "alg": "ES256", "kid": "k" }),
            Ok((Algorithm::ES256, Some("k".to_owned()))),
        ),
        (
            json!({ "alg": "ES256", "typ": "jwt" }),
            Ok((Algorithm::ES256, None)),
        ),
        (json!({ "alg": "RS256" }), refused.clone()),
        (json!({ "alg": "HS256" }), refused.clone()),
        (json!({ "alg": "none" }), refused.clone()),
        (
            json!({ "alg": "ES256", "typ": "at+jwt" }),
            Err(Fault::Header),
        ),
        (
            json!({ "alg": "ES256", "crit": ["x"], "x": 1 }),
            Err(Fault::Header),
        ),
    ] {
        assert_eq!(header(&jwt(value.clone()), &only), expect, "{value}");
    }
    assert_eq!(header("no jwt", &only), refused);
    assert_eq!(
        claimed_issuer(&jwt(json!({ "alg": "ES256" }))).as_deref(),
        Some(ISS)
    );
    assert_eq!(claimed_issuer("no jwt"), None);
}
