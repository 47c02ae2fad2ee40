//! `POST /access/v1/search/subject`, `resource` and `action` (Authorization API 1.0 section 8), in pages.
//!
//! A type, relation or id that nobody knows is no fault: nothing is found. In a subject search the id `*` stands for everybody
//! of the type. A search that cannot be decided finds nothing, and `context.error` says why.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::entity::{Item, decoded, fields, present};
use super::token::{Who, resolve};
use super::{ApiError, InPath, Session};
use crate::app::App;
use crate::policy::engine::check::CheckError;
use crate::policy::engine::list::{ObjectsQuestion, UsersFilter, UsersQuestion};
use crate::policy::engine::relationship::Context;
use crate::policy::engine::tuple::{Object, Subject};
use crate::policy::{LIST_ENTRIES, ListPage, ListQuery, PolicyError};

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Subject,
    Resource,
    Action,
}

/// A page that was asked for.
struct Page {
    token: String,
    limit: usize,
}

pub(super) async fn subject(
    app: State<Arc<App>>,
    store: InPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let session = Session::open(app, &headers, store, &body).await?;
    session.search(Kind::Subject).await
}

pub(super) async fn resource(
    app: State<Arc<App>>,
    store: InPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let session = Session::open(app, &headers, store, &body).await?;
    session.search(Kind::Resource).await
}

pub(super) async fn action(
    app: State<Arc<App>>,
    store: InPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let session = Session::open(app, &headers, store, &body).await?;
    session.search(Kind::Action).await
}

