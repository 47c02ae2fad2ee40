//! Which metadata is refused, and by which field.

use super::*;

fn web() -> NewClient {
    NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    }
}

#[track_caller]
fn check(client: &NewClient, expect: &[&str]) {
    let fields: Vec<&str> = match client.check() {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|fault| fault.field).collect(),
    };
    assert_eq!(fields, expect, "{client:?}");
}

#[test]
fn defaults_are_those_of_rfc_7591_and_safe() {
    let checked = web().check().unwrap();
    let settings = checked.settings;
    assert_eq!(
        settings.token_endpoint_auth_method,
        AuthMethod::ClientSecretBasic
    );
    assert_eq!(settings.grant_types, [GrantType::AuthorizationCode]);
    assert!(settings.require_pkce && !settings.skip_consent);
    assert_eq!(settings.client_name, "web");
}

#[test]
fn every_fault_is_named_at_once() {
    check(&web(), &[]);
    let mut client = web();
    client.client_id = Some("a b".to_owned());
    client.token_endpoint_auth_method = Some("password".to_owned());
    client.grant_types = Some(vec!["password".to_owned()]);
    client.redirect_uris = vec![
        "javascript:alert(1)".to_owned(),
        "http://evil.example".to_owned(),
    ];
    client.scope = Some("é".to_owned());
    check(
        &client,
        &[
            "client_id",
            "token_endpoint_auth_method",
            "grant_types",
            "redirect_uris",
            "redirect_uris",
            "scope",
        ],
    );
}

#[test]
fn fields_that_contradict_each_other_are_faults() {
    let public = NewClient {
        token_endpoint_auth_method: Some("none".to_owned()),
        ..web()
    };
    check(&public, &[]);
    let mut client = public.clone();
    client.client_secret = Some("x".repeat(40));
    check(&client, &["client_secret"]);
    let mut client = public.clone();
    client.require_pkce = Some(false);
    check(&client, &["require_pkce"]);
    let mut client = public;
    client.grant_types = Some(vec!["client_credentials".to_owned()]);
    check(&client, &["grant_types"]);
    let mut client = web();
    client.require_pkce = Some(false);
    check(&client, &[]);
    client.redirect_uris.clear();
    check(&client, &["redirect_uris"]);
    client.grant_types = Some(vec!["refresh_token".to_owned()]);
    check(&client, &["grant_types"]);
}

#[test]
fn a_guessable_secret_is_refused() {
    for (secret, allowed) in [
        ("secret", false),
        ("1234567", false),
        ("12345678", true),
        ("0123456789012345678901", true),
        ("01234567890123456789 1", false),
    ] {
        let mut client = web();
        client.client_secret = Some(secret.to_owned());
        assert_eq!(client.check().is_ok(), allowed, "{secret}");
    }
}

#[test]
fn what_a_client_says_about_itself_is_held_to_web_addresses() {
    let mut client = web();
    client.client_uri = Some("https://app.example/about".to_owned());
    client.policy_uri = Some(String::new());
    client.contacts = vec!["ops@app.example".to_owned()];
    check(&client, &[]);
    let about = client.check().unwrap().settings.metadata.about;
    assert_eq!(
        about.client_uri.unwrap().as_str(),
        "https://app.example/about"
    );
    assert_eq!(about.policy_uri, None, "an empty text is none");
    client.client_uri = Some("javascript:alert(1)".to_owned());
    client.tos_uri = Some("http://app.example/".to_owned());
    client.contacts.push("two\nlines".to_owned());
    check(&client, &["contacts", "client_uri", "tos_uri"]);
    client.contacts = vec!["a".to_owned(); 11];
    check(&client, &["contacts", "client_uri", "tos_uri"]);
}

#[test]
fn grants_away_from_the_client_need_no_redirect_uri_but_what_they_live_by() {
    let ciba = "urn:openid:params:grant-type:ciba";
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let of = |grant_types: &[&str]| NewClient {
        client_id: Some("tv".to_owned()),
        grant_types: Some(grant_types.iter().map(ToString::to_string).collect()),
        ..NewClient::default()
    };
    check(&of(&[device, "refresh_token"]), &[]);
    check(&of(&[ciba, "refresh_token"]), &[]);
    check(
        &of(&["client_credentials", "refresh_token"]),
        &["grant_types"],
    );
    let public = Some("none".to_owned());
    check(
        &NewClient {
            token_endpoint_auth_method: public.clone(),
            ..of(&[device])
        },
        &[],
    );
    check(
        &NewClient {
            token_endpoint_auth_method: public,
            ..of(&[ciba])
        },
        &["grant_types"],
    );
}

#[test]
fn a_client_that_is_pinged_says_where() {
    let told = |mode: &str, endpoint: Option<&str>| NewClient {
        backchannel_token_delivery_mode: Some(mode.to_owned()),
        backchannel_client_notification_endpoint: endpoint.map(str::to_owned),
        ..web()
    };
    let field = "backchannel_client_notification_endpoint";
    check(&told("poll", None), &[]);
    check(&told("ping", Some("https://app.example/ping")), &[]);
    check(&told("ping", None), &[field]);
    check(
        &told("ping", Some("http://app.example/ping")),
        &[field, field],
    );
    check(&told("push", None), &["backchannel_token_delivery_mode"]);
    let with_user_codes = NewClient {
        backchannel_user_code_parameter: true,
        ..web()
    };
    check(&with_user_codes, &["backchannel_user_code_parameter"]);
}
