//! An explanation as JSON.

use serde_json::{Value, json};

use super::{Explanation, Outcome, Step, What};
use crate::policy::engine::tuple::Tuple;

impl Explanation {
    /// `{allowed, tuples, would_allow, tree}`; tuples have the form of the API's tuple keys.
    pub fn to_json(&self) -> Value {
        json!({
            "allowed": self.allowed,
            "tuples": keys(&self.tuples),
            "would_allow": keys(&self.would_allow),
            "tree": self.root.to_json(),
        })
    }
}

impl Step {
    /// `{kind, holds, reason, message, .., children}`.
    fn to_json(&self) -> Value {
        let children: Vec<Value> = self.children.iter().map(Self::to_json).collect();
        let mut shown = match &self.what {
            What::Relation { object, relation } => {
                json!({"kind": "relation", "object": object, "relation": relation})
            }
            What::Direct => json!({"kind": "direct"}),
            What::From(tupleset) => json!({"kind": "from", "tupleset": tupleset}),
            What::Union => json!({"kind": "or"}),
            What::Intersection => json!({"kind": "and"}),
            What::Exclusion => json!({"kind": "but_not"}),
            What::Tuple(tuple) => json!({"kind": "tuple", "tuple_key": key(tuple)}),
        };
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("holds".to_owned(), self.holds().into());
            if let Outcome::Fails(reason) = &self.outcome {
                fields.insert("reason".to_owned(), reason.code().into());
                fields.insert("message".to_owned(), reason.to_string().into());
            }
            if !children.is_empty() {
                fields.insert("children".to_owned(), children.into());
            }
        }
        shown
    }
}

fn keys(tuples: &[Tuple]) -> Vec<Value> {
    tuples.iter().map(key).collect()
}

fn key(tuple: &Tuple) -> Value {
    json!({
        "user": tuple.subject.to_string(),
        "relation": tuple.relation,
        "object": tuple.object.to_string(),
    })
}
