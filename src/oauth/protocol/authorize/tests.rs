//! Tables of requests: what each comes to.

use super::*;
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientState;
use crate::oauth::protocol::registration::NewClient;

const OK: &str = "response_type=code&client_id=web&redirect_uri=https://app.example/cb&scope=openid+email&state=s\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn client(change: impl FnOnce(&mut NewClient)) -> Client {
    let mut new = NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        scope: Some("openid email offline_access".to_owned()),
        ..NewClient::default()
    };
    change(&mut new);
    let checked = new.check().unwrap();
    Client {
        client_id: checked.client_id.unwrap(),
        settings: checked.settings,
        secret_mac: None,
        sealed_secret: None,
        former_secret: None,
        origin: crate::oauth::protocol::client::Origin::Operator,
        state: ClientState::Active,
        created_at: Timestamp::from_ms(0),
        updated_at: Timestamp::from_ms(0),
    }
}

/// `ok SCOPE`, `page CODE` or `back CODE`.
fn outcome(raw: &str, client: &Client) -> String {
    let params = Params::parse(raw.as_bytes()).unwrap();
    match parse(&params, client, "https://id.example") {
        Ok(request) => format!("ok {}", request.scope),
        Err(AuthorizeError::ShowPage(fault)) => format!("page {}", fault.code.as_str()),
        Err(AuthorizeError::RedirectBack(redirect)) => match redirect.outcome {
            Outcome::Fault(fault) => format!("back {}", fault.code.as_str()),
            Outcome::Granted(_) => "back code".to_owned(),
        },
    }
}

#[track_caller]
fn check(raw: &str, expect: &str) {
    assert_eq!(outcome(raw, &client(|_| {})), expect, "{raw}");
}

#[test]
fn a_request_in_order_is_read() {
    check(OK, "ok email openid");
    for ignored in [
        "display=page",
        "ui_locales=de",
        "acr_values=1",
        "claims={}",
        "foo=bar",
        "response_mode=query",
    ] {
        check(&format!("{OK}&{ignored}"), "ok email openid");
    }
}

#[test]
fn faults_of_the_redirect_uri_stay_on_the_page() {
    for uri in ["https://app.example/CB", "https://evil.example/", ""] {
        let raw = OK.replace("https://app.example/cb", uri);
        check(&raw, "page invalid_request");
    }
    check(
        &format!("{OK}&redirect_uri=https://app.example/cb"),
        "page invalid_request",
    );
    check("response_type=code&scope=openid", "page invalid_request");
}

#[test]
fn other_faults_go_back_to_the_client() {
    for (from, to, expect) in [
        (
            "response_type=code",
            "response_type=token",
            "back unsupported_response_type",
        ),
        (
            "response_type=code",
            "response_type=code+id_token",
            "back unsupported_response_type",
        ),
        ("response_type=code", "", "back invalid_request"),
        ("S256", "plain", "back invalid_request"),
        (
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            "",
            "back invalid_request",
        ),
        ("scope=openid+email", "scope=foo", "back invalid_scope"),
        (
            "scope=openid+email",
            "scope=openid+foo+offline_access",
            "ok openid",
        ),
        ("state=s", "state=s&state=t", "back invalid_request"),
        ("state=s", "request=x", "back request_not_supported"),
        ("state=s", "request_uri=x", "back request_uri_not_supported"),
        (
            "state=s",
            "registration=x",
            "back registration_not_supported",
        ),
        (
            "state=s",
            "response_mode=web_message",
            "back invalid_request",
        ),
        ("state=s", "claims=x", "back invalid_request"),
        (
            "state=s",
            "resource=https://api.example",
            "back invalid_target",
        ),
        ("state=s", "prompt=none+login", "back invalid_request"),
        ("state=s", "prompt=foo", "back invalid_request"),
        ("state=s", "max_age=-1", "back invalid_request"),
        ("state=s", "max_age=x", "back invalid_request"),
    ] {
        check(&OK.replace(from, to), expect);
    }
}

#[test]
fn a_confidential_client_may_be_let_off_pkce() {
    let raw = OK.split("&code_challenge").next().unwrap();
    let relaxed = client(|new| new.require_pkce = Some(false));
    assert_eq!(outcome(raw, &relaxed), "ok email openid");
}

