//! Lists of objects and of subjects in pages, and a relation as a tree, over one view of a store.
//!
//! A page's token holds the last entry and a digest of everything that was asked, so it goes on with the same question
//! only. The pages of one list may come from different revisions: an entry that stays in the list is seen once.

use super::engine::actions::actions_of;
use super::engine::admit::known;
use super::engine::check::CheckError;
use super::engine::expand::{Expanded, expand};
use super::engine::list::{
    Listed, ObjectsQuestion, UsersQuestion, Window, list_objects, list_users,
};
use super::engine::model::Model;
use super::engine::relationship::Relationship;
use super::engine::tuple::{Object, Subject};
use super::error::PolicyError;
use super::service::{Policy, View};
use super::token::TokenError;
use crate::base::encoding::base64url;
use crate::base::secret::sha256;

/// Most entries that one answer holds, as in OpenFGA.
pub const LIST_ENTRIES: usize = 1_000;

/// What a list depends on beside its question, and which page of it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// Tuples that exist for this request only.
    pub contextual: &'a [Relationship],
    /// Whatever else the caller's answer depends on; it is part of what a token goes on with.
    pub bound: &'a str,
    /// Entries of a page.
    pub size: usize,
    /// Where to go on; empty: at the beginning.
    pub token: &'a str,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListPage<T> {
    /// The entries, sorted by their text.
    pub entries: Vec<T>,
    /// Where to go on; empty at the end.
    pub token: String,
}

impl Policy {
    /// The objects of a type that a subject has a relation to.
    pub fn list_objects(
        &self,
        view: &View,
        question: ObjectsQuestion<'_>,
        query: ListQuery<'_>,
    ) -> Result<ListPage<Object>, PolicyError> {
        view.admit_all(query.contextual)?;
        let asked = [
            question.type_name,
            question.relation,
            &question.subject.to_string(),
        ];
        let list = Name::new("objects", view, &asked, query);
        let listed = |window: Window<'_>| {
            let model = view.program().model();
            known_relation(model, question.type_name, question.relation)?;
            known(model, question.subject)
                .map_err(|reason| PolicyError::UnknownSubject(Box::new(reason)))?;
            let graph = view.graph();
            Ok(list_objects(
                view.program(),
                graph,
                query.contextual,
                question,
                window,
            )?)
        };
        self.page_of_list(&list, query, listed, |object| object.id().to_owned())
    }

    /// The subjects of one form that have a relation to an object.
    pub fn list_users(
        &self,
        view: &View,
        question: UsersQuestion<'_>,
        query: ListQuery<'_>,
    ) -> Result<ListPage<Subject>, PolicyError> {
        view.admit_all(query.contextual)?;
        let asked = [
            &question.object.to_string(),
            question.relation,
            question.filter.type_name,
            question.filter.relation.unwrap_or_default(),
        ];
        let list = Name::new("users", view, &asked, query);
        let listed = |window: Window<'_>| {
            let graph = view.graph();
            Ok(list_users(
                view.program(),
                graph,
                query.contextual,
                question,
                window,
            )?)
        };
        self.page_of_list(&list, query, listed, ToString::to_string)
    }

    fn page_of_list<T>(
        &self,
        name: &Name<'_>,
        query: ListQuery<'_>,
        list: impl FnOnce(Window<'_>) -> Result<Listed<T>, PolicyError>,
        text: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, PolicyError> {
        let name = [name.kind, name.store_id, &name.digest];
        let after = self.place(&name, query.token)?;
        if !query.token.is_empty() && after.is_none() {
            return Err(TokenError::Page.into());
        }
        let listed = list(Window {
            after: after.as_deref(),
            limit: query.size,
        })?;
        // An empty page, which a caller may ask for, ends where it began; every entry's text is after the empty one.
        let end = listed.entries.last().map(text).or(after);
        let token = if listed.has_more {
            let end = end.unwrap_or_default();
            self.tokens().page(&name, &[&end])
        } else {
            String::new()
        };
        Ok(ListPage {
            entries: listed.entries,
            token,
        })
    }
}

impl View {
    /// The relations of a type that are actions, sorted; none for a type that the model does not have.
    pub fn actions_of(&self, type_name: &str) -> Vec<String> {
        let actions = actions_of(self.program().model(), type_name);
        actions.into_iter().map(str::to_owned).collect()
    }

    /// A relation of an object as a tree. Contextual tuples are held against the model as strictly as written ones.
    pub fn expand(
        &self,
        object: &Object,
        relation: &str,
        contextual: &[Relationship],
    ) -> Result<Expanded, PolicyError> {
        self.admit_all(contextual)?;
        let graph = self.graph().with(contextual)?;
        let asked = (object, relation);
        Ok(expand(self.program(), &graph, asked, self.now())?)
    }
}

/// The target is looked at before the subject, so that an error says which of them is unknown.
fn known_relation(model: &Model, type_name: &str, relation: &str) -> Result<(), CheckError> {
    let definition = model
        .find_type(type_name)
        .ok_or_else(|| CheckError::UnknownType(type_name.to_owned()))?;
    if definition.relations.contains_key(relation) {
        return Ok(());
    }
    Err(CheckError::UnknownRelation {
        type_name: type_name.to_owned(),
        relation: relation.to_owned(),
    })
}

/// What a list is called in its tokens.
struct Name<'a> {
    kind: &'static str,
    store_id: &'a str,
    digest: String,
}

impl<'a> Name<'a> {
    fn new(kind: &'static str, view: &'a View, asked: &[&str], query: ListQuery<'_>) -> Self {
        let contextual: Vec<String> = query
            .contextual
            .iter()
            .map(|one| format!("{} {:?}", one.tuple, one.limits))
            .collect();
        let all = serde_json::to_vec(&(asked, contextual, query.bound)).unwrap_or_default();
        Self {
            kind,
            store_id: view.store_id(),
            digest: base64url(sha256(&all).as_ref()),
        }
    }
}
