//! Conditions: expressions in CEL over typed parameters that must hold for a tuple to count.
//!
//! | Step | File |
//! |---|---|
//! | the types of an expression, before any value is seen | `typing`, `overloads` |
//! | a context's JSON as typed values | `convert`, `number`, `duration`, `instant`, `ip` |
//! | the expression on these values | `eval`, `functions`, `operators`, `value` |
//! | a condition that stands in a tuple | `inline` |
//!
//! The `cel` crate parses; types and evaluation are done here, because a permission check needs what an
//! interpreter made for trusted text does not give: a bound on every evaluation, no panic on any value, the
//! static types of OpenFGA's conditions, and its addresses.
//!
//! Left out of CEL, and refused when a condition is compiled: bytes, messages, and types as values.

mod convert;
mod duration;
mod error;
mod eval;
mod functions;
mod inline;
mod instant;
mod ip;
mod number;
mod operators;
mod overloads;
#[cfg(test)]
mod tests;
mod typing;
mod value;

use std::collections::BTreeMap;

use cel::common::ast::IdedExpr;
use regex::Regex;

pub use self::error::{ConditionError, ConditionFault, ContextError};
use self::eval::{Evaluation, Failure};
pub use self::inline::{INLINE, InlineConditions, InlineFault};
use self::value::Value;
use super::model::{Condition, ParameterType};
use super::relationship::Context;

/// The longest expression.
const EXPRESSION_LIMIT_BYTES: usize = 512;
/// The most parameters of one condition.
const PARAMETER_LIMIT: usize = 25;
/// The most lists and maps in each other in a parameter's type.
pub(super) const NESTING_LIMIT: usize = 5;
/// The most levels of an expression.
const EXPRESSION_DEPTH_LIMIT: u16 = 48;
/// The most that one evaluation may cost, counted as cel-go does.
pub const MAX_COST: u64 = 100;
/// Bytes of a context's texts whose reading counts as one.
const BYTES_A_READ: usize = 64;
/// The stack of the thread that parses. The parser recurses once a level of the text, with large frames.
const PARSER_STACK_BYTES: usize = 16 * 1024 * 1024;

/// A condition that parses and whose types fit.
#[derive(Debug)]
pub struct CompiledCondition {
    name: String,
    parameters: BTreeMap<String, ParameterType>,
    expression: IdedExpr,
    /// The patterns that the text itself names, made once.
    patterns: BTreeMap<String, Regex>,
}

/// Whether a condition holds, and what it took to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// Whether it holds.
    pub outcome: Result<bool, ConditionError>,
    /// The cost of the evaluation, counted as cel-go does; at most [`MAX_COST`].
    pub cost: u64,
    /// The size of the values that were read for its parameters: one for each value in a list or a map, and for each 64 bytes of a text.
    pub read: u64,
}

impl CompiledCondition {
    /// Parses the condition, and checks its size, its names and its types.
    pub fn compile(name: &str, condition: &Condition) -> Result<Self, ConditionFault> {
        check_limits(name, condition)?;
        let expression = parse_condition(name, condition)?;
        Self::of(name, condition, expression)
    }

    fn of(name: &str, condition: &Condition, expression: IdedExpr) -> Result<Self, ConditionFault> {
        let fault = |reason| ConditionFault::Type {
            condition: name.to_owned(),
            reason,
        };
        let found = typing::check(&expression, &condition.parameters).map_err(fault)?;
        if found != typing::Type::Bool {
            return Err(ConditionFault::NotBool {
                condition: name.to_owned(),
                found: found.to_string(),
            });
        }
        let patterns = functions::check_literals(&expression).map_err(fault)?;
        Ok(Self {
            name: name.to_owned(),
            parameters: condition.parameters.clone(),
            expression,
            patterns,
        })
    }

    /// Whether a tuple may carry this context: only declared parameters, each of its type.
    pub fn admit_context(&self, stored: &Context) -> Result<(), ContextError> {
        for (parameter, value) in stored {
            let Some(kind) = self.parameters.get(parameter) else {
                return Err(ContextError::Unknown {
                    parameter: parameter.clone(),
                });
            };
            convert::convert(kind, value).map_err(|reason| ContextError::Type {
                condition: self.name.clone(),
                parameter: parameter.clone(),
                reason,
            })?;
        }
        Ok(())
    }

    /// Whether a tuple's context names declared parameters only. That their values fit shows when the condition is evaluated.
    pub fn declares_all(&self, stored: &Context) -> bool {
        stored
            .keys()
            .all(|parameter| self.parameters.contains_key(parameter))
    }

    /// Whether the condition holds. What the tuple stores wins over what the request says, and what neither
    /// gives is an error even where the expression could be decided without it.
    pub fn evaluate(&self, stored: &Context, request: &Context) -> Result<bool, ConditionError> {
        self.evaluate_counted(stored, request).outcome
    }

