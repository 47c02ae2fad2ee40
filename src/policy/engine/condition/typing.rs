//! The types of an expression, found without any value: what a condition would fail on at every check is refused
//! when the model is written.
//!
//! Follows cel-go's checker as OpenFGA uses it: numbers of different types neither compare nor add up, `any` fits
//! everywhere and is tested again when evaluated.

use std::collections::BTreeMap;
use std::fmt;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr,
};

use super::super::model::ParameterType;
use super::overloads;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Known only when evaluated.
    Dyn,
    /// Nothing is known yet: what is in `[]`.
    Free,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Duration,
    Timestamp,
    Ip,
    List(Box<Type>),
    /// Of the keys and of the values.
    Map(Box<(Type, Type)>),
}

/// The expression's type over these parameters, or what does not fit.
pub(super) fn check(
    expression: &IdedExpr,
    parameters: &BTreeMap<String, ParameterType>,
) -> Result<Type, String> {
    let scope = parameters
        .iter()
        .map(|(name, kind)| (name.clone(), Type::of(kind)))
        .collect();
    Checker { scope }.visit(expression)
}

struct Checker {
    /// The innermost variable last.
    scope: Vec<(String, Type)>,
}

impl Checker {
    fn visit(&mut self, expression: &IdedExpr) -> Result<Type, String> {
        match &expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self
                .scope
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, found)| found.clone())
                .ok_or_else(|| {
                    format!("undeclared reference to '{name}': declare it as a parameter")
                }),
            Expr::Select(select) => {
                let operand = self.visit(&select.operand)?;
                let value = match operand {
                    Type::Dyn | Type::Free => Type::Dyn,
                    Type::Map(entry) => entry.1,
                    other => {
                        return Err(format!(
                            "type '{other}' does not support field selection of '{}'",
                            select.field
                        ));
                    }
                };
                Ok(if select.test { Type::Bool } else { value })
            }
            Expr::List(list) => {
                let mut element = Type::Free;
                for item in &list.elements {
                    let found = self.visit(item)?;
                    element = element.or_dyn(&found);
                }
                Ok(Type::List(Box::new(element)))
            }
            Expr::Map(map) => self.map(map),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => self.call(call),
            Expr::Struct(message) => Err(format!(
                "messages such as '{}' are not supported",
                message.type_name
            )),
            Expr::Unspecified => Err("a part of the expression is empty".to_owned()),
        }
    }

    fn map(&mut self, map: &MapExpr) -> Result<Type, String> {
        let (mut keys, mut values) = (Type::Free, Type::Free);
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err("messages are not supported".to_owned());
            };
            let key = self.visit(&entry.key)?;
            if !matches!(
                key,
                Type::Dyn | Type::Bool | Type::Int | Type::Uint | Type::String
            ) {
                return Err(format!("a map's key cannot be of type '{key}'"));
            }
            keys = keys.or_dyn(&key);
            let value = self.visit(&entry.value)?;
            values = values.or_dyn(&value);
        }
        Ok(Type::Map(Box::new((keys, values))))
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Type, String> {
        if comprehension.iter_var2.is_some() {
            return Err("macros with two variables are not supported".to_owned());
        }
        let element = match self.visit(&comprehension.iter_range)? {
            Type::List(element) => *element,
            Type::Map(entry) => entry.0,
            Type::Dyn | Type::Free => Type::Dyn,
            other => {
                return Err(format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                ));
            }
        };
        let start = self.visit(&comprehension.accu_init)?;
        let before = self.scope.len();
        self.scope.push((comprehension.accu_var.clone(), start));
        self.scope.push((comprehension.iter_var.clone(), element));
        self.visit(&comprehension.loop_cond)?;
        let accumulated = self.visit(&comprehension.loop_step)?;
        self.scope.truncate(before);
        self.scope
            .push((comprehension.accu_var.clone(), accumulated));
        let result = self.visit(&comprehension.result);
        self.scope.truncate(before);
        result
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type, String> {
        let mut arguments = Vec::with_capacity(call.args.len() + 1);
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            arguments.push(self.visit(argument)?);
        }
        let member = call.target.is_some();
        match generic(&call.func_name, member, &arguments) {
            Generic::Gives(found) => return Ok(found),
            Generic::NoMatch => return Err(no_overload(&call.func_name, &arguments)),
            Generic::Other => {}
        }
        let Some(forms) = overloads::forms(&call.func_name, member) else {
            return Err(format!(
                "undeclared reference to '{}': there is no such function",
                call.func_name
            ));
        };
        let mut results = forms
            .iter()
            .filter(|(parameters, _)| {
                parameters.len() == arguments.len()
                    && parameters.iter().zip(&arguments).all(|(a, b)| a.fits(b))
            })
            .map(|(_, result)| result);
        let Some(first) = results.next() else {
            return Err(no_overload(&call.func_name, &arguments));
        };
        Ok(if results.all(|other| other == first) {
            first.clone()
        } else {
            Type::Dyn
        })
    }
}

