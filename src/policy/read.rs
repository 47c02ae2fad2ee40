//! Reading tuples and the change log, page by page, from the database.

use super::change::{Change, from_log};
use super::engine::relationship::Relationship;
use super::error::PolicyError;
use super::models::page_of;
use super::replica::relationship_of;
use super::service::Policy;
use super::token::TokenError;
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{TupleFilter, TupleParts};
use crate::store::{policy_changes, policy_tuples};

/// Entries of the change log that one statement reads.
const LOG_ENTRIES: u32 = 100;

/// Which tuples to read. Empty texts are absent, as in the HTTP API.
#[derive(Clone, Copy, Debug, Default)]
pub struct TupleQuery<'a> {
    /// The object's type; empty only when everything is.
    pub object_type: &'a str,
    /// The object's id.
    pub object_id: &'a str,
    /// The relation.
    pub relation: &'a str,
    /// The subject; needed when there is no object id.
    pub subject: &'a str,
}

/// A page of tuples with the times they were written, and the token of the next page (empty at the end).
#[derive(Clone, Debug)]
pub struct TuplePage {
    /// The tuples.
    pub tuples: Vec<(Relationship, Timestamp)>,
    /// Where to go on.
    pub token: String,
}

/// A page of tuple changes, and the token to go on with: the same one when there is nothing new.
#[derive(Clone, Debug)]
pub struct ChangePage {
    /// The changes; model changes are not among them.
    pub changes: Vec<(Change, Timestamp)>,
    /// Where to go on.
    pub token: String,
}

impl Policy {
    /// Tuples of a store.
    pub async fn read(
        &self,
        store_id: &str,
        query: TupleQuery<'_>,
        page: (u32, &str),
        now: Timestamp,
    ) -> Result<TuplePage, PolicyError> {
        let (page_size, token) = page;
        let list = [
            "tuples",
            store_id,
            query.object_type,
            query.object_id,
            query.relation,
            query.subject,
        ];
        let after = match self.places(&list, token)?.as_deref() {
            None => None,
            Some([object_type, object_id, relation, subject]) => Some(TupleParts {
                object_type: object_type.clone(),
                object_id: object_id.clone(),
                relation: relation.clone(),
                subject: subject.clone(),
            }),
            Some(_) => return Err(TokenError::Page.into()),
        };
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let filter = match (query.object_type, query.object_id) {
            ("", _) => TupleFilter::All,
            (object_type, "") => TupleFilter::Subject {
                object_type,
                subject: query.subject,
                relation: some(query.relation),
            },
            (object_type, object_id) => TupleFilter::Object {
                object_type,
                object_id,
                relation: some(query.relation),
                subject: some(query.subject),
            },
        };
        let mut conn = self.db().read().await?;
        self.must_exist(&mut conn, store_id).await?;
        let rows =
            policy_tuples::list(&mut conn, store_id, filter, (after.as_ref(), page_size + 1))
                .await?;
        let (rows, end) = page_of(rows, page_size);
        let token = end.map_or_else(String::new, |row| {
            let parts = &row.parts;
            let place = [
                parts.object_type.as_str(),
                &parts.object_id,
                &parts.relation,
                &parts.subject,
            ];
            self.tokens().page(&list, &place)
        });
        // What has expired is gone for readers, even before it is swept.
        let tuples = rows
            .iter()
            .filter(|row| row.limits.expires_at.is_none_or(|at| at > now))
            .map(|row| Ok((relationship_of(row)?, row.created_at)))
            .collect::<Result<_, PolicyError>>()?;
        Ok(TuplePage { tuples, token })
    }

    /// Tuple changes of a store, oldest first, of objects of one type or (empty) of all.
    pub async fn changes(
        &self,
        store_id: &str,
        object_type: &str,
        page_size: u32,
        from: ChangesFrom<'_>,
    ) -> Result<ChangePage, PolicyError> {
        let list = ["changes", store_id, object_type];
        let mut conn = self.db().read().await?;
        self.must_exist(&mut conn, store_id).await?;
        let (mut revision, mut seen) = match from {
            ChangesFrom::Beginning => (0, 0),
            ChangesFrom::Time(at) => (
                policy_changes::revision_before(&mut conn, store_id, at).await?,
                usize::MAX,
            ),
            ChangesFrom::Token(token) => self.read_changes_token(&list, token)?,
        };
        // `revision` is being read, `seen` of its changes have been given out. A whole entry that was seen counts as done.
        let size = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut changes = Vec::new();
        let mut after = if seen == usize::MAX {
            revision
        } else {
            revision - 1
        };
        'pages: loop {
            let entries =
                policy_changes::list(&mut conn, store_id, after.max(0), LOG_ENTRIES).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let skip = if entry.revision == revision { seen } else { 0 };
                for (at, change) in from_log(&entry.changes)?.into_iter().enumerate().skip(skip) {
                    if changes.len() == size {
                        break 'pages;
                    }
                    (revision, seen) = (entry.revision, at + 1);
                    if touches(&change, object_type) {
                        changes.push((change, entry.created_at));
                    }
                }
                after = entry.revision;
            }
        }
        let token = match from {
            ChangesFrom::Token(token) if changes.is_empty() => token.to_owned(),
            ChangesFrom::Token(_) | ChangesFrom::Beginning | ChangesFrom::Time(_) => self
                .tokens()
                .page(&list, &[&revision.to_string(), &seen.to_string()]),
        };
        Ok(ChangePage { changes, token })
    }

    fn read_changes_token(
        &self,
        list: &[&str; 3],
        token: &str,
    ) -> Result<(i64, usize), PolicyError> {
        let (of, place) = self.tokens().read_any_page(token)?;
        match (of.as_slice(), place.as_slice()) {
            ([kind, store, object_type], [revision, seen])
                if kind == list[0] && store == list[1] =>
            {
                if object_type != list[2] {
                    return Err(TokenError::PageOfOtherType.into());
                }
                let revision = revision.parse().map_err(|_| TokenError::Page)?;
                Ok((revision, seen.parse().map_err(|_| TokenError::Page)?))
            }
            _ => Err(TokenError::Page.into()),
        }
    }
}

/// Where a reader of the change log starts.
#[derive(Clone, Copy, Debug)]
pub enum ChangesFrom<'a> {
    /// At the first change.
    Beginning,
    /// At the first change at or after an instant.
    Time(Timestamp),
    /// Where the last page ended.
    Token(&'a str),
}

fn touches(change: &Change, object_type: &str) -> bool {
    match change {
        Change::Write(Relationship { tuple, .. }) | Change::Delete(tuple) => {
            object_type.is_empty() || tuple.object.type_name() == object_type
        }
        Change::Model(_) => false,
    }
}
