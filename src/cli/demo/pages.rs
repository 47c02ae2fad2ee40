//! The sample application's pages. They are the application's, not Tessera's, and look so.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::relying_party::SignedIn;
use super::resource::Document;

const STYLE: &str = "
:root { color-scheme: light dark; --line: light-dark(#ddd3c4, #4a4238); --card: light-dark(#fffdf8, #26211b); }
body { font: 1rem/1.6 Georgia, serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem;
       background: light-dark(#f6f1e7, #1b1713); color: light-dark(#2c2620, #ece4d8); }
h1 { font-weight: 400; font-size: 2rem; } h2 { font-weight: 400; margin-top: 2rem; }
a.button { display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #7a3b1d; color: #fff; text-decoration: none; }
table { border-collapse: collapse; width: 100%; background: var(--card); }
td, th { border: 1px solid var(--line); padding: .4rem .7rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1.1rem; margin: .8rem 0; }
code { font-size: .88em; } .yes { color: light-dark(#1d6b2f, #79d08c); } .no { color: light-dark(#a02222, #f09a9a); }
";

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    }
}

/// Nobody is signed in.
pub fn welcome() -> Markup {
    page(
        "Paper & Quill",
        &html! {
            h1 { "Paper & Quill" }
            p { "A sample application. It knows nobody until Tessera says who you are." }
            p { a.button href="/login" { "Login with Tessera" } }
        },
    )
}

/// Somebody is signed in: the claims, and the documents with the check behind each.
pub fn signed_in(visitor: &SignedIn, documents: &[Document]) -> Markup {
    page(
        "Paper & Quill",
        &html! {
            h1 { "Paper & Quill" }
            p { "You are signed in. " a href="/logout" { "Sign out" } }
            h2 { "Your documents" }
            @for document in documents {
                div.card {
                    strong { (document.name) } " "
                    @if document.allowed { span.yes { "allowed" } } @else { span.no { "denied" } }
                    br;
                    code { "check(" (document.check) ") = " (document.allowed) }
                }
            }
            h2 { "The verified ID token" }
            table {
                @for (name, value) in &visitor.claims {
                    tr { th scope="row" { (name) } td { code { (value) } } }
                }
            }
        },
    )
}

/// Something went wrong.
pub fn failed(reason: &str) -> Markup {
    page(
        "Paper & Quill",
        &html! {
            h1 { "That did not work" }
            p { (reason) }
            p { a href="/" { "Start again" } }
        },
    )
}
