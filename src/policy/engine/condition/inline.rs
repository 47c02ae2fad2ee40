//! `$expression`: a condition whose text stands in the tuple, as OpenFGA 1.22 has it behind an experimental flag.
//!
//! The tuple's context holds `expression`, CEL, and maybe `parameters`, an object of types by name as the text form of models
//! writes them. A name that the expression uses and `parameters` lacks is a `string`. All values come from the request. Further
//! keys mean nothing. The limits are those of the conditions in models.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::ast::{Expr, IdedExpr};
use serde_json::Value as Json;

use super::error::ConditionFault;
use super::{CompiledCondition, functions};
use crate::policy::engine::model::{Condition, Origin, ParameterType};
use crate::policy::engine::relationship::Context;

/// The name that a tuple gives instead of a condition's, and a model instead of one in `with`.
pub const INLINE: &str = "$expression";

/// The most expressions that are kept compiled for one model.
const KEPT: usize = 2_048;

/// Why the condition in a tuple is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InlineFault {
    /// No text, or an empty one.
    #[error(
        "{INLINE}: context field `expression` must be a non-empty string, such as `channel == 'x'`"
    )]
    NoExpression,
    /// The parameters are no object.
    #[error("{INLINE}: context field `parameters` must be an object of types by name")]
    NoObject,
    /// A parameter's type is none.
    #[error(
        "{INLINE}: invalid parameter type for parameter `{parameter}`: write a type such as `string`, `int` or `list<string>`"
    )]
    ParameterType {
        /// The parameter.
        parameter: String,
    },
    /// It does not parse, its types do not fit, or it is beyond a limit.
    #[error(transparent)]
    Compile(#[from] ConditionFault),
}

/// Conditions of tuples, compiled when first asked for. Bounded: when it is full it starts afresh.
#[derive(Debug, Default)]
pub struct InlineConditions(Mutex<HashMap<String, Vec<Kept>>>);

/// One of the conditions with the same text.
#[derive(Debug)]
struct Kept {
    parameters: Option<Json>,
    compiled: Arc<CompiledCondition>,
}

impl InlineConditions {
    /// The condition that a tuple's context holds.
    pub fn get(&self, context: &Context) -> Result<Arc<CompiledCondition>, InlineFault> {
        let text = text(context)?;
        let parameters = context.get("parameters");
        let find = |same: &Vec<Kept>| {
            let found = same
                .iter()
                .find(|kept| kept.parameters.as_ref() == parameters);
            found.map(|kept| Arc::clone(&kept.compiled))
        };
        if let Some(compiled) = self.kept().get(text).and_then(find) {
            return Ok(compiled);
        }
        // Not under the lock: others need not wait for the parser.
        let compiled = Arc::new(compile(text, parameters)?);
        let mut kept = self.kept();
        if kept.values().map(Vec::len).sum::<usize>() >= KEPT {
            kept.clear();
        }
        kept.entry(text.to_owned()).or_default().push(Kept {
            parameters: parameters.cloned(),
            compiled: Arc::clone(&compiled),
        });
        Ok(compiled)
    }

    /// How many are kept compiled.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().values().map(Vec::len).sum()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(context: &Context) -> Result<&str, InlineFault> {
    context
        .get("expression")
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or(InlineFault::NoExpression)
}

fn compile(text: &str, parameters: Option<&Json>) -> Result<CompiledCondition, InlineFault> {
    let mut condition = Condition {
        parameters: declared(parameters)?,
        expression: text.to_owned(),
        origin: Origin::default(),
    };
    super::check_limits(INLINE, &condition)?;
    let expression = super::parse_condition(INLINE, &condition)?;
    for name in free_names(&expression) {
        condition
            .parameters
            .entry(name)
            .or_insert(ParameterType::String);
    }
    super::check_limits(INLINE, &condition)?;
    let mut compiled = CompiledCondition::of(INLINE, &condition, expression)?;
    // Patterns take far more memory than the rest, and there is one of these for many a tuple.
    compiled.patterns = BTreeMap::new();
    Ok(compiled)
}

fn declared(parameters: Option<&Json>) -> Result<BTreeMap<String, ParameterType>, InlineFault> {
    let Some(parameters) = parameters else {
        return Ok(BTreeMap::new());
    };
    let named = parameters.as_object().ok_or(InlineFault::NoObject)?;
    named
        .iter()
        .map(|(parameter, kind)| {
            let kind = kind.as_str().and_then(|kind| parameter_type(kind, 0));
            let kind = kind.ok_or_else(|| InlineFault::ParameterType {
                parameter: parameter.clone(),
            })?;
            Ok((parameter.clone(), kind))
        })
        .collect()
}

fn parameter_type(text: &str, levels: usize) -> Option<ParameterType> {
    if levels > super::NESTING_LIMIT + 1 {
        return None;
    }
    match text.split_once('<') {
        None => ParameterType::parse(text, None),
        Some((name, rest)) => {
            let inner = parameter_type(rest.strip_suffix('>')?, levels + 1)?;
            ParameterType::parse(name, Some(inner))
        }
    }
}

/// The names that no macro of the expression binds.
fn free_names(expression: &IdedExpr) -> Vec<String> {
    let mut names = Vec::new();
    let mut open: Vec<(&IdedExpr, Vec<&str>)> = vec![(expression, Vec::new())];
    while let Some((next, bound)) = open.pop() {
        match &next.expr {
            Expr::Ident(name) if !bound.contains(&name.as_str()) => names.push(name.clone()),
            Expr::Comprehension(of) => {
                open.push((&of.iter_range, bound.clone()));
                let mut within = bound;
                within.extend([of.iter_var.as_str(), of.accu_var.as_str()]);
                within.extend(of.iter_var2.as_deref());
                for part in [&of.accu_init, &of.loop_cond, &of.loop_step, &of.result] {
                    open.push((part, within.clone()));
                }
            }
            _ => open.extend(
                functions::children(next)
                    .into_iter()
                    .map(|child| (child, bound.clone())),
            ),
        }
    }
    names
}
