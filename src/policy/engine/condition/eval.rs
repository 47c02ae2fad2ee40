//! Evaluation of an expression, counted: each step costs what it costs in cel-go, and the sum is bounded, so that
//! no condition and no context can hold up a check.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr, SelectExpr,
};
use regex::Regex;

use super::value::{Key, Value};
use super::{functions, operators};

/// What making a list costs, unless all in it is literal.
const LIST_COST: u64 = 10;
/// What making a map costs, unless all in it is literal.
const MAP_COST: u64 = 30;

/// Why an expression has no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// A fault that `&&`, `||` and the macros on them may make up for.
    Fault(String),
    /// Nothing makes up for this.
    CostLimit,
}

type Outcome = Result<Value, Failure>;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    values: &'a BTreeMap<&'a str, Value>,
    patterns: &'a BTreeMap<String, Regex>,
    /// The variables of macros, the innermost last.
    scope: Vec<(&'a str, Result<Value, String>)>,
    left: u64,
}

impl<'a> Evaluation<'a> {
    /// An evaluation over these parameters that may cost so much.
    pub(super) const fn new(
        values: &'a BTreeMap<&'a str, Value>,
        patterns: &'a BTreeMap<String, Regex>,
        limit: u64,
    ) -> Self {
        Self {
            values,
            patterns,
            scope: Vec::new(),
            left: limit,
        }
    }

    /// The expression's value.
    pub(super) fn run(&mut self, expression: &'a IdedExpr) -> Outcome {
        match &expression.expr {
            Expr::Literal(literal) => literal_value(literal),
            Expr::Ident(name) => {
                self.charge(1)?;
                self.variable(name)
            }
            Expr::Select(select) => self.select(select),
            Expr::List(list) => {
                if !is_constant(expression) {
                    self.charge(LIST_COST)?;
                }
                let items: Result<Vec<_>, _> =
                    list.elements.iter().map(|item| self.run(item)).collect();
                Ok(Value::List(Arc::new(items?)))
            }
            Expr::Map(map) => {
                if !is_constant(expression) {
                    self.charge(MAP_COST)?;
                }
                self.map(map)
            }
            Expr::Comprehension(comprehension) => {
                let before = self.scope.len();
                let outcome = self.comprehension(comprehension);
                self.scope.truncate(before);
                outcome
            }
            Expr::Call(call) => self.call(call),
            Expr::Struct(_) | Expr::Unspecified => fault("unsupported expression"),
        }
    }

