//! The parts that pages are made of: labelled fields, alerts, who is signed in.

use maud::{Markup, html};

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
    let kind = match field.autocomplete {
        "email" => "email",
        "url" => "url",
        _ => "text",
    };
    html! {
        div .field {
            label for=(field.name) { (field.label) }
            input id=(field.name) name=(field.name) type=(kind) value=(field.value) autocomplete=(field.autocomplete)
                autocapitalize="none" spellcheck="false" required maxlength="1024"
                autofocus[field.focus] aria-invalid=[field.error.map(|_| "true")]
                aria-describedby=[described_by(&field)];
            (notes(&field))
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
                button .reveal type="button" hidden aria-pressed="false" aria-controls=(field.name)
                    aria-label={ "Show " (field.label.to_lowercase()) } { "Show" }
            }
            (notes(&field))
        }
    }
}

fn described_by(field: &TextField<'_>) -> Option<String> {
    let mut ids = Vec::new();
    if !field.hint.is_empty() {
        ids.push(format!("{}-hint", field.name));
    }
    if field.error.is_some() {
        ids.push(format!("{}-error", field.name));
    }
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn notes(field: &TextField<'_>) -> Markup {
    html! {
        @if !field.hint.is_empty() {
            span .hint id={ (field.name) "-hint" } { (field.hint) }
        }
        @if let Some(error) = field.error {
            span .hint .bad id={ (field.name) "-error" } { (error) }
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

/// An error's message as a sentence: ours begin in lower case and end without a period.
pub fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = if text.ends_with('.') { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}