impl Session {
    async fn search(&self, kind: Kind) -> Result<Response, ApiError> {
        let page = Page::read(&self.request)?;
        let asked = kind.with_stand_in(&self.request);
        let mut item = Item::read(&asked, &Map::new()).map_err(|e| ApiError::invalid(&e))?;
        match resolve(&self.app, &item.subject, self.now).await {
            Ok(Who::Given) => {}
            // A subject that is searched for is a type, and never a token.
            Ok(_) if kind == Kind::Subject => {}
            Ok(Who::Bearer(subject)) => item.subject = subject,
            Ok(Who::Nobody) => {
                let reason = "the access token is malformed, expired, revoked or for somebody else";
                return Ok(self.found(&ListPage::default(), Some(json!({"reason": reason}))));
            }
            Err(error) => return Err(ApiError::internal(&error)),
        }
        let found = match kind {
            Kind::Subject => self.subjects(&item, &page),
            Kind::Resource => self.resources(&item, &page),
            Kind::Action => self.actions(&item, &page).await,
        };
        match found {
            Ok(found) => Ok(self.found(&found, None)),
            Err(error) if finds_nothing(&error) => Ok(self.found(&ListPage::default(), None)),
            // A search that was given up has found nothing yet, which is not the same as nothing.
            Err(error @ PolicyError::Check(CheckError::OutOfTime)) => Err(error.into()),
            Err(PolicyError::Check(error)) => {
                let shown = json!({"error": {"status": 400, "message": error.to_string()}});
                Ok(self.found(&ListPage::default(), Some(shown)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn found(&self, found: &ListPage<Value>, context: Option<Value>) -> Response {
        let mut shown = json!({
            "page": {"next_token": found.token, "count": found.entries.len()},
            "results": found.entries,
        });
        if let (Some(context), Some(fields)) = (context, shown.as_object_mut()) {
            fields.insert("context".to_owned(), context);
        }
        self.answer(shown)
    }

    fn subjects(&self, item: &Item, page: &Page) -> Result<ListPage<Value>, PolicyError> {
        let asked = item.tuple()?;
        let context = item.context();
        let question = UsersQuestion {
            object: &asked.object,
            relation: &asked.relation,
            filter: UsersFilter {
                type_name: &item.subject.type_name,
                relation: None,
            },
            circumstances: self.view.circumstances(&context),
        };
        let bound = bound(&context);
        let policy = &self.app.policy;
        let found = policy.list_users(&self.view, question, page.query(&bound))?;
        Ok(shown(found, |subject| match subject {
            Subject::Object(object) => Some(entity(object)),
            Subject::Wildcard(type_name) => Some(json!({"type": type_name, "id": "*"})),
            // Not asked for.
            Subject::Userset(..) => None,
        }))
    }

    fn resources(&self, item: &Item, page: &Page) -> Result<ListPage<Value>, PolicyError> {
        let asked = item.tuple()?;
        let context = item.context();
        let question = ObjectsQuestion {
            type_name: asked.object.type_name(),
            relation: &asked.relation,
            subject: &asked.subject,
            circumstances: self.view.circumstances(&context),
        };
        let bound = bound(&context);
        let policy = &self.app.policy;
        let found = policy.list_objects(&self.view, question, page.query(&bound))?;
        Ok(shown(found, |object| Some(entity(object))))
    }

    /// The actions one by one: what cannot be decided is not permitted.
    async fn actions(&self, item: &Item, page: &Page) -> Result<ListPage<Value>, PolicyError> {
        let asked = item.tuple()?;
        let tokens = self.app.policy.tokens();
        let (object, subject) = (asked.object.to_string(), asked.subject.to_string());
        let store = self.view.revision().store;
        let depends_on = bound(&item.context());
        let list = ["actions", &store, &object, &subject, &depends_on];
        let after = match page.token.as_str() {
            "" => None,
            token => tokens.read_page(&list, token)?.into_iter().next(),
        };
        let mut found = ListPage::default();
        let mut shown = after.clone().unwrap_or_default();
        for name in self.view.actions_of(asked.object.type_name()) {
            if after.as_deref().is_some_and(|after| name.as_str() <= after) {
                continue;
            }
            let mut one = item.clone();
            one.action.name.clone_from(&name);
            let is_permitted = match self.check(&one) {
                Ok(is_permitted) => is_permitted,
                // Past a bound the rest of the list is not known.
                Err(error) if is_past_a_bound(&error) => return Err(error),
                Err(_) => false,
            };
            if !is_permitted {
                continue;
            }
            if found.entries.len() == page.limit {
                found.token = tokens.page(&list, &[&shown]);
                break;
            }
            found.entries.push(json!({"name": name}));
            shown = name;
            tokio::task::yield_now().await;
        }
        Ok(found)
    }
}

impl Kind {
    /// The request with a stand-in for what it asks for, so that it reads like a question.
    fn with_stand_in(self, request: &Map<String, Value>) -> Map<String, Value> {
        let mut request = request.clone();
        let (entity, field) = match self {
            Self::Subject => ("subject", "id"),
            Self::Resource => ("resource", "id"),
            Self::Action => {
                request.insert("action".to_owned(), json!({"name": "any"}));
                return request;
            }
        };
        if let Some(Value::Object(fields)) = request.get_mut(entity) {
            fields.insert(field.to_owned(), "any".into());
        }
        request
    }
}

impl Page {
    fn read(request: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut page = Self {
            token: String::new(),
            limit: LIST_ENTRIES,
        };
        let Some(given) = present(request, "page") else {
            return Ok(page);
        };
        let given = fields("page", given).map_err(|error| ApiError::invalid(&error))?;
        match present(given, "token") {
            None => {}
            Some(Value::String(token)) => page.token.clone_from(token),
            Some(_) => return Err(ApiError::invalid("`page.token` must be a string")),
        }
        if let Some(limit) = present(given, "limit") {
            let limit = limit.as_u64().ok_or_else(|| {
                ApiError::invalid("`page.limit` must be a whole number of 0 or more")
            })?;
            page.limit = usize::try_from(limit).map_or(LIST_ENTRIES, |n| n.min(LIST_ENTRIES));
        }
        Ok(page)
    }

    fn query<'a>(&'a self, bound: &'a str) -> ListQuery<'a> {
        ListQuery {
            contextual: &[],
            bound,
            size: self.limit,
            token: &self.token,
        }
    }
}

/// What a page's token depends on beside the question.
fn bound(context: &Context) -> String {
    json!(["authzen", context]).to_string()
}

/// Whether a question was given up.
const fn is_past_a_bound(error: &PolicyError) -> bool {
    matches!(
        error,
        PolicyError::Check(CheckError::OutOfTime | CheckError::TooDeep | CheckError::Exhausted)
    )
}

/// Whether a search asks for what the model does not have.
fn finds_nothing(error: &PolicyError) -> bool {
    matches!(
        error,
        PolicyError::Tuple(_)
            | PolicyError::UnknownSubject(_)
            | PolicyError::Check(CheckError::UnknownType(_) | CheckError::UnknownRelation { .. })
    )
}

fn entity(object: &Object) -> Value {
    json!({"type": object.type_name(), "id": decoded(object.id())})
}

fn shown<T>(page: ListPage<T>, show: impl Fn(&T) -> Option<Value>) -> ListPage<Value> {
    ListPage {
        entries: page.entries.iter().filter_map(show).collect(),
        token: page.token,
    }
}