    /// The same, and what it took.
    pub fn evaluate_counted(&self, stored: &Context, request: &Context) -> Evaluated {
        let read = self
            .parameters
            .keys()
            .filter_map(|parameter| stored.get(parameter).or_else(|| request.get(parameter)))
            .fold(0, |sum: u64, value| sum.saturating_add(reads(value)));
        let values = match self.values(stored, request) {
            Ok(values) => values,
            Err(error) => {
                return Evaluated {
                    outcome: Err(error),
                    cost: 0,
                    read,
                };
            }
        };
        let mut evaluation = Evaluation::new(&values, &self.patterns, MAX_COST);
        let outcome = self.outcome(evaluation.run(&self.expression));
        Evaluated {
            outcome,
            cost: evaluation.spent(MAX_COST),
            read,
        }
    }

    fn outcome(&self, outcome: Result<Value, Failure>) -> Result<bool, ConditionError> {
        match outcome {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(self.failed(format!(
                "expected a bool condition expression output, but got '{}'",
                other.type_name()
            ))),
            Err(Failure::Fault(reason)) => Err(self.failed(reason)),
            Err(Failure::CostLimit) => Err(ConditionError::CostLimit {
                condition: self.name.clone(),
            }),
        }
    }

    fn failed(&self, reason: String) -> ConditionError {
        ConditionError::Evaluation {
            condition: self.name.clone(),
            reason,
        }
    }

    fn values(
        &self,
        stored: &Context,
        request: &Context,
    ) -> Result<BTreeMap<&str, Value>, ConditionError> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (parameter, kind) in &self.parameters {
            match stored.get(parameter).or_else(|| request.get(parameter)) {
                None => missing.push(parameter.clone()),
                Some(json) => {
                    let value =
                        convert::convert(kind, json).map_err(|reason| ConditionError::Type {
                            condition: self.name.clone(),
                            parameter: parameter.clone(),
                            reason,
                        })?;
                    values.insert(parameter.as_str(), value);
                }
            }
        }
        if missing.is_empty() {
            Ok(values)
        } else {
            Err(ConditionError::Missing {
                condition: self.name.clone(),
                parameters: missing,
            })
        }
    }
}

fn reads(value: &serde_json::Value) -> u64 {
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => 0,
        serde_json::Value::String(text) => count(text.len() / BYTES_A_READ),
        serde_json::Value::Array(items) => items.iter().fold(count(items.len()), |sum, item| {
            sum.saturating_add(reads(item))
        }),
        serde_json::Value::Object(entries) => {
            entries
                .iter()
                .fold(count(entries.len()), |sum, (key, item)| {
                    sum.saturating_add(count(key.len() / BYTES_A_READ))
                        .saturating_add(reads(item))
                })
        }
    }
}

fn check_limits(name: &str, condition: &Condition) -> Result<(), ConditionFault> {
    if condition.expression.len() > EXPRESSION_LIMIT_BYTES {
        return Err(ConditionFault::TooLong {
            condition: name.to_owned(),
            bytes: condition.expression.len(),
        });
    }
    if condition.parameters.len() > PARAMETER_LIMIT {
        return Err(ConditionFault::TooManyParameters {
            condition: name.to_owned(),
            found: condition.parameters.len(),
        });
    }
    for (parameter, kind) in &condition.parameters {
        if nesting(kind) > NESTING_LIMIT {
            return Err(ConditionFault::Nested {
                condition: name.to_owned(),
                parameter: parameter.clone(),
            });
        }
    }
    Ok(())
}

fn nesting(mut kind: &ParameterType) -> usize {
    let mut levels = 0;
    while let ParameterType::List(inner) | ParameterType::Map(inner) = kind {
        levels += 1;
        kind = inner;
    }
    levels
}

fn parse_condition(name: &str, condition: &Condition) -> Result<IdedExpr, ConditionFault> {
    parse(&condition.expression).map_err(|reason| ConditionFault::Syntax {
        condition: name.to_owned(),
        reason,
    })
}

/// Parses on a thread of its own: the caller's stack may be nearly used up, and a panic of the generated parser
/// ends that thread alone.
fn parse(text: &str) -> Result<IdedExpr, String> {
    let owned = text.to_owned();
    let parser = std::thread::Builder::new()
        .name("cel-parser".to_owned())
        .stack_size(PARSER_STACK_BYTES)
        .spawn(move || {
            cel::parser::Parser::new()
                .max_recursion_depth(EXPRESSION_DEPTH_LIMIT)
                .parse(&owned)
                .map_err(|errors| {
                    errors
                        .errors
                        .iter()
                        .map(|error| format!("{}:{}: {}", error.pos.0, error.pos.1, error.msg))
                        .collect::<Vec<_>>()
                        .join("; ")
                })
        })
        .map_err(|error| format!("the parser could not be started: {error}"))?;
    parser
        .join()
        .unwrap_or_else(|_| Err("the expression cannot be parsed".to_owned()))
}
