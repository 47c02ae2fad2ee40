//! The authorization request's next step: sign in, agree, or have its code (OpenID Connect Core 1.0 section 3.1.2.3).
//!
//! Asked at the first request and again after every page, always from the facts as they are now. An essential `acr` that no sign-in here
//! can reach is refused at once (OpenID Connect Core Unmet Authentication Requirements 1.0).

use super::acr::Acr;
use super::authorize::{AuthorizeRequest, Prompt};
use super::client::ClientSettings;
use super::error::{ErrorCode, Fault};
use super::scope::ScopeSet;
use crate::base::id::UserId;
use crate::base::time::{Seconds, Timestamp};

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The person.
    pub user_id: UserId,
    /// What the client calls the person.
    pub subject: String,
    /// When they last proved it.
    pub auth_time: Timestamp,
    /// How strongly.
    pub acr: Option<Acr>,
}

/// How far the request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When it began.
    pub started_at: Timestamp,
    /// Who agreed on its consent page.
    pub consented_by: Option<UserId>,
    /// Whom the client's `id_token_hint` names.
    pub hinted_subject: Option<String>,
}

/// What the person has agreed to before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The scopes.
    pub scope: ScopeSet,
    /// Whether to exactly the request's authorization details; true when it has none.
    pub details: bool,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody must sign in.
    Login,
    /// Who is signed in must prove it once more; nothing else is missing.
    Reauthenticate,
    /// The person must agree.
    Consent,
    /// The code may be issued.
    Issue,
    /// The client gets an error.
    Fail(Fault),
}

/// Decides the next step; `agreed` is what the person has agreed to before.
pub fn next(
    request: &AuthorizeRequest,
    settings: &ClientSettings,
    progress: &Progress,
    person: Option<(&SignedIn, &Agreed)>,
    now: Timestamp,
) -> Step {
    let silent = request.prompt.contains(&Prompt::None);
    let wanted_acr = request.claims.essential_acr();
    if wanted_acr.as_ref().is_some_and(Vec::is_empty) {
        return Step::Fail(unmet());
    }
    let Some((signed_in, agreed)) = person else {
        return page_or_fail(silent, Step::Login);
    };
    let fresh = signed_in.auth_time >= progress.started_at;
    let hinted_other = progress
        .hinted_subject
        .as_ref()
        .is_some_and(|subject| *subject != signed_in.subject)
        || !request.claims.may_be_about(&signed_in.subject);
    let too_weak =
        wanted_acr.is_some_and(|wanted| !signed_in.acr.is_some_and(|acr| acr.reaches(&wanted)));
    if hinted_other && fresh {
        return Step::Fail(login_required(
            "somebody else than the request names signed in",
        ));
    }
    if too_weak && fresh {
        return Step::Fail(unmet());
    }
    let asked_again = [Prompt::Login, Prompt::SelectAccount]
        .iter()
        .any(|prompt| request.prompt.contains(prompt));
    // 0 means what prompt=login means (OpenID Connect Core 1.0 section 3.1.2.1), also within one millisecond.
    let too_old = request.max_age.is_some_and(|seconds| {
        seconds == 0 || signed_in.auth_time.plus(Seconds::new(seconds)) < now
    });
    if !fresh && (hinted_other || asked_again) {
        return page_or_fail(silent, Step::Login);
    }
    if !fresh && (too_old || too_weak) {
        return page_or_fail(silent, Step::Reauthenticate);
    }
    let agreed_here = progress.consented_by.as_ref() == Some(&signed_in.user_id);
    let must_ask = request.prompt.contains(&Prompt::Consent);
    let asked = request.consent_scope(&settings.scope);
    // Details are about one thing at one time: that a client is trusted with its scopes says nothing of them.
    let known = (settings.skip_consent || asked.is_subset(&agreed.scope)) && agreed.details;
    if !agreed_here && (must_ask || !known) {
        return page_or_fail(silent, Step::Consent);
    }
    Step::Issue
}

/// The step for a client that nobody vouches for: what the person agreed to counts on this request's own page alone (SECURITY R58).
pub fn unremembered(
    step: Step,
    request: &AuthorizeRequest,
    progress: &Progress,
    person: Option<&UserId>,
) -> Step {
    let agreed_here = progress.consented_by.is_some() && progress.consented_by.as_ref() == person;
    match step {
        Step::Issue if !agreed_here => {
            page_or_fail(request.prompt.contains(&Prompt::None), Step::Consent)
        }
        Step::Login | Step::Reauthenticate | Step::Consent | Step::Issue | Step::Fail(_) => step,
    }
}

