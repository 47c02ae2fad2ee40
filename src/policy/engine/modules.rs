//! Modular models: one model out of several files, and `fga.mod`, the file that lists them.
//!
//! Each file begins with `module NAME` and holds types, conditions, and `extend type` for what it adds to the types of other
//! files. What is merged says where it comes from: a type and a condition by their own [`Origin`], a relation by its own only
//! if `extend type` brought it. Every fault is reported, not just the first.

mod list;

pub use list::parse_mod;

use std::collections::BTreeMap;

use super::dsl::{DslError, PARTS, Parser};
use super::lexer::{Token, place};
use super::model::{Condition, Model, Origin, Relation, Schema, TypeDefinition};

/// The file that lists a modular model's files.
pub const MOD_FILE: &str = "fga.mod";

/// A fault in one of the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}, column {column}: {message}")]
pub struct ModuleFault {
    /// The file, as it is listed.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Merges files, each a name and a text, into one model.
pub fn merge(schema: Schema, files: &[(String, String)]) -> Result<Model, Vec<ModuleFault>> {
    let mut merged = Merged::default();
    if schema != Schema::V1_2 {
        merged.faults.push(ModuleFault {
            file: MOD_FILE.to_owned(),
            line: 1,
            column: 1,
            message: format!(
                "schema `{}` has no modules; write `schema: '1.2'`",
                schema.as_str()
            ),
        });
    }
    let mut modules = Vec::new();
    for (name, text) in files {
        match Module::parse(name, text) {
            Ok(module) => modules.push(module),
            Err(faults) => merged.faults.extend(faults),
        }
    }
    let is_complete = modules.len() == files.len();
    let mut extensions = Vec::new();
    for module in modules {
        extensions.extend(merged.add(module));
    }
    // Types come first, from all files: an extension may be listed before the type.
    for extension in extensions {
        merged.extend(extension, is_complete);
    }
    if !merged.faults.is_empty() {
        return Err(merged.faults);
    }
    Ok(Model {
        schema,
        types: merged.types,
        conditions: merged.conditions,
    })
}

/// A part with its name and where the name stands.
struct Named<T> {
    name: String,
    line: usize,
    column: usize,
    part: T,
}

/// One file's parts.
struct Module {
    origin: Origin,
    types: Vec<Named<Vec<Named<Relation>>>>,
    extensions: Vec<Named<Vec<Named<Relation>>>>,
    conditions: Vec<Named<Condition>>,
}

/// What a file adds to a type.
struct Extension {
    origin: Origin,
    of: Named<Vec<Named<Relation>>>,
}

impl Module {
    fn parse(file: &str, text: &str) -> Result<Self, Vec<ModuleFault>> {
        let mut parser = Parser::new(text);
        let mut module = Self {
            origin: Origin {
                module: String::new(),
                file: file.to_owned(),
            },
            types: Vec::new(),
            extensions: Vec::new(),
            conditions: Vec::new(),
        };
        match Self::header(&mut parser) {
            Ok(name) => {
                module.origin.module = name;
                module.parts(&mut parser, text);
            }
            Err(fault) => parser.note(fault),
        }
        parser.finish(module).map_err(|faults| {
            let fault = |fault: &DslError| ModuleFault {
                file: file.to_owned(),
                line: fault.line,
                column: fault.column,
                message: fault.message.clone(),
            };
            faults.faults().iter().map(fault).collect()
        })
    }

    fn header(parser: &mut Parser<'_>) -> Result<String, DslError> {
        parser.skip_lines();
        if parser.peek() != Token::Word("module") {
            return Err(parser.expected("`module` and the module's name before everything else"));
        }
        parser.advance();
        let name = parser.word("the module's name")?.to_owned();
        parser.end_of_line()?;
        Ok(name)
    }

    fn parts(&mut self, parser: &mut Parser<'_>, text: &str) {
        loop {
            parser.skip_lines();
            match parser.peek() {
                Token::End => return,
                Token::Word("condition") => match condition(parser, text) {
                    Ok(condition) => self.conditions.push(condition),
                    Err(fault) => parser.fail(fault, PARTS),
                },
                Token::Word("type") => self.types.push(type_definition(parser, text)),
                Token::Word("extend") => self.extension(parser, text),
                Token::Word(_) | Token::Mark(_) | Token::Braces(_) | Token::Line => {
                    let fault = parser.expected("`type`, `extend type` or `condition`");
                    parser.fail(fault, PARTS);
                }
            }
        }
    }

