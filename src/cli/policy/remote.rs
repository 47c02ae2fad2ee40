//! A store of a running server, asked through its OpenFGA API.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Exit, Failure, misused, refused};
use crate::policy::engine::expand::{Branch, Expanded};
use crate::policy::engine::list::UsersFilter;
use crate::policy::engine::relationship::{Context, Relationship};
use crate::policy::engine::tuple::Tuple;
use crate::policy::tuple_file::TupleKey;

/// How long one answer may take.
const TIMEOUT_SECONDS: u64 = 60;
/// How long a whole store may take to come or go: a day.
const LONG: Duration = Duration::from_hours(24);
/// Entries of a page.
const PAGE: u32 = 100;

/// A store of a server.
pub(super) struct Remote {
    client: reqwest::Client,
    store: String,
    token: Option<String>,
}

impl Remote {
    /// The store of that id.
    pub(super) fn new(server: &str, id: &str, token: Option<&str>) -> Result<Self, Failure> {
        let url = url::Url::parse(server).ok();
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(misused(format!(
                "server `{server}` is not a URL such as `http://127.0.0.1:8080`"
            )));
        }
        if !crate::base::id::is_ulid(id) {
            return Err(misused(format!(
                "store `{id}` is not an id: 26 upper-case letters and digits"
            )));
        }
        // Fails when a provider is installed already, which is as good.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(TIMEOUT_SECONDS))
            .build()
            .map_err(refused)?;
        Ok(Self {
            client,
            store: format!("{}/stores/{id}", server.trim_end_matches('/')),
            token: token.map(ToOwned::to_owned),
        })
    }

    /// Whether the user has the relation.
    pub(super) async fn check(
        &self,
        user: &str,
        (relation, object): (&str, &str),
        context: &Context,
    ) -> Result<bool, Failure> {
        let key = json!({"user": user, "relation": relation, "object": object});
        let body = json!({"tuple_key": key, "context": context});
        let answer = self.post("check", &body).await?;
        let allowed = answer.get("allowed").and_then(Value::as_bool);
        allowed.ok_or_else(|| self.strange("check"))
    }

    /// Why the user has the relation or not, as JSON.
    pub(super) async fn explain(
        &self,
        user: &str,
        (relation, object): (&str, &str),
        context: &Context,
    ) -> Result<Value, Failure> {
        let key = json!({"user": user, "relation": relation, "object": object});
        let body = json!({"tuple_key": key, "context": context, "explain": true});
        let mut answer = self.post("check", &body).await?;
        let explanation = answer.get_mut("explanation").map(Value::take);
        explanation.ok_or_else(|| self.strange("check"))
    }

    /// The questions whose answers a change of tuples would change, with the answers after it.
    pub(super) async fn what_if(
        &self,
        (writes, deletes): (&[Relationship], &[Tuple]),
        questions: &[Tuple],
        context: &Context,
    ) -> Result<Vec<(Tuple, bool)>, Failure> {
        let key = |tuple: &Tuple| json!(TupleKey::from(&Relationship::from(tuple.clone())));
        let writes: Vec<TupleKey> = writes.iter().map(TupleKey::from).collect();
        let deletes: Vec<Value> = deletes.iter().map(key).collect();
        let checks: Vec<Value> = questions
            .iter()
            .map(|tuple| json!({"tuple_key": key(tuple), "context": context}))
            .collect();
        let body = json!({
            "writes": {"tuple_keys": writes},
            "deletes": {"tuple_keys": deletes},
            "checks": checks,
        });
        let answer = self.post("what-if", &body).await?;
        let read = |change: &Value| {
            let part = |name: &str| change.get("tuple_key")?.get(name)?.as_str();
            let tuple = Tuple::parse(part("object")?, part("relation")?, part("user")?).ok()?;
            Some((tuple, change.get("after")?.as_bool()?))
        };
        let changes = answer.get("changes").and_then(Value::as_array);
        changes
            .and_then(|changes| changes.iter().map(read).collect())
            .ok_or_else(|| self.strange("what-if"))
    }

    /// Every object of a type that the user has the relation to.
    pub(super) async fn list_objects(
        &self,
        user: &str,
        (relation, type_name): (&str, &str),
        context: &Context,
    ) -> Result<Vec<String>, Failure> {
        let body =
            json!({"user": user, "relation": relation, "type": type_name, "context": context});
        let found = self.pages("list-objects", body, "objects").await?;
        let texts = found.iter().map(|object| object.as_str());
        let texts: Option<Vec<&str>> = texts.collect();
        let texts = texts.ok_or_else(|| self.strange("list-objects"))?;
        Ok(texts.into_iter().map(ToOwned::to_owned).collect())
    }

    /// Every user of one form that has the relation.
    pub(super) async fn list_users(
        &self,
        (type_name, id): (&str, &str),
        relation: &str,
        filter: UsersFilter<'_>,
        context: &Context,
    ) -> Result<Vec<String>, Failure> {
        let mut shown = json!({"type": filter.type_name});
        if let (Some(shown), Some(relation)) = (shown.as_object_mut(), filter.relation) {
            shown.insert("relation".to_owned(), relation.into());
        }
        let object = json!({"type": type_name, "id": id});
        let body = json!({"object": object, "relation": relation, "user_filters": [shown], "context": context});
        let found = self.pages("list-users", body, "users").await?;
        found
            .iter()
            .map(|user| user_text(user).ok_or_else(|| self.strange("list-users")))
            .collect()
    }

    /// The relation of the object as a tree.
    pub(super) async fn expand(&self, relation: &str, object: &str) -> Result<Expanded, Failure> {
        let body = json!({"tuple_key": {"relation": relation, "object": object}});
        let answer = self.post("expand", &body).await?;
        let root = answer.pointer("/tree/root");
        root.and_then(expanded)
            .ok_or_else(|| self.strange("expand"))
    }

    /// Sends a stream of tuples; the answer comes while it is being sent.
    pub(super) async fn import(
        &self,
        query: &str,
        media_type: &str,
        body: reqwest::Body,
    ) -> Result<reqwest::Response, Failure> {
        let request = self.client.post(self.url(&format!("import?{query}")));
        let request = request.header("Content-Type", media_type).body(body);
        self.send("import", request.timeout(LONG)).await
    }

    /// All tuples of the store.
    pub(super) async fn export(&self, format: &str) -> Result<reqwest::Response, Failure> {
        let url = self.url(&format!("export?format={format}"));
        let request = self.client.get(url);
        self.send("export", request.timeout(LONG)).await
    }

    async fn pages(&self, path: &str, body: Value, key: &str) -> Result<Vec<Value>, Failure> {
        let (mut found, mut body) = (Vec::new(), body);
        let mut token = String::new();
        loop {
            if let Some(body) = body.as_object_mut() {
                body.insert("page_size".to_owned(), PAGE.into());
                body.insert("continuation_token".to_owned(), token.into());
            }
            let answer = self.post(path, &body).await?;
            let page = answer.get(key).and_then(Value::as_array);
            found.extend_from_slice(page.ok_or_else(|| self.strange(path))?);
            token = token_of(&answer);
            if token.is_empty() {
                return Ok(found);
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.store)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.client.post(self.url(path)).json(body);
        let text = self.send(path, request).await?.text().await;
        let text = text.map_err(|error| self.unreachable(path, &error))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The answer, if it is a good one.
    async fn send(
        &self,
        path: &str,
        mut request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await;
        let response = response.map_err(|error| self.unreachable(path, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await;
        let text = text.map_err(|error| self.unreachable(path, &error))?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let word = |key| answer.get(key).and_then(Value::as_str);
        let reason = match (word("code"), word("message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => "no OpenFGA API there; correct `--server`".to_owned(),
        };
        let advice = match (status.as_u16(), &self.token) {
            (401, None) => "; give `--token TOKEN` or set TESSERA_TOKEN",
            _ => "",
        };
        let (url, status) = (self.url(path), status.as_u16());
        Err(refused(format!(
            "{url} answered {status}: {reason}{advice}"
        )))
    }

    /// What is said when the connection fails.
    pub(super) fn unreachable(&self, path: &str, error: &reqwest::Error) -> Failure {
        let url = self.url(path);
        refused(format!("cannot reach {url}: {}", innermost(error)))
    }

    /// What is said of an answer that makes no sense.
    pub(super) fn strange(&self, path: &str) -> Failure {
        let url = &self.store;
        Failure::new(
            Exit::Other,
            format!("{url}/{path} did not answer as an OpenFGA API does; correct `--server`"),
        )
    }
}

fn token_of(answer: &Value) -> String {
    let token = answer.get("continuation_token").and_then(Value::as_str);
    token.unwrap_or_default().to_owned()
}

/// The cause that says something: reqwest's own text only names the URL.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn user_text(user: &Value) -> Option<String> {
    let word = |pointer| user.pointer(pointer).and_then(Value::as_str);
    if let Some(type_name) = word("/wildcard/type") {
        return Some(format!("{type_name}:*"));
    }
    if let Some(id) = word("/object/id") {
        return Some(format!("{}:{id}", word("/object/type")?));
    }
    let (type_name, id) = (word("/userset/type")?, word("/userset/id")?);
    Some(format!("{type_name}:{id}#{}", word("/userset/relation")?))
}

/// A node of an expansion from its JSON.
fn expanded(node: &Value) -> Option<Expanded> {
    let name = node.get("name")?.as_str()?.to_owned();
    let nodes = |pointer| -> Option<Vec<Expanded>> {
        let nodes = node.pointer(pointer)?.as_array()?;
        nodes.iter().map(expanded).collect()
    };
    let userset = |value: &Value| Some(value.get("userset")?.as_str()?.to_owned());
    let value = if let Some(nodes) = nodes("/union/nodes") {
        Branch::Union(nodes)
    } else if let Some(nodes) = nodes("/intersection/nodes") {
        Branch::Intersection(nodes)
    } else if let Some(sides) = node.get("difference") {
        let side = |key| expanded(sides.get(key)?);
        Branch::Difference(Box::new((side("base")?, side("subtract")?)))
    } else if let Some(computed) = node.pointer("/leaf/computed") {
        Branch::Computed(userset(computed)?)
    } else if let Some(through) = node.pointer("/leaf/tupleToUserset") {
        let computed = through.get("computed")?.as_array()?;
        Branch::TupleToUserset {
            tupleset: through.get("tupleset")?.as_str()?.to_owned(),
            computed: computed.iter().map(userset).collect::<Option<_>>()?,
        }
    } else {
        let users = node.pointer("/leaf/users/users")?.as_array()?;
        let users = users.iter().map(|user| Some(user.as_str()?.to_owned()));
        Branch::Users(users.collect::<Option<_>>()?)
    };
    Some(Expanded { name, value })
}