    /// What was spent of this limit.
    pub(super) const fn spent(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.left)
    }

    fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.left = self.left.checked_sub(cost).ok_or(Failure::CostLimit)?;
        Ok(())
    }

    fn variable(&self, name: &str) -> Outcome {
        match self.scope.iter().rev().find(|(known, _)| *known == name) {
            Some((_, held)) => held.clone().map_err(Failure::Fault),
            None => self
                .values
                .get(name)
                .cloned()
                .ok_or_else(|| Failure::Fault(format!("no such attribute: {name}"))),
        }
    }

    fn select(&mut self, select: &'a SelectExpr) -> Outcome {
        let operand = self.run(&select.operand)?;
        self.charge(access_cost(&select.operand))?;
        let Value::Map(entries) = &operand else {
            return fault(&format!(
                "no such key: {} in a value of type '{}'",
                select.field,
                operand.type_name()
            ));
        };
        let found = entries.get(&Key::String(Arc::from(select.field.as_str())));
        if select.test {
            return Ok(Value::Bool(found.is_some()));
        }
        found
            .cloned()
            .ok_or_else(|| Failure::Fault(format!("no such key: {}", select.field)))
    }

    fn map(&mut self, map: &'a MapExpr) -> Outcome {
        let mut made = BTreeMap::new();
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return fault("unsupported expression");
            };
            let key = self.run(&entry.key)?;
            let Some(key) = key.key() else {
                return fault(&format!("unsupported key type: {}", key.type_name()));
            };
            let value = self.run(&entry.value)?;
            made.insert(key, value);
        }
        Ok(Value::Map(Arc::new(made)))
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Outcome {
        let range = match self.run(&comprehension.iter_range)? {
            Value::List(items) => items,
            Value::Map(entries) => Arc::new(entries.keys().map(Key::value).collect()),
            other => {
                return fault(&format!(
                    "no range: a value of type '{}'",
                    other.type_name()
                ));
            }
        };
        // A fault in one step is kept as the result so far, as a later step may make up for it.
        let mut accumulated = self.tolerate(&comprehension.accu_init)?;
        for item in range.iter() {
            let before = self.scope.len();
            self.scope
                .push((&comprehension.accu_var, accumulated.clone()));
            self.scope.push((&comprehension.iter_var, Ok(item.clone())));
            if matches!(
                self.tolerate(&comprehension.loop_cond)?,
                Ok(Value::Bool(false))
            ) {
                self.scope.truncate(before);
                break;
            }
            accumulated = self.tolerate(&comprehension.loop_step)?;
            self.scope.truncate(before);
        }
        self.scope.push((&comprehension.accu_var, accumulated));
        self.run(&comprehension.result)
    }

    /// The value, or the fault that something around it may make up for.
    fn tolerate(&mut self, expression: &'a IdedExpr) -> Result<Result<Value, String>, Failure> {
        match self.run(expression) {
            Ok(value) => Ok(Ok(value)),
            Err(Failure::Fault(reason)) => Ok(Err(reason)),
            Err(Failure::CostLimit) => Err(Failure::CostLimit),
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Outcome {
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("_&&_", [a, b]) => self.logic(a, b, false),
            ("_||_", [a, b]) => self.logic(a, b, true),
            ("_?_:_", [test, a, b]) => match self.run(test)? {
                Value::Bool(value) => self.branch(if value { a } else { b }),
                other => fault(&operators::no_overload("_?_:_", &[other])),
            },
            ("@not_strictly_false", [of]) => {
                let value = self.tolerate(of)?;
                self.charge(1)?;
                Ok(Value::Bool(!matches!(value, Ok(Value::Bool(false)))))
            }
            // What cel-go does once, when it makes the program, costs nothing.
            ("@in", [item, range]) if is_constant(range) => {
                let item = self.run(item)?;
                contains(&item, &self.run(range)?)
            }
            (
                name @ ("bool" | "int" | "uint" | "double" | "string" | "duration" | "timestamp"),
                [literal],
            ) if matches!(literal.expr, Expr::Literal(_)) => {
                apply(name, &[self.run(literal)?], self.patterns)
            }
            (name, _) => {
                let mut arguments = Vec::with_capacity(call.args.len() + 1);
                for argument in call.target.as_deref().into_iter().chain(&call.args) {
                    arguments.push(self.run(argument)?);
                }
                self.charge(match (name, call.args.first()) {
                    ("_[_]", Some(of)) => access_cost(of),
                    _ => cost(name, &arguments),
                })?;
                apply(name, &arguments, self.patterns)
            }
        }
    }

    /// One side of `? :`, where a plain variable costs nothing.
    fn branch(&mut self, expression: &'a IdedExpr) -> Outcome {
        match &expression.expr {
            Expr::Ident(name) => self.variable(name),
            _ => self.run(expression),
        }
    }

    /// `||` if `decisive` is true, `&&` if it is false: either side alone decides, whatever the other fails on.
    fn logic(&mut self, a: &'a IdedExpr, b: &'a IdedExpr, decisive: bool) -> Outcome {
        let name = if decisive { "_||_" } else { "_&&_" };
        let mut first_fault = None;
        for side in [a, b] {
            match self.tolerate(side)? {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    first_fault.get_or_insert_with(|| operators::no_overload(name, &[other]));
                }
                Err(reason) => {
                    first_fault.get_or_insert(reason);
                }
            }
        }
        match first_fault {
            None => Ok(Value::Bool(!decisive)),
            Some(reason) => Err(Failure::Fault(reason)),
        }
    }
}

