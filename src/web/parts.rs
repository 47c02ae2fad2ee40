//! The parts that pages are made of: labelled fields, alerts, who is signed in.

use maud::{Markup, html};

use crate::base::time::{Seconds, Timestamp};
use crate::identity::user::User;

/// One labelled line of text.
#[derive(Clone, Copy, Debug)]
pub struct TextField<'a> {
    /// The field's name and element id.
    pub name: &'a str,
    /// What stands above it.
    pub label: &'a str,
    /// What stands in it.
    pub value: &'a str,
    /// What browsers may fill in (WHATWG HTML, autofill detail tokens).
    pub autocomplete: &'a str,
    /// Help below the field.
    pub hint: &'a str,
    /// What is wrong with what was sent.
    pub error: Option<&'a str>,
    /// Whether the field is the page's first to fill in.
    pub focus: bool,
}

impl Default for TextField<'_> {
    fn default() -> Self {
        Self {
            name: "",
            label: "",
            value: "",
            autocomplete: "off",
            hint: "",
            error: None,
            focus: false,
        }
    }
}

/// A labelled line of text with its hint and its error, both tied to it for screen readers.
pub fn text_field(field: TextField<'_>) -> Markup {
    line(field, true)
}

/// The same for what may be left empty.
pub fn optional_field(field: TextField<'_>) -> Markup {
    line(field, false)
}

fn line(field: TextField<'_>, required: bool) -> Markup {
    let kind = match field.autocomplete {
        "email" => "email",
        "url" => "url",
        _ => "text",
    };
    html! {
        div .field {
            label for=(field.name) { (field.label) }
            input id=(field.name) name=(field.name) type=(kind) value=(field.value) autocomplete=(field.autocomplete)
                autocapitalize="none" spellcheck="false" required[required] maxlength="1024"
                autofocus[field.focus] aria-invalid=[field.error.map(|_| "true")]
                aria-describedby=[described_by(&field)];
            (note(&field))
        }
    }
}

/// The same for a secret, with a button that shows it where scripts run.
pub fn password_field(field: TextField<'_>) -> Markup {
    html! {
        div .field {
            label for=(field.name) { (field.label) }
            div .secret {
                input id=(field.name) name=(field.name) type="password" autocomplete=(field.autocomplete)
                    required autofocus[field.focus] aria-invalid=[field.error.map(|_| "true")]
                    aria-describedby=[described_by(&field)];
                button .reveal type="button" hidden aria-controls=(field.name)
                    aria-label={ "Show " (field.label.to_lowercase()) } { "Show" }
            }
            (note(&field))
        }
    }
}

/// The id of the note below a field: its error, or else its hint.
fn described_by(field: &TextField<'_>) -> Option<String> {
    let noted = field.error.is_some() || !field.hint.is_empty();
    noted.then(|| format!("{}-note", field.name))
}

fn note(field: &TextField<'_>) -> Markup {
    html! {
        @if let Some(id) = described_by(field) {
            span .hint .bad[field.error.is_some()] id=(id) { (field.error.unwrap_or(field.hint)) }
        }
    }
}

/// The place for what went wrong: always there, so that screen readers announce what comes into it.
pub fn alert(message: Option<&str>) -> Markup {
    html! {
        div .notice .bad role="alert" aria-live="assertive" { @if let Some(message) = message { (message) } }
    }
}

/// Who is signed in.
pub fn person(user: &User) -> Markup {
    let name = user.display_name();
    let detail = user.email.as_deref().unwrap_or(&user.username);
    html! {
        div .who {
            span .avatar aria-hidden="true" { (name.chars().next().unwrap_or('?')) }
            span {
                strong { (name) }
                @if detail != name { span .small { (detail) } }
            }
        }
    }
}

/// How long ago something was, as people say it.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.ms_since(then).div_euclid(60_000) {
        ..=0 => "less than a minute ago".to_owned(),
        1 => "a minute ago".to_owned(),
        minutes @ ..120 => format!("{minutes} minutes ago"),
        minutes @ ..2_880 => format!("{} hours ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1_440),
    }
}

/// The day of an instant, in UTC.
pub fn day(at: Timestamp) -> Markup {
    let text = at.rfc3339();
    let day = text.get(..10).unwrap_or(&text);
    html! { time datetime=(text) { (day) } }
}

/// A length of time, as people say it: in the largest unit that says it wholly.
pub fn lasting(length: Seconds) -> String {
    let seconds = length.get();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let whole = units.iter().find(|(unit, _)| seconds % unit == 0);
    let (count, word) = whole.map_or((seconds, "second"), |(unit, word)| (seconds / unit, *word));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

/// Where one stands in setting up.
pub fn steps(current: u8) -> Markup {
    html! {
        ol .steps aria-label="Steps" {
            @for (number, text) in [(1, "Administrator"), (2, "First application")] {
                li aria-current=[(number == current).then_some("step")] { (number) ". " (text) }
            }
        }
    }
}

/// An error's message as a sentence: ours begin in lower case, end without a period and quote with backticks.
pub fn sentence(error: &impl std::fmt::Display) -> String {
    let mut open = false;
    let mut text = String::new();
    for c in error.to_string().chars() {
        match c {
            '`' => {
                text.push(if open { '”' } else { '“' });
                open = !open;
            }
            c if text.is_empty() => text.extend(c.to_uppercase()),
            c => text.push(c),
        }
    }
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_their_largest_unit() {
        for (seconds, expected) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (60, "1 minute"),
            (5_400, "90 minutes"),
            (3_600, "1 hour"),
            (86_400, "1 day"),
            (30 * 86_400, "30 days"),
        ] {
            assert_eq!(lasting(Seconds::new(seconds)), expected);
        }
    }

    #[test]
    fn how_long_ago_is_told_in_a_unit_people_use() {
        for (seconds, text) in [
            (59, "less than a minute ago"),
            (60, "a minute ago"),
            (7_199, "119 minutes ago"),
            (7_200, "2 hours ago"),
            (172_799, "47 hours ago"),
            (172_800, "2 days ago"),
        ] {
            let then = Timestamp::from_seconds(0);
            assert_eq!(ago(then, Timestamp::from_seconds(seconds)), text);
        }
    }

    #[test]
    fn messages_become_sentences() {
        for (message, expected) in [
            ("the name is taken", "The name is taken."),
            ("`a b` is wrong; use `.`", "“a b” is wrong; use “.”."),
            ("done.", "Done."),
        ] {
            assert_eq!(sentence(&message), expected);
        }
    }
}
