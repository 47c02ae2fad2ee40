use super::*;
use crate::oauth::protocol::client::{ClientId, ClientState};
use crate::oauth::protocol::registration::NewClient;
use crate::oauth::protocol::resource::Resource;

const ISSUER: &str = "https://id.example";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const SAML: &str = "urn:ietf:params:oauth:token-type:saml2";

fn params(pairs: &[(&str, &str)]) -> Params {
    let text = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Params::parse(text.as_bytes()).unwrap()
}

#[track_caller]
fn check_read(pairs: &[(&str, &str)], expect: Result<(TokenUri, bool, TokenUri), &str>) {
    let params = params(pairs);
    match (Ask::read(&params), expect) {
        (Ok(ask), Ok((subject, has_actor, wanted))) => {
            assert_eq!(ask.subject.kind, subject);
            assert_eq!(ask.actor.is_some(), has_actor);
            assert_eq!(ask.wanted, wanted);
        }
        (Err(fault), Err(says)) => {
            assert_eq!(fault.code, ErrorCode::InvalidRequest);
            assert!(fault.description.contains(says), "{}", fault.description);
        }
        (found, expect) => panic!("{found:?}, not {expect:?}"),
    }
}

#[test]
fn a_request_names_its_tokens_and_what_they_are() {
    let subject = [("subject_token", "t"), ("subject_token_type", ACCESS)];
    let with = |more: &[(&'static str, &'static str)]| [&subject[..], more].concat();
    let access = TokenUri::AccessToken;
    check_read(&subject, Ok((access, false, access)));
    check_read(
        &[("subject_token", "t"), ("subject_token_type", ID)],
        Ok((TokenUri::IdToken, false, access)),
    );
    check_read(
        &with(&[
            ("actor_token", "a"),
            ("actor_token_type", JWT),
            ("requested_token_type", JWT),
        ]),
        Ok((access, true, TokenUri::Jwt)),
    );
    check_read(&[("subject_token", "t")], Err("`subject_token_type`"));
    check_read(&[("subject_token_type", ACCESS)], Err("`subject_token`"));
    check_read(
        &[("subject_token", "t"), ("subject_token_type", SAML)],
        Err("saml2"),
    );
    check_read(
        &[("subject_token", "t"), ("subject_token_type", REFRESH)],
        Err("is not exchanged"),
    );
    check_read(
        &with(&[("actor_token", "a")]),
        Err("`actor_token_type` is missing"),
    );
    check_read(
        &with(&[("actor_token_type", ACCESS)]),
        Err("stands without `actor_token`"),
    );
    check_read(
        &with(&[("actor_token", "a"), ("actor_token_type", REFRESH)]),
        Err("is not exchanged"),
    );
    for kind in [ID, REFRESH, SAML, "access_token"] {
        check_read(&with(&[("requested_token_type", kind)]), Err("only"));
    }
}

fn client(services: &[&str]) -> Client {
    let new = NewClient {
        client_id: Some("api".to_owned()),
        grant_types: Some(vec![
            "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
        ]),
        subject_token_audiences: services.iter().map(|text| (*text).to_owned()).collect(),
        ..NewClient::default()
    };
    Client {
        client_id: ClientId::parse("api").unwrap(),
        settings: new.check().unwrap().settings,
        secret_mac: None,
        sealed_secret: None,
        former_secret: None,
        state: ClientState::Active,
        origin: crate::oauth::protocol::client::Origin::Operator,
        created_at: Timestamp::from_ms(0),
        updated_at: Timestamp::from_ms(0),
    }
}

#[test]
fn a_token_is_handed_in_by_whom_it_was_issued_to_or_meant_for() {
    for (issued_to, audience, expect) in [
        ("api", &[ISSUER][..], true),
        ("web", &["https://api.example"][..], true),
        (
            "web",
            &["https://b.example", "https://api.example"][..],
            true,
        ),
        ("web", &["api"][..], true),
        ("web", &[ISSUER][..], false),
        ("web", &["https://api.example/"][..], false),
        ("web", &["https://b.example"][..], false),
        ("web", &[][..], false),
        ("API", &[ISSUER][..], false),
    ] {
        let audience = Audience::of(audience.iter().map(|text| (*text).to_owned()).collect());
        let found = is_meant_for(&client(&["https://api.example"]), issued_to, &audience);
        assert_eq!(found, expect, "{issued_to} {audience:?}");
        // The issuer is no service of anybody's unless it is registered as one.
        let for_us = is_meant_for(&client(&[ISSUER]), "web", &audience);
        assert_eq!(
            for_us,
            audience.contains(ISSUER) || audience.contains("api")
        );
    }
}