    fn extension(&mut self, parser: &mut Parser<'_>, text: &str) {
        parser.advance();
        let extension = type_definition(parser, text);
        let name = &extension.name;
        let message = if extension.part.is_empty() {
            format!("`extend type {name}` adds nothing; write its `relations`, or leave it out")
        } else if self.extensions.iter().any(|other| other.name == *name) {
            format!("type `{name}` is extended twice in this file; put the relations together")
        } else {
            self.extensions.push(extension);
            return;
        };
        parser.note(DslError {
            line: extension.line,
            column: extension.column,
            message,
        });
    }
}

/// Reads `type NAME` and its relations.
fn type_definition(parser: &mut Parser<'_>, text: &str) -> Named<Vec<Named<Relation>>> {
    let (at, name) = parser.type_header();
    let (line, column) = place(text, at);
    let relations = parser.relations(&name).into_iter().map(|defined| {
        let (line, column) = place(text, defined.at);
        Named {
            name: defined.name,
            line,
            column,
            part: defined.relation,
        }
    });
    Named {
        part: relations.collect(),
        name,
        line,
        column,
    }
}

fn condition(parser: &mut Parser<'_>, text: &str) -> Result<Named<Condition>, DslError> {
    let (line, column) = place(text, parser.following().at);
    let mut one = BTreeMap::new();
    parser.condition(&mut one)?;
    let (name, part) = one
        .pop_first()
        .ok_or_else(|| parser.expected("a condition"))?;
    Ok(Named {
        name,
        line,
        column,
        part,
    })
}

/// The model so far.
#[derive(Default)]
struct Merged {
    types: Vec<TypeDefinition>,
    conditions: BTreeMap<String, Condition>,
    faults: Vec<ModuleFault>,
}

impl Merged {
    /// Adds a file's types and conditions; what it adds to other types is for later.
    fn add(&mut self, module: Module) -> Vec<Extension> {
        let origin = module.origin;
        for definition in module.types {
            let twice = self
                .types
                .iter()
                .find(|other| other.name == definition.name)
                .map(|other| twice("type", &definition.name, &other.origin, &origin));
            if let Some(message) = twice {
                self.fault(&origin, &definition, message);
                continue;
            }
            self.types.push(TypeDefinition {
                relations: definition
                    .part
                    .into_iter()
                    .map(|relation| (relation.name, relation.part))
                    .collect(),
                name: definition.name,
                origin: origin.clone(),
            });
        }
        for mut condition in module.conditions {
            if let Some(other) = self.conditions.get(&condition.name) {
                let message = twice("condition", &condition.name, &other.origin, &origin);
                self.fault(&origin, &condition, message);
                continue;
            }
            condition.part.origin = origin.clone();
            self.conditions.insert(condition.name, condition.part);
        }
        module
            .extensions
            .into_iter()
            .map(|of| Extension {
                origin: origin.clone(),
                of,
            })
            .collect()
    }

    /// Adds relations to a type. `is_complete` says that every file was understood, so that a missing type is a fault.
    fn extend(&mut self, extension: Extension, is_complete: bool) {
        let Extension { origin, of } = extension;
        let Some(definition) = self.types.iter_mut().find(|other| other.name == of.name) else {
            if is_complete {
                let message = format!(
                    "no file defines type `{}`; write `type {}`, or list the file that does",
                    of.name, of.name
                );
                self.fault(&origin, &of, message);
            }
            return;
        };
        let mut faults = Vec::new();
        for mut relation in of.part {
            if let Some(other) = definition.relations.get(&relation.name) {
                let first = if other.origin.is_empty() {
                    &definition.origin
                } else {
                    &other.origin
                };
                let name = format!("{}#{}", of.name, relation.name);
                faults.push((twice("relation", &name, first, &origin), relation));
                continue;
            }
            relation.part.origin = origin.clone();
            definition.relations.insert(relation.name, relation.part);
        }
        for (message, relation) in faults {
            self.fault(&origin, &relation, message);
        }
    }

    fn fault<T>(&mut self, origin: &Origin, named: &Named<T>, message: String) {
        self.faults.push(ModuleFault {
            file: origin.file.clone(),
            line: named.line,
            column: named.column,
            message,
        });
    }
}

/// The message about a part that was written a second time.
fn twice(what: &str, name: &str, first: &Origin, second: &Origin) -> String {
    if first.file == second.file {
        return format!(
            "{what} `{name}` is defined twice in `{}`; keep one",
            first.file
        );
    }
    let hint = if what == "type" {
        format!("; keep one and write `extend type {name}` in the other")
    } else {
        "; keep one, or give one another name".to_owned()
    };
    format!(
        "{what} `{name}` is defined in `{}` and in `{}`{hint}",
        first.file, second.file
    )
}

#[cfg(test)]
mod tests;