/// The result of a call that evaluates all its arguments.
fn apply(name: &str, arguments: &[Value], patterns: &BTreeMap<String, Regex>) -> Outcome {
    let no_overload = || operators::no_overload(name, arguments);
    let result = match (name, arguments) {
        ("_==_", [a, b]) => Ok(Value::Bool(a.equals(b))),
        ("_!=_", [a, b]) => Ok(Value::Bool(!a.equals(b))),
        ("_<_" | "_<=_" | "_>_" | "_>=_", [a, b]) => order(name, a, b).ok_or_else(no_overload),
        ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [a, b]) => {
            operators::arithmetic(name, a, b).unwrap_or_else(|| Err(no_overload()))
        }
        ("-_", [value]) => operators::negate(value).unwrap_or_else(|| Err(no_overload())),
        ("!_", [Value::Bool(value)]) => Ok(Value::Bool(!value)),
        ("_[_]", [of, index]) => element(of, index),
        ("@in", [item, range]) => return contains(item, range),
        _ => functions::call(name, arguments, patterns),
    };
    result.map_err(Failure::Fault)
}

fn order(name: &str, a: &Value, b: &Value) -> Option<Value> {
    let order = match a.compare(b) {
        Some(order) => order,
        // Nothing is less or greater than NaN.
        None if a.is_number() && b.is_number() => return Some(Value::Bool(false)),
        None => return None,
    };
    Some(Value::Bool(match name {
        "_<_" => order == Ordering::Less,
        "_<=_" => order != Ordering::Greater,
        "_>_" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

fn element(of: &Value, index: &Value) -> Result<Value, String> {
    match of {
        Value::Map(entries) => index
            .key()
            .and_then(|key| entries.get(&key))
            .cloned()
            .ok_or_else(|| "no such key".to_owned()),
        Value::List(items) => match index.key() {
            Some(Key::Number(position)) => usize::try_from(position)
                .ok()
                .and_then(|position| items.get(position))
                .cloned()
                .ok_or_else(|| format!("index out of bounds: {position}")),
            _ => Err(format!("unsupported index type '{}'", index.type_name())),
        },
        other => Err(operators::no_overload(
            "_[_]",
            &[other.clone(), index.clone()],
        )),
    }
}

fn contains(item: &Value, range: &Value) -> Outcome {
    match range {
        Value::List(items) => Ok(Value::Bool(items.iter().any(|other| item.equals(other)))),
        Value::Map(entries) => Ok(Value::Bool(
            item.key().is_some_and(|key| entries.contains_key(&key)),
        )),
        other => fault(&operators::no_overload(
            "@in",
            &[item.clone(), other.clone()],
        )),
    }
}

/// What a call costs: texts by their length, a search in a list by its length, all else 1.
fn cost(name: &str, arguments: &[Value]) -> u64 {
    let tenth = |size: u64| size.div_ceil(10);
    match (name, arguments) {
        ("@in", [_, list @ Value::List(_)]) => extent(list),
        ("_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_", [a, b]) => {
            tenth(extent(a).min(extent(b)))
        }
        ("_+_", [Value::String(_), Value::String(_)]) => tenth(arguments.iter().map(extent).sum()),
        ("startsWith" | "endsWith", [_, part]) => tenth(extent(part)),
        ("contains", [text, part]) => tenth(extent(text)).saturating_mul(tenth(extent(part))),
        ("matches", [text, pattern]) => {
            tenth(extent(text).saturating_add(1)).saturating_mul(extent(pattern).div_ceil(4))
        }
        _ => 1,
    }
}

/// What taking a part costs: of a variable or its parts 1, of a value that was just made 2.
fn access_cost(of: &IdedExpr) -> u64 {
    match &of.expr {
        Expr::Ident(_) | Expr::Select(_) => 1,
        Expr::Call(call) if call.func_name == "_[_]" => 1,
        _ => 2,
    }
}

fn extent(value: &Value) -> u64 {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        _ => 1,
    };
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Whether the expression is a list or a map of literals, which is as good as a literal.
fn is_constant(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(_) => true,
        Expr::List(_) | Expr::Map(_) => {
            functions::children(expression).into_iter().all(is_constant)
        }
        _ => false,
    }
}

fn literal_value(literal: &LiteralValue) -> Outcome {
    Ok(match literal {
        LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
        LiteralValue::Double(value) => Value::Double(*value.inner()),
        LiteralValue::Int(value) => Value::Int(*value.inner()),
        LiteralValue::UInt(value) => Value::Uint(*value.inner()),
        LiteralValue::String(value) => Value::text(value.inner()),
        LiteralValue::Null => Value::Null,
        LiteralValue::Bytes(_) => return fault("bytes are not supported"),
    })
}

fn fault(reason: &str) -> Outcome {
    Err(Failure::Fault(reason.to_owned()))
}
