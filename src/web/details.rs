//! What a client asks for beyond scopes, in words: authorization details (RFC 9396), services by name, and how long access lasts.
//!
//! Everything here is the client's own text, so it is shown as text: escaped, kept apart from what stands around it, and without the
//! characters that turn a line around.

use maud::{Markup, html};
use serde_json::Value;

use super::consent::tick;
use super::parts::lasting;
use crate::oauth::authorization_details::ShownDetail;
use crate::oauth::duration::Duration;
use crate::oauth::protocol::authorization_details::Detail;
use crate::oauth::resource_server::ShownResource;

/// The common lists, as people read them.
const LISTS: [(&str, &str); 4] = [
    ("actions", "Actions"),
    ("locations", "Where"),
    ("datatypes", "Data"),
    ("privileges", "Privileges"),
];

/// Every detail, one after the other.
pub fn details(details: &[ShownDetail]) -> Markup {
    html! {
        @for shown in details {
            section .detail {
                h3 { bdi { (plain(&shown.type_name)) } }
                (common(&shown.detail))
                (own(&shown.detail))
            }
        }
    }
}

/// The members that mean the same in every type (RFC 9396 section 2.2).
fn common(detail: &Detail) -> Markup {
    let lists: Vec<(&str, Vec<&str>)> = LISTS
        .iter()
        .map(|(member, word)| (*word, detail.list(member)))
        .filter(|(_, list)| !list.is_empty())
        .collect();
    html! {
        @if !lists.is_empty() || detail.identifier().is_some() {
            dl {
                @if let Some(identifier) = detail.identifier() {
                    dt { "About" }
                    dd { bdi { (plain(identifier)) } }
                }
                @for (word, list) in lists {
                    dt { (word) }
                    @for one in list { dd { bdi { (plain(one)) } } }
                }
            }
        }
    }
}

/// The members that the type defines.
fn own(detail: &Detail) -> Markup {
    let members: Vec<(&str, &Value)> = detail.own_members().collect();
    html! {
        @if !members.is_empty() {
            table .members {
                @for (name, value) in members {
                    tr {
                        th scope="row" { bdi { (plain(name)) } }
                        td { bdi { (text_of(value)) } }
                    }
                }
            }
        }
    }
}

/// A text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            plain(&value.to_string())
        }
    }
}

/// Without control characters, and without those that reverse the direction of what follows.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c.is_control() || turns(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// The services, by name where they have one.
pub fn resources(resources: &[ShownResource]) -> Markup {
    html! {
        @if !resources.is_empty() {
            h2 { "At these services" }
            ul .scopes {
                @for resource in resources {
                    li {
                        (tick())
                        span {
                            @if let Some(name) = &resource.name { bdi { (name) } " " }
                            code { (resource.identifier) }
                        }
                    }
                }
            }
        }
    }
}

/// How long access lasts (SECURITY R58).
pub fn duration(duration: Duration) -> Markup {
    html! {
        p .small {
            @match duration {
                Duration::Short(length) => { "Access lasts " (lasting(length)) "." }
                Duration::SignIn(length) => { "Access lasts until you sign out, at most " (lasting(length)) "." }
                Duration::Offline(length) => { "Access lasts " (lasting(length)) ", also while you are signed out." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Seconds;
    use crate::oauth::protocol::authorization_details::AuthorizationDetails;

    fn page(json: &str) -> String {
        let list = AuthorizationDetails::parse(json).unwrap();
        let shown: Vec<ShownDetail> = list
            .iter()
            .map(|detail| ShownDetail {
                type_name: "<b>Payment</b>".to_owned(),
                detail: detail.clone(),
            })
            .collect();
        details(&shown).into_string()
    }

    #[test]
    fn every_member_is_shown_and_none_is_markup() {
        let text = page(
            r#"[{"type":"payment","actions":["read","<i>"],"identifier":"acc-1","locations":["https://bank.example/"],
                "privileges":["owner"],"datatypes":["balance"],"amount":{"value":"1.00"},"<u>":"<img src=x>","n":[1,null]}]"#,
        );
        for part in [
            "&lt;b&gt;Payment&lt;/b&gt;",
            "<dt>About</dt><dd><bdi>acc-1</bdi></dd>",
            "<dt>Actions</dt><dd><bdi>read</bdi></dd><dd><bdi>&lt;i&gt;</bdi></dd>",
            "https://bank.example/",
            "owner",
            "balance",
            "{&quot;value&quot;:&quot;1.00&quot;}",
            "<bdi>&lt;u&gt;</bdi></th><td><bdi>&lt;img src=x&gt;</bdi>",
            "[1,null]",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_text_cannot_turn_the_line_around() {
        let text = page("[{\"type\":\"t\",\"to\":\"\\u202e0001\\n\\u2066\"}]");
        assert!(
            text.contains("<bdi>\u{fffd}0001\u{fffd}\u{fffd}</bdi>"),
            "{text}"
        );
    }

    #[test]
    fn how_long_is_said_in_words() {
        let day = Seconds::new(86_400);
        for (length, says) in [
            (
                Duration::Short(Seconds::new(300)),
                "Access lasts 5 minutes.",
            ),
            (Duration::SignIn(day), "until you sign out, at most 1 day."),
            (
                Duration::Offline(day),
                "lasts 1 day, also while you are signed out.",
            ),
        ] {
            let text = duration(length).into_string();
            assert!(text.contains(says), "{text}");
        }
    }
}
