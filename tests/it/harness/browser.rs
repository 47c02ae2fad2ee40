//! A browser without scripts: it keeps cookies, sends forms as pages give them, and follows no redirect by itself.

use std::collections::BTreeMap;

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use super::server::{TestApp, client};

/// One browser.
pub struct Browser {
    client: reqwest::Client,
    url: String,
    pub cookies: BTreeMap<String, String>,
}

/// A page as received.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        Self::at(&app.url)
    }

    /// A browser for the pages of one origin.
    pub fn at(url: &str) -> Self {
        Self {
            client: client(),
            url: url.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(self.absolute(path));
        self.send(request).await
    }

    /// Sends a form with exactly these fields.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, fields, &[]).await
    }

    pub async fn post_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = self.client.post(self.absolute(path)).form(fields);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Fills the first form of `page` in and sends it: its hidden fields and `fields`.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let action = page.attribute("<form", "action").expect("a form");
        let hidden = page.hidden_fields();
        let mut all: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        all.extend_from_slice(fields);
        self.post(&action, &all).await
    }

    /// Signs in without an application.
    pub async fn sign_in(&mut self, identifier: &str, password: &str) -> Page {
        let page = self.get("/login").await;
        self.submit(&page, &[("identifier", identifier), ("password", password)])
            .await
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.url)
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.header("accept", "text/html");
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let response = request.send().await.unwrap();
        for header in response.headers().get_all(SET_COOKIE) {
            let text = header.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }
}

impl Page {
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The hidden fields of the page's forms.
    pub fn hidden_fields(&self) -> Vec<(String, String)> {
        self.text
            .split("<input")
            .skip(1)
            .filter(|tag| tag.contains("type=\"hidden\""))
            .map(|tag| (value_of(tag, "name"), value_of(tag, "value")))
            .map(|(name, value)| (name.unwrap(), value.unwrap_or_default()))
            .collect()
    }

    /// The page with nothing but the first form that holds this text.
    pub fn form(&self, text: &str) -> Self {
        let forms = self.text.split("<form").skip(1);
        let form = forms
            .filter_map(|form| form.split("</form>").next())
            .find(|form| form.contains(text))
            .unwrap_or_else(|| panic!("no form with {text}: {}", self.text));
        Self {
            status: self.status,
            headers: self.headers.clone(),
            text: format!("<form{form}</form>"),
        }
    }

    pub fn attribute(&self, tag: &str, name: &str) -> Option<String> {
        value_of(self.text.split(tag).nth(1)?, name)
    }
}

fn value_of(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
    Some(rest.split('"').next()?.replace("&amp;", "&"))
}
