//! A browser without scripts: keeps cookies, fills forms in, follows redirects until one leaves the server.

use std::collections::BTreeMap;
use std::error::Error;

use openidconnect::reqwest::blocking::{Client, RequestBuilder};
use openidconnect::reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use openidconnect::reqwest::redirect::Policy;
use url::Url;

/// A client that follows nothing: what `openidconnect` demands, against server-side request forgery.
pub fn http() -> Result<Client, Box<dyn Error>> {
    Ok(Client::builder().redirect(Policy::none()).build()?)
}

pub struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            http: http()?,
            cookies: BTreeMap::new(),
        })
    }

    /// Opens a URL, answers every form on the way, and returns the first URL of another site, or that of the last page.
    pub fn walk(&mut self, start: &Url) -> Result<Url, Box<dyn Error>> {
        let mut url = start.clone();
        let mut request = self.http.get(url.clone());
        for _ in 0..12 {
            let (status, location, text) = self.send(request)?;
            if let Some(location) = location {
                url = url.join(&location)?;
                if url.origin() != start.origin() {
                    return Ok(url);
                }
                request = self.http.get(url.clone());
                continue;
            }
            let Some(form) = between(&text, "<form", "</form>").filter(|_| status == 200) else {
                return Ok(url);
            };
            url = url.join(&attribute(form, "action").ok_or("a form without an action")?)?;
            request = self.http.post(url.clone()).form(&fields(form));
        }
        Err("no end after 12 steps".into())
    }

    /// The status, where it leads, and the page.
    fn send(
        &mut self,
        request: RequestBuilder,
    ) -> Result<(u16, Option<String>, String), Box<dyn Error>> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = request
            .header(ACCEPT, "text/html")
            .header(COOKIE, cookies.join("; "))
            .send()?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = answer
            .headers()
            .get(LOCATION)
            .map(|value| value.to_str().map(str::to_owned));
        Ok((
            answer.status().as_u16(),
            location.transpose()?,
            answer.text()?,
        ))
    }
}

/// What the person types, or what the page had hidden there.
fn fields(form: &str) -> Vec<(String, String)> {
    let typed = |name: &str| match name {
        "identifier" => Some(super::var("TESSERA_USERNAME", "alice")),
        "password" => Some(super::var(
            "TESSERA_PASSWORD",
            "correct horse battery staple",
        )),
        "decision" => Some("allow".to_owned()),
        _ => None,
    };
    let mut fields: Vec<(String, String)> = Vec::new();
    for tag in form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let Some(name) = attribute(tag, "name") else {
            continue;
        };
        let hidden = attribute(tag, "type").as_deref() == Some("hidden");
        let value =
            typed(&name).or_else(|| hidden.then(|| attribute(tag, "value").unwrap_or_default()));
        if let Some(value) = value
            && !fields.iter().any(|(known, _)| *known == name)
        {
            fields.push((name, value));
        }
    }
    fields
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let value = between(tag, &format!(" {name}=\""), "\"")?;
    Some(value.replace("&amp;", "&"))
}