fn page_or_fail(silent: bool, page: Step) -> Step {
    match page {
        Step::Login | Step::Reauthenticate if silent => Step::Fail(login_required(
            "nobody is signed in as the request wants; ask without prompt=none",
        )),
        Step::Consent if silent => Step::Fail(Fault::new(
            ErrorCode::ConsentRequired,
            "the person has not agreed to these scopes and details; ask without prompt=none",
        )),
        Step::Login | Step::Reauthenticate | Step::Consent | Step::Issue | Step::Fail(_) => page,
    }
}

fn unmet() -> Fault {
    Fault::new(
        ErrorCode::UnmetAuthenticationRequirements,
        "the person cannot be authenticated by any of the essential `acr` values; discovery lists those there are",
    )
}

fn login_required(description: &str) -> Fault {
    Fault::new(ErrorCode::LoginRequired, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::protocol::claims_request::ClaimsRequest;
    use crate::oauth::protocol::registration::NewClient;

    const START: i64 = 1_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(START + seconds)
    }

    /// A request for `openid email` that began at second 0, asked again at second 5.
    #[expect(clippy::struct_excessive_bools, reason = "a row of a table")]
    struct Case {
        prompt: &'static str,
        max_age: Option<i64>,
        signed_in_at: Option<i64>,
        agreed: &'static str,
        agreed_details: bool,
        consented: bool,
        skip_consent: bool,
        hint_is_other: bool,
        claims: &'static str,
    }

    const ORDINARY: Case = Case {
        prompt: "",
        max_age: None,
        signed_in_at: Some(-100),
        agreed: "openid email",
        agreed_details: true,
        consented: false,
        skip_consent: false,
        hint_is_other: false,
        claims: "{}",
    };

    #[track_caller]
    fn check(case: &Case, expect: &str) {
        let user_id = UserId::new(at(0));
        let settings = NewClient {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            skip_consent: case.skip_consent,
            ..NewClient::default()
        }
        .check()
        .unwrap()
        .settings;
        let request = AuthorizeRequest {
            client_id: "web".to_owned(),
            redirect_uri: "https://app.example/cb".to_owned(),
            redirect_uri_sent: true,
            scope: ScopeSet::parse("openid email").unwrap(),
            prompt: case.prompt.split(' ').filter_map(Prompt::parse).collect(),
            max_age: case.max_age,
            claims: ClaimsRequest::parse(case.claims).unwrap(),
            ..AuthorizeRequest::default()
        };
        let progress = Progress {
            started_at: at(0),
            consented_by: case.consented.then(|| user_id.clone()),
            hinted_subject: case.hint_is_other.then(|| "usr_other".to_owned()),
        };
        let signed_in = case.signed_in_at.map(|seconds| SignedIn {
            subject: user_id.as_str().to_owned(),
            user_id,
            auth_time: at(seconds),
            acr: Some(Acr::OneFactor),
        });
        let agreed = Agreed {
            scope: ScopeSet::parse(case.agreed).unwrap(),
            details: case.agreed_details,
        };
        let person = signed_in.as_ref().map(|signed_in| (signed_in, &agreed));
        let found = match next(&request, &settings, &progress, person, at(5)) {
            Step::Login => "login",
            Step::Reauthenticate => "reauthenticate",
            Step::Consent => "consent",
            Step::Issue => "issue",
            Step::Fail(fault) => fault.code.as_str(),
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn a_known_person_who_agreed_gets_the_code() {
        check(&ORDINARY, "issue");
        check(
            &Case {
                signed_in_at: None,
                ..ORDINARY
            },
            "login",
        );
        check(
            &Case {
                agreed: "openid",
                ..ORDINARY
            },
            "consent",
        );
        check(
            &Case {
                agreed: "",
                skip_consent: true,
                ..ORDINARY
            },
            "issue",
        );
        check(
            &Case {
                agreed: "openid",
                consented: true,
                ..ORDINARY
            },
            "issue",
        );
    }

    #[test]
    fn prompt_none_never_shows_a_page() {
        let silent = Case {
            prompt: "none",
            ..ORDINARY
        };
        check(&silent, "issue");
        check(
            &Case {
                signed_in_at: None,
                ..silent
            },
            "login_required",
        );
        check(
            &Case {
                max_age: Some(10),
                ..silent
            },
            "login_required",
        );
        check(
            &Case {
                agreed: "",
                ..silent
            },
            "consent_required",
        );
        check(
            &Case {
                hint_is_other: true,
                ..silent
            },
            "login_required",
        );
    }

    #[test]
    fn details_are_agreed_to_for_themselves() {
        for (skip_consent, prompt, consented, expect) in [
            (false, "", false, "consent"),
            (true, "", false, "consent"),
            (false, "none", false, "consent_required"),
            (true, "none", false, "consent_required"),
            (true, "", true, "issue"),
        ] {
            check(
                &Case {
                    agreed_details: false,
                    skip_consent,
                    prompt,
                    consented,
                    ..ORDINARY
                },
                expect,
            );
        }
    }

    #[test]
    fn prompts_are_satisfied_by_what_happens_after_the_request_began() {
        for prompt in ["login", "select_account"] {
            check(&Case { prompt, ..ORDINARY }, "login");
            check(
                &Case {
                    prompt,
                    signed_in_at: Some(3),
                    ..ORDINARY
                },
                "issue",
            );
        }
        check(
            &Case {
                prompt: "consent",
                ..ORDINARY
            },
            "consent",
        );
        check(
            &Case {
                prompt: "consent",
                skip_consent: true,
                ..ORDINARY
            },
            "consent",
        );
        check(
            &Case {
                prompt: "consent",
                consented: true,
                ..ORDINARY
            },
            "issue",
        );
        check(
            &Case {
                prompt: "login consent",
                ..ORDINARY
            },
            "login",
        );
        check(
            &Case {
                prompt: "login consent",
                signed_in_at: Some(1),
                ..ORDINARY
            },
            "consent",
        );
    }

    #[test]
    fn max_age_bounds_the_sign_in() {
        for (max_age, expect) in [
            (104, "reauthenticate"),
            (105, "issue"),
            (0, "reauthenticate"),
        ] {
            check(
                &Case {
                    max_age: Some(max_age),
                    ..ORDINARY
                },
                expect,
            );
        }
        // max_age=0 asks once, not for ever.
        check(
            &Case {
                max_age: Some(0),
                signed_in_at: Some(1),
                ..ORDINARY
            },
            "issue",
        );
    }

    #[test]
    fn a_hint_at_somebody_else_asks_and_then_fails() {
        let other = Case {
            hint_is_other: true,
            ..ORDINARY
        };
        check(&other, "login");
        check(
            &Case {
                signed_in_at: Some(1),
                ..other
            },
            "login_required",
        );
    }

    #[test]
    fn max_age_0_asks_for_a_new_sign_in_once() {
        for (signed_in_at, expect) in [
            (-100, "reauthenticate"),
            (-1, "reauthenticate"),
            (3, "issue"),
        ] {
            check(
                &Case {
                    max_age: Some(0),
                    signed_in_at: Some(signed_in_at),
                    ..ORDINARY
                },
                expect,
            );
        }
    }

    #[test]
    fn an_essential_acr_and_a_subject_are_conditions() {
        const OTHER: &str = r#"{"id_token":{"sub":{"value":"usr_other"}}}"#;
        const OUT_OF_REACH: &str = r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#;
        const REACHED: &str =
            r#"{"id_token":{"acr":{"essential":true,"value":"urn:tessera:acr:1fa"}}}"#;
        const A_WISH: &str = r#"{"id_token":{"acr":{"value":"phr"}}}"#;
        for (claims, prompt, signed_in_at, expect) in [
            (OTHER, "", Some(-100), "login"),
            (OTHER, "", Some(3), "login_required"),
            (OTHER, "none", Some(-100), "login_required"),
            (
                OUT_OF_REACH,
                "",
                Some(-100),
                "unmet_authentication_requirements",
            ),
            (
                OUT_OF_REACH,
                "none",
                None,
                "unmet_authentication_requirements",
            ),
            (REACHED, "", Some(-100), "issue"),
            (REACHED, "", None, "login"),
            (A_WISH, "", Some(-100), "issue"),
        ] {
            check(
                &Case {
                    prompt,
                    signed_in_at,
                    claims,
                    ..ORDINARY
                },
                expect,
            );
        }
    }
}
