//! Lists of details, as tables.

use serde_json::json;

use super::*;

const PAYMENT: &str =
    r#"[{"type":"payment","actions":["initiate","cancel"],"locations":["urn:a"],"amount":"1.00"}]"#;

fn details(text: &str) -> AuthorizationDetails {
    AuthorizationDetails::parse(text).unwrap()
}

fn params(text: &str) -> Params {
    Params::of_pairs(vec![(PARAMETER.to_owned(), text.to_owned())]).unwrap()
}

#[test]
fn a_list_is_read_as_it_was_sent() {
    let list = details(PAYMENT);
    let detail = list.iter().next().unwrap();
    assert_eq!(detail.type_name(), "payment");
    assert_eq!(detail.list("actions"), ["initiate", "cancel"]);
    assert_eq!(detail.identifier(), None);
    let own: Vec<&str> = detail.own_members().map(|(name, _)| name).collect();
    assert_eq!(own, ["amount"]);
    let sent: Value = serde_json::from_str(PAYMENT).unwrap();
    assert_eq!(serde_json::to_value(&list).unwrap(), sent);
}

#[test]
fn hostile_and_malformed_lists_are_refused() {
    let deep = |levels: usize| {
        let nested = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"[{{"type":"t","x":{nested}}}]"#)
    };
    let many = |count: usize| format!("[{}]", vec![r#"{"type":"t"}"#; count].join(","));
    assert!(AuthorizationDetails::parse(&deep(14)).is_ok());
    assert!(AuthorizationDetails::parse(&many(16)).is_ok());
    for (text, says) in [
        (String::new(), "EOF"),
        ("{}".to_owned(), "array of objects"),
        ("[]".to_owned(), "1 to 16"),
        ("[1]".to_owned(), "array of objects"),
        ("[{}]".to_owned(), "needs a `type`"),
        (r#"[{"type":1}]"#.to_owned(), "needs a `type`"),
        (r#"[{"type":""}]"#.to_owned(), "needs a `type`"),
        (r#"[{"type":"t","type":"u"}]"#.to_owned(), "stands twice"),
        (
            r#"[{"type":"t","a":{"b":1,"b":2}}]"#.to_owned(),
            "stands twice",
        ),
        (r#"[{"type":"t","actions":"read"}]"#.to_owned(), "`actions`"),
        (
            r#"[{"type":"t","locations":[1]}]"#.to_owned(),
            "`locations`",
        ),
        (
            r#"[{"type":"t","identifier":["x"]}]"#.to_owned(),
            "`identifier`",
        ),
        (r#"[{"type":"t","x":["a\u0000"]}]"#.to_owned(), "NUL"),
        (r#"[{"type":"t","a\u0000":1}]"#.to_owned(), "NUL"),
        (deep(15), "nested too deeply"),
        (deep(4_000), "nested too deeply"),
        (many(17), "1 to 16"),
        (
            format!(r#"[{{"type":"{}"}}]"#, "x".repeat(BYTES)),
            "8192 bytes",
        ),
    ] {
        let fault = AuthorizationDetails::parse(&text).unwrap_err();
        assert_eq!(fault.code, ErrorCode::InvalidAuthorizationDetails);
        assert!(fault.description.contains(says), "{says}: {fault}");
    }
}

#[test]
fn a_client_names_only_types_of_its_own() {
    let registered = ["payment", "files"].map(|name| TypeName::parse(name).unwrap());
    let asked = |text| AuthorizationDetails::of_request(&params(text), &registered);
    assert_eq!(asked(PAYMENT), Ok(details(PAYMENT)));
    let other = r#"[{"type":"files"},{"type":"Files"}]"#;
    let fault = asked(other).unwrap_err();
    assert!(fault.description.contains("`Files`"), "{fault}");
    let none = AuthorizationDetails::of_request(&Params::default(), &registered);
    assert_eq!(none, Ok(AuthorizationDetails::default()));
    assert!(!details(other).are_of(&registered));
    assert_eq!(
        details(other).of_types(&registered),
        details(r#"[{"type":"files"}]"#)
    );
}

#[test]
fn less_is_fewer_texts_in_the_common_lists_and_nothing_else() {
    let granted = details(
        r#"[{"type":"payment","actions":["initiate","cancel"],"limits":["a","b"],"amount":"1.00"},{"type":"files"}]"#,
    );
    for (wanted, good) in [
        (r#"[{"type":"files"}]"#, true),
        (
            r#"[{"type":"payment","actions":["initiate","cancel"],"limits":["a","b"],"amount":"1.00"}]"#,
            true,
        ),
        (
            r#"[{"type":"payment","actions":["cancel"],"limits":["a","b"],"amount":"1.00"}]"#,
            true,
        ),
        // The same one twice, each way less.
        (
            r#"[{"type":"payment","actions":["cancel"],"limits":["a","b"],"amount":"1.00"},{"type":"payment","actions":["initiate"],"limits":["a","b"],"amount":"1.00"}]"#,
            true,
        ),
        (
            r#"[{"type":"payment","actions":["refund"],"limits":["a","b"],"amount":"1.00"}]"#,
            false,
        ),
        (
            r#"[{"type":"payment","actions":[],"limits":["a","b"],"amount":"1.00"}]"#,
            false,
        ),
        (
            r#"[{"type":"payment","limits":["a","b"],"amount":"1.00"}]"#,
            false,
        ),
        (
            r#"[{"type":"payment","actions":["cancel"],"limits":["a"],"amount":"1.00"}]"#,
            false,
        ),
        (
            r#"[{"type":"payment","actions":["cancel"],"limits":["a","b"],"amount":"2.00"}]"#,
            false,
        ),
        (r#"[{"type":"files","actions":["read"]}]"#, false),
        (r#"[{"type":"other"}]"#, false),
    ] {
        let found = granted.narrowed(&params(wanted));
        assert_eq!(found.is_ok(), good, "{wanted}");
    }
    assert_eq!(granted.narrowed(&Params::default()), Ok(granted.clone()));
    let nothing = AuthorizationDetails::default().narrowed(&params(PAYMENT));
    assert_eq!(
        nothing.unwrap_err().code,
        ErrorCode::InvalidAuthorizationDetails
    );
}

#[test]
fn a_token_says_nothing_that_is_meant_for_another_service() {
    let all = details(
        r#"[{"type":"a","locations":["urn:a"]},{"type":"b","locations":["urn:b"]},{"type":"ab","locations":["urn:a","urn:b"]},{"type":"x","locations":["https://elsewhere.example/"]},{"type":"any"}]"#,
    );
    let granted = ["urn:a", "urn:b"].map(str::to_owned);
    for (audience, expect) in [
        (vec!["urn:a"], vec!["a", "ab", "x", "any"]),
        (vec!["urn:b"], vec!["b", "ab", "x", "any"]),
        (vec!["urn:a", "urn:b"], vec!["a", "b", "ab", "x", "any"]),
    ] {
        let audience = Audience::of(audience.into_iter().map(str::to_owned).collect());
        let kept = all.for_audience(&audience, &granted);
        let types: Vec<&str> = kept.iter().map(Detail::type_name).collect();
        assert_eq!(types, expect, "{audience:?}");
    }
}

#[test]
fn an_agreement_is_to_exactly_these_details() {
    let digest = |text: &str| details(text).digest();
    let same = digest(r#"[{"type":"a","x":1,"y":[1,2]},{"type":"b"}]"#);
    for (text, is_same) in [
        (r#"[{"type":"b"},{"y":[1,2],"x":1,"type":"a"}]"#, true),
        (
            r#"[{"type":"b"},{"type":"b"},{"type":"a","x":1,"y":[1,2]}]"#,
            true,
        ),
        (r#"[{"type":"a","x":1,"y":[2,1]},{"type":"b"}]"#, false),
        (r#"[{"type":"a","x":2,"y":[1,2]},{"type":"b"}]"#, false),
        (r#"[{"type":"a","x":"1","y":[1,2]},{"type":"b"}]"#, false),
        (r#"[{"type":"a","x":1,"y":[1,2]}]"#, false),
    ] {
        assert_eq!(digest(text) == same, is_same, "{text}");
    }
    let line = json!([{"type": "a", "x": "\n"}]).to_string();
    assert_ne!(digest(&line), digest(r#"[{"type":"a"}]"#));
}
