//! Assertions: checks that a model's author expects an answer of. They are kept beside the model, never evaluated here.

use serde_json::Value;

use super::engine::admit::{NotAdmitted, admit, known};
use super::engine::model::Model;
use super::engine::relationship::Relationship;
use super::engine::tuple::Tuple;
use super::error::PolicyError;
use super::service::Policy;
use crate::base::time::Timestamp;
use crate::store::{StoreError, policy_assertions};

/// An assertion.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The check's question.
    pub asked: Tuple,
    /// Tuples that the check brings along.
    pub contextual: Vec<Relationship>,
    /// Its JSON form, as it is kept and shown again.
    pub shown: Value,
}

impl Policy {
    /// Replaces a model's assertions; types and relations must exist in the model, contextual tuples be admitted by it.
    pub async fn write_assertions(
        &self,
        store_id: &str,
        model_id: &str,
        assertions: &[Assertion],
        now: Timestamp,
    ) -> Result<(), PolicyError> {
        self.not_the_system_store(store_id)?;
        let model = self.model(store_id, model_id).await?.model;
        for assertion in assertions {
            fits(&model, assertion)?;
        }
        let list: Vec<&Value> = assertions.iter().map(|one| &one.shown).collect();
        let body = serde_json::to_string(&list)
            .map_err(|error| StoreError::corrupt("policy_assertions.body", &error))?;
        let mut tx = self.db().write().await?;
        policy_assertions::replace(&mut tx, store_id, model_id, &body, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A model's assertions, as they were written.
    pub async fn assertions(
        &self,
        store_id: &str,
        model_id: &str,
    ) -> Result<Vec<Value>, PolicyError> {
        self.model(store_id, model_id).await?;
        let mut conn = self.db().read().await?;
        let Some(body) = policy_assertions::find(&mut conn, store_id, model_id).await? else {
            return Ok(Vec::new());
        };
        let list = serde_json::from_str(&body)
            .map_err(|error| StoreError::corrupt("policy_assertions.body", &error))?;
        Ok(list)
    }
}

/// Holds an assertion against a model: the question as loosely as a check, the contextual tuples as strictly as a write.
fn fits(model: &Model, assertion: &Assertion) -> Result<(), PolicyError> {
    let asked = &assertion.asked;
    asks_of(model, asked).map_err(|reason| not_admitted(asked, reason))?;
    for relationship in &assertion.contextual {
        admit(model, relationship).map_err(|reason| not_admitted(&relationship.tuple, reason))?;
    }
    Ok(())
}

fn asks_of(model: &Model, asked: &Tuple) -> Result<(), NotAdmitted> {
    known(model, &asked.subject)?;
    let type_name = asked.object.type_name();
    let definition = model
        .find_type(type_name)
        .ok_or_else(|| NotAdmitted::UnknownType(type_name.to_owned()))?;
    if definition.relations.contains_key(&asked.relation) {
        return Ok(());
    }
    Err(NotAdmitted::UnknownRelation {
        type_name: type_name.to_owned(),
        relation: asked.relation.clone(),
    })
}

fn not_admitted(tuple: &Tuple, reason: NotAdmitted) -> PolicyError {
    PolicyError::NotAdmitted {
        tuple: Box::new(tuple.clone()),
        reason: Box::new(reason),
    }
}