#[test]
fn may_act_allows_the_actor_it_names_and_nobody_else() {
    let named = MayAct {
        sub: "api".to_owned(),
        iss: None,
    };
    for (may_act, party, is_actor, expect) in [
        (None, "api", true, Some(Permit::Ask)),
        (None, "api", false, Some(Permit::Ask)),
        (Some(&named), "api", true, Some(Permit::Given)),
        (Some(&named), "api", false, Some(Permit::Ask)),
        (Some(&named), "web", true, None),
        (Some(&named), "web", false, None),
    ] {
        match (permit(may_act, (party, is_actor), ISSUER), expect) {
            (Ok(found), Some(expect)) => assert_eq!(found, expect, "{party} {is_actor}"),
            (Err(fault), None) => assert_eq!(fault.code, ErrorCode::AccessDenied),
            (found, expect) => panic!("{found:?}, not {expect:?}"),
        }
    }
}

#[test]
fn scopes_only_narrow_and_two_of_them_never_pass() {
    let set = |text: &str| ScopeSet::parse(text).unwrap();
    for (subject, registered, wanted, expect) in [
        ("a b", "a b c", None, Some("a b")),
        ("a b", "b c", None, Some("b")),
        ("a b", "a b", Some("a"), Some("a")),
        ("a", "a b", Some("b"), None),
        ("a b", "a", Some("b"), None),
        ("a", "a", Some("a\"b"), None),
        (
            "a offline_access tessera:admin",
            "a offline_access tessera:admin",
            None,
            Some("a"),
        ),
        (
            "tessera:admin",
            "tessera:admin",
            Some("tessera:admin"),
            None,
        ),
        (
            "offline_access",
            "offline_access",
            Some("offline_access"),
            None,
        ),
        ("a", "b", None, Some("")),
    ] {
        let found = narrowed_scope(&set(subject), &set(registered), wanted);
        match expect {
            Some(expect) => assert_eq!(found.unwrap(), set(expect), "{subject} {wanted:?}"),
            None => assert_eq!(found.unwrap_err().code, ErrorCode::InvalidScope),
        }
    }
}

#[track_caller]
fn check_targets(subject: &[&str], pairs: &[(&str, &str)], expect: Option<&[&str]>) {
    let registered =
        ["https://files.example", "urn:example:mail"].map(|text| Resource::parse(text).unwrap());
    let allowed = Allowed {
        registered: &registered,
        issuer: ISSUER,
    };
    let subject = Audience::of(subject.iter().map(|text| (*text).to_owned()).collect());
    let found = targets(&params(pairs), &subject, allowed);
    match expect {
        Some(expect) => assert_eq!(found.unwrap().as_slice(), expect),
        None => assert_eq!(found.unwrap_err().code, ErrorCode::InvalidTarget),
    }
}

#[test]
fn a_new_token_is_for_registered_services_and_for_us_only_if_the_old_one_was() {
    let (files, mail) = ("https://files.example", "urn:example:mail");
    check_targets(
        &["https://api.example"],
        &[("resource", files)],
        Some(&[files]),
    );
    check_targets(&[ISSUER], &[("audience", mail)], Some(&[mail]));
    check_targets(
        &[ISSUER],
        &[("audience", mail), ("resource", files), ("audience", files)],
        Some(&[files, mail]),
    );
    check_targets(&[ISSUER], &[("resource", ISSUER)], Some(&[ISSUER]));
    check_targets(&[ISSUER], &[], Some(&[ISSUER]));
    check_targets(&[files, "https://api.example"], &[], Some(&[files]));
    check_targets(&["https://api.example"], &[("resource", ISSUER)], None);
    check_targets(&["https://api.example"], &[("audience", ISSUER)], None);
    check_targets(
        &["https://api.example"],
        &[("audience", "https://id.example/")],
        None,
    );
    check_targets(&["https://api.example"], &[], None);
    check_targets(&[ISSUER], &[("resource", "https://evil.example")], None);
    check_targets(&[ISSUER], &[("audience", "other")], None);
    check_targets(
        &[ISSUER],
        &[("resource", files), ("audience", "other")],
        None,
    );
}

#[test]
fn a_new_token_never_outlives_what_it_was_made_from() {
    let at = Timestamp::from_seconds;
    let longest = Seconds::new(300);
    for (made_from, expect) in [
        (&[][..], 1_300),
        (&[5_000][..], 1_300),
        (&[1_100][..], 1_100),
        (&[1_200, 1_050][..], 1_050),
    ] {
        let made_from: Vec<Timestamp> = made_from.iter().map(|second| at(*second)).collect();
        assert_eq!(expiry(at(1_000), longest, &made_from), at(expect));
    }
}