#[test]
fn hybrid_answers_need_their_registration_a_nonce_and_a_way_that_hides_them() {
    let hybrid = client(|new| {
        new.response_types = ["code", "code id_token", "code token", "id_token"]
            .map(str::to_owned)
            .to_vec();
    });
    for (to, expect) in [
        ("response_type=code+id_token&nonce=n", "ok email openid"),
        ("response_type=id_token+code&nonce=n", "ok email openid"),
        ("response_type=code+id_token", "back invalid_request"),
        ("response_type=code+token", "ok email openid"),
        ("response_type=id_token&nonce=n", "ok email openid"),
        (
            "response_type=code+id_token+token&nonce=n",
            "back unsupported_response_type",
        ),
        (
            "response_type=code+id_token&nonce=n&response_mode=query",
            "back invalid_request",
        ),
        (
            "response_type=code+id_token&nonce=n&response_mode=form_post",
            "ok email openid",
        ),
    ] {
        let raw = OK.replace("response_type=code", to);
        assert_eq!(outcome(&raw, &hybrid), expect, "{to}");
    }
    let raw = OK
        .replace("response_type=code", "response_type=code+id_token&nonce=n")
        .replace("scope=openid+email", "scope=email");
    assert_eq!(outcome(&raw, &hybrid), "back invalid_scope");
    let lasting = client(|new| {
        new.response_types = ["code id_token", "id_token"].map(str::to_owned).to_vec();
        new.grant_types = Some(
            ["authorization_code", "refresh_token"]
                .map(str::to_owned)
                .to_vec(),
        );
    });
    for (response_type, expect) in [
        ("code+id_token", "ok offline_access openid"),
        ("id_token", "ok openid"),
    ] {
        let raw = OK
            .replace(
                "response_type=code",
                &format!("response_type={response_type}&nonce=n"),
            )
            .replace("scope=openid+email", "scope=openid+offline_access");
        assert_eq!(outcome(&raw, &lasting), expect, "{response_type}");
    }
    let alone = OK.replace("response_type=code", "response_type=id_token&nonce=n");
    let alone = alone.split("&code_challenge").next().unwrap();
    assert_eq!(
        outcome(alone, &hybrid),
        "ok email openid",
        "no code, no challenge"
    );
}

#[test]
fn a_client_may_be_held_to_some_response_modes() {
    let signed = client(|new| new.response_modes = vec!["jwt".to_owned()]);
    assert_eq!(outcome(OK, &signed), "back invalid_request");
    assert_eq!(
        outcome(&format!("{OK}&response_mode=jwt"), &signed),
        "ok email openid"
    );
    let query = client(|new| new.response_modes = vec!["query".to_owned()]);
    assert_eq!(
        outcome(OK, &query),
        "ok email openid",
        "its usual mode is query"
    );
    let form = format!("{OK}&response_mode=form_post");
    assert_eq!(outcome(&form, &query), "back invalid_request");
}

#[test]
fn the_registration_fills_in_what_the_request_leaves_out() {
    let client = client(|new| {
        new.default_max_age = Some(60);
        new.default_acr_values = vec!["urn:x".to_owned()];
        new.resources = vec!["https://api.example/".to_owned()];
    });
    let read = |raw: &str| {
        let params = Params::parse(raw.as_bytes()).unwrap();
        parse(&params, &client, "https://id.example").unwrap()
    };
    let request = read(OK);
    assert_eq!((request.max_age, request.acr_values.len()), (Some(60), 1));
    let request = read(&format!(
        "{OK}&max_age=0&acr_values=a+b&resource=https://api.example/&claims=%7B%22userinfo%22:%7B%22name%22:null%7D%7D"
    ));
    assert_eq!((request.max_age, request.acr_values.len()), (Some(0), 2));
    assert_eq!(request.resources, ["https://api.example/"]);
    let registered = &client.settings.scope;
    assert_eq!(
        request.consent_scope(registered).to_string(),
        "email openid",
        "the client is not registered for profile"
    );
    let all = ScopeSet::parse("openid email profile").unwrap();
    assert_eq!(
        request.consent_scope(&all).to_string(),
        "email openid profile"
    );
}

#[test]
fn a_fault_before_the_parameters_goes_only_to_a_redirect_uri_of_the_client() {
    for (raw, back) in [
        (OK.to_owned(), true),
        (
            OK.replace("https://app.example/cb", "https://evil.example"),
            false,
        ),
        ("client_id=web&scope=openid".to_owned(), false),
    ] {
        let params = Params::parse(raw.as_bytes()).unwrap();
        let refused = refuse(&params, &client(|_| {}), Fault::invalid_request("x"));
        assert_eq!(
            matches!(refused, AuthorizeError::RedirectBack(_)),
            back,
            "{raw}"
        );
    }
}