/// What the generic functions say to a call.
enum Generic {
    Gives(Type),
    NoMatch,
    /// It is none of them.
    Other,
}

fn generic(name: &str, member: bool, arguments: &[Type]) -> Generic {
    let gives = |fits: bool, result: Type| {
        if fits {
            Generic::Gives(result)
        } else {
            Generic::NoMatch
        }
    };
    match (name, member, arguments) {
        ("_==_" | "_!=_", false, [a, b]) => gives(a.fits(b), Type::Bool),
        ("@in", false, [item, Type::List(element)]) => gives(element.fits(item), Type::Bool),
        ("@in", false, [item, Type::Map(entry)]) => gives(entry.0.fits(item), Type::Bool),
        ("@in", false, [_, range]) => gives(range.is_open(), Type::Bool),
        ("size", _, [of]) => gives(
            of.is_open() || matches!(of, Type::String | Type::List(_) | Type::Map(_)),
            Type::Int,
        ),
        ("dyn", false, [_]) => Generic::Gives(Type::Dyn),
        ("_?_:_", false, [test, a, b]) => {
            gives(Type::Bool.fits(test) && a.fits(b), a.clone().or_dyn(b))
        }
        ("_[_]", false, [Type::List(element), index]) => {
            gives(Type::Int.fits(index), Type::clone(element))
        }
        ("_[_]", false, [Type::Map(entry), key]) => gives(entry.0.fits(key), entry.1.clone()),
        ("_[_]", false, [of, _]) => gives(of.is_open(), Type::Dyn),
        ("_+_", false, [Type::List(a), Type::List(b)]) => {
            gives(a.fits(b), Type::List(Box::new(Type::clone(a).or_dyn(b))))
        }
        ("_+_", false, [list @ Type::List(_), other] | [other, list @ Type::List(_)]) => {
            gives(other.is_open(), list.clone())
        }
        ("_+_", false, [a, b]) if a.is_open() && b.is_open() => Generic::Gives(Type::Dyn),
        _ => Generic::Other,
    }
}

fn no_overload(name: &str, arguments: &[Type]) -> String {
    let types: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    format!(
        "found no matching overload for '{name}' applied to '({})'",
        types.join(", ")
    )
}

fn literal_type(literal: &LiteralValue) -> Result<Type, String> {
    Ok(match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::Uint,
        LiteralValue::Bytes(_) => return Err("bytes are not supported: use a string".to_owned()),
    })
}

impl Type {
    /// The type of a parameter's values.
    fn of(kind: &ParameterType) -> Self {
        match kind {
            ParameterType::Bool => Self::Bool,
            ParameterType::String => Self::String,
            ParameterType::Int => Self::Int,
            ParameterType::Uint => Self::Uint,
            ParameterType::Double => Self::Double,
            ParameterType::Duration => Self::Duration,
            ParameterType::Timestamp => Self::Timestamp,
            ParameterType::IpAddress => Self::Ip,
            ParameterType::Any => Self::Dyn,
            ParameterType::List(inner) => Self::List(Box::new(Self::of(inner))),
            ParameterType::Map(inner) => Self::Map(Box::new((Self::String, Self::of(inner)))),
        }
    }

    /// Whether nothing is known that could speak against a use.
    const fn is_open(&self) -> bool {
        matches!(self, Self::Dyn | Self::Free)
    }

    /// Whether one can stand where the other is expected.
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn | Self::Free, _)
            | (_, Self::Dyn | Self::Free)
            // What is an object in CEL may be null.
            | (Self::Null, Self::Duration | Self::Timestamp | Self::Ip)
            | (Self::Duration | Self::Timestamp | Self::Ip, Self::Null) => true,
            (Self::List(a), Self::List(b)) => a.fits(b),
            (Self::Map(a), Self::Map(b)) => a.0.fits(&b.0) && a.1.fits(&b.1),
            (a, b) => a == b,
        }
    }

    /// The type of what may be either.
    fn or_dyn(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Free, other) => other.clone(),
            (known, Self::Free) => known,
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.or_dyn(b))),
            (Self::Map(a), Self::Map(b)) => {
                Self::Map(Box::new((a.0.or_dyn(&b.0), a.1.or_dyn(&b.1))))
            }
            (a, b) if a == *b => a,
            _ => Self::Dyn,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn | Self::Free => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Ip => "IPAddress",
            Self::List(element) => return write!(f, "list({element})"),
            Self::Map(entry) => return write!(f, "map({}, {})", entry.0, entry.1),
        })
    }
}
