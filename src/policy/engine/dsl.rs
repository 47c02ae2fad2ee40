//! The model language's text form: OpenFGA's DSL, schema 1.1 and 1.2.
//!
//! Parsing keeps to the form: whether names exist is `validate`'s business. Faults carry line and column and say what would
//! be right; after one, reading goes on at the next relation, type or condition (`faults`). `and`, `or` and `but not` are not mixed without brackets. Modules are
//! refused by name: `modules` merges them.

mod condition;
mod faults;
mod print;

pub(super) use faults::PARTS;
pub use faults::{DslError, DslErrors, FAULTS};
pub use print::print;

use std::collections::{BTreeMap, BTreeSet};

use faults::{BELOW_TYPE, RELATIONS};

use super::condition::INLINE;
use super::lexer::{Spanned, Token, lex};
use super::model::{
    Model, Origin, Relation, Restriction, Rewrite, Schema, SubjectForm, TypeDefinition,
};

/// Brackets that may stand in one another: no fewer than a valid model of the JSON form prints to
/// ([`super::validate::REWRITE_LEVELS`]).
pub const NESTED_BRACKETS: usize = 36;

/// Parses a model's text; every fault of it.
pub fn parse(text: &str) -> Result<Model, DslErrors> {
    let mut parser = Parser::new(text);
    let model = parser.model();
    parser.finish(model)
}

/// A relation with its name and the byte where the name stands.
pub(super) struct Defined {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) relation: Relation,
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Spanned<'a>>,
    next: usize,
    depth: usize,
    faults: Vec<DslError>,
}

/// The operators between the parts of a relation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    ButNot,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            tokens: lex(text),
            next: 0,
            depth: 0,
            faults: Vec::new(),
        }
    }

    fn model(&mut self) -> Model {
        let schema = self.header().unwrap_or_else(|fault| {
            self.fail(fault, PARTS);
            Schema::V1_1
        });
        let mut types = Vec::new();
        let mut conditions = BTreeMap::new();
        loop {
            self.skip_lines();
            match self.peek() {
                Token::End => {
                    return Model {
                        schema,
                        types,
                        conditions,
                    };
                }
                Token::Word("condition") => {
                    if let Err(fault) = self.condition(&mut conditions) {
                        self.fail(fault, PARTS);
                    }
                }
                Token::Word("type") => types.push(self.type_definition()),
                Token::Word("extend") => {
                    self.note(self.modular("extend"));
                    self.advance();
                }
                Token::Word("module") => self.fail(self.modular("module"), PARTS),
                Token::Word(_) | Token::Mark(_) | Token::Braces(_) | Token::Line => {
                    self.fail(self.expected("`type` or `condition`"), PARTS);
                }
            }
        }
    }

    fn header(&mut self) -> Result<Schema, DslError> {
        self.skip_lines();
        if let Token::Word(word @ ("module" | "extend")) = self.peek() {
            return Err(self.modular(word));
        }
        self.keyword("model")?;
        self.skip_lines();
        self.keyword("schema")?;
        let schema = self.word("a schema version, `1.1` or `1.2`")?;
        let schema = Schema::parse(schema).ok_or_else(|| {
            self.fault_before(format!(
                "schema `{schema}` is not supported; write `schema 1.1` or `schema 1.2`"
            ))
        })?;
        self.end_of_line()?;
        Ok(schema)
    }

    fn modular(&self, word: &str) -> DslError {
        self.fault(format!(
            "`{word}` belongs to modular models, which are merged before they are written here; write one `model`"
        ))
    }

    fn type_definition(&mut self) -> TypeDefinition {
        let (_, name) = self.type_header();
        let relations = self
            .relations(&name)
            .into_iter()
            .map(|defined| (defined.name, defined.relation))
            .collect();
        TypeDefinition {
            name,
            relations,
            origin: Origin::default(),
        }
    }

    /// Reads `type NAME` to the end of the line: the byte where the name stands, and the name.
    pub(super) fn type_header(&mut self) -> (usize, String) {
        let mut read = || {
            self.keyword("type")?;
            let at = self.current().at;
            let name = self.word("the type's name")?.to_owned();
            Ok((at, name))
        };
        let header = read();
        let ended = header.and_then(|header| self.end_of_line().map(|()| header));
        ended.unwrap_or_else(|fault| {
            self.fail(fault, BELOW_TYPE);
            (0, String::new())
        })
    }

    /// What follows a type's line: nothing, or `relations` and at least one of them.
    pub(super) fn relations(&mut self, type_name: &str) -> Vec<Defined> {
        self.skip_lines();
        match self.peek() {
            Token::End | Token::Word("type" | "condition" | "extend" | "module") => {
                return Vec::new();
            }
            Token::Word("relations") => self.relations_line(),
            Token::Word("define") => self.note(self.fault(
                "expected `relations` on a line of its own before the first `define`".to_owned(),
            )),
            Token::Word(_) | Token::Mark(_) | Token::Braces(_) | Token::Line => {
                let fault = self.expected("`relations`, `type` or `condition`");
                self.fail(fault, RELATIONS);
            }
        }
        self.definitions(type_name)
    }

    fn relations_line(&mut self) {
        self.advance();
        if let Err(fault) = self.end_of_line() {
            return self.fail(fault, RELATIONS);
        }
        self.skip_lines();
        if let Token::End | Token::Word("type" | "condition" | "extend") = self.peek() {
            self.note(self.fault(
                "expected `define name: ...` after `relations`; leave `relations` out when there are none".to_owned(),
            ));
        }
    }

    fn definitions(&mut self, type_name: &str) -> Vec<Defined> {
        let mut list: Vec<Defined> = Vec::new();
        let mut names = BTreeSet::new();
        loop {
            self.skip_lines();
            match self.peek() {
                Token::End | Token::Word("type" | "condition" | "extend" | "module") => {
                    return list;
                }
                Token::Word("define") => match self.definition(type_name, &mut names) {
                    Ok(defined) => list.push(defined),
                    Err(fault) => self.fail(fault, RELATIONS),
                },
                Token::Word(_) | Token::Mark(_) | Token::Braces(_) | Token::Line => {
                    let fault = self.expected("`define`, `type` or `condition`");
                    self.fail(fault, RELATIONS);
                }
            }
        }
    }

    fn definition(
        &mut self,
        type_name: &str,
        names: &mut BTreeSet<&'a str>,
    ) -> Result<Defined, DslError> {
        self.keyword("define")?;
        let at = self.current().at;
        let name = self.word("the relation's name")?;
        if !names.insert(name) {
            return Err(self.fault_before(format!(
                "relation `{name}` is defined twice in type `{type_name}`; keep one"
            )));
        }
        self.mark(':')?;
        let mut restrictions = None;
        let rewrite = self.rewrite(&mut restrictions)?;
        self.end_of_line()?;
        Ok(Defined {
            at,
            name: name.to_owned(),
            relation: Relation {
                rewrite,
                restrictions: restrictions.unwrap_or_default(),
                origin: Origin::default(),
            },
        })
    }

    fn rewrite(
        &mut self,
        restrictions: &mut Option<Vec<Restriction>>,
    ) -> Result<Rewrite, DslError> {
        let first = self.operand(restrictions)?;
        let Some(operator) = self.operator()? else {
            return Ok(first);
        };
        let mut children = vec![first, self.operand(restrictions)?];
        while let Some(next) = self.operator()? {
            if next != operator || operator == Operator::ButNot {
                return Err(self.fault_before(
                    "`or`, `and` and `but not` are not mixed; put brackets around what belongs together".to_owned(),
                ));
            }
            children.push(self.operand(restrictions)?);
        }
        Ok(match operator {
            Operator::Or => Rewrite::Union(children),
            Operator::And => Rewrite::Intersection(children),
            Operator::ButNot => {
                let mut children = children.into_iter();
                match (children.next(), children.next()) {
                    (Some(base), Some(subtract)) => Rewrite::Exclusion {
                        base: Box::new(base),
                        subtract: Box::new(subtract),
                    },
                    _ => return Err(self.fault("`but not` needs two sides".to_owned())),
                }
            }
        })
    }

    fn operator(&mut self) -> Result<Option<Operator>, DslError> {
        let operator = match self.peek() {
            Token::Word("or") => Operator::Or,
            Token::Word("and") => Operator::And,
            Token::Word("but") => {
                self.advance();
                if self.peek() != Token::Word("not") {
                    return Err(self.fault("expected `not` after `but`".to_owned()));
                }
                Operator::ButNot
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(operator))
    }

    fn operand(
        &mut self,
        restrictions: &mut Option<Vec<Restriction>>,
    ) -> Result<Rewrite, DslError> {
        match self.peek() {
            Token::Mark('[') => {
                if restrictions.is_some() {
                    return Err(self.fault(
                        "a relation has one list of types; put all of them into the first `[..]`"
                            .to_owned(),
                    ));
                }
                *restrictions = Some(self.restrictions()?);
                Ok(Rewrite::This)
            }
            Token::Mark('(') => {
                self.depth += 1;
                if self.depth > NESTED_BRACKETS {
                    return Err(self.fault(format!(
                        "more than {NESTED_BRACKETS} brackets in one another; give parts a relation of their own"
                    )));
                }
                self.advance();
                self.skip_lines();
                let inner = self.rewrite(restrictions)?;
                self.skip_lines();
                self.mark(')')?;
                self.depth -= 1;
                Ok(inner)
            }
            _ => {
                let name = self
                    .word("a relation's name, `[` with a list of types, or `(`")?
                    .to_owned();
                if self.peek() != Token::Word("from") {
                    return Ok(Rewrite::Computed(name));
                }
                self.advance();
                let tupleset = self.word("the relation that leads to the other objects")?;
                Ok(Rewrite::TupleToUserset {
                    tupleset: tupleset.to_owned(),
                    computed: name,
                })
            }
        }
    }

    fn restrictions(&mut self) -> Result<Vec<Restriction>, DslError> {
        self.mark('[')?;
        let mut list = Vec::new();
        loop {
            self.skip_lines();
            let type_name = self
                .word("a type: `user`, `user:*` or `group#member`")?
                .to_owned();
            let form = match self.peek() {
                Token::Mark(':') => {
                    self.advance();
                    self.mark('*')?;
                    SubjectForm::Wildcard
                }
                Token::Mark('#') => {
                    self.advance();
                    SubjectForm::Userset(self.word("a relation's name after `#`")?.to_owned())
                }
                _ => SubjectForm::Object,
            };
            let mut condition = None;
            if self.peek() == Token::Word("with") {
                self.advance();
                condition = Some(self.condition_name()?);
            }
            list.push(Restriction {
                type_name,
                form,
                condition,
            });
            self.skip_lines();
            if self.peek() != Token::Mark(',') {
                self.mark(']')?;
                return Ok(list);
            }
            self.advance();
        }
    }

    /// A condition's name, or `$expression`.
    fn condition_name(&mut self) -> Result<String, DslError> {
        let start = self.current();
        let is_inline = start.token == Token::Mark('$')
            && self.following().token == Token::Word(INLINE.trim_start_matches('$'))
            && self.following().at == start.at + 1;
        if is_inline {
            self.next += 2;
            return Ok(INLINE.to_owned());
        }
        let name = self.word("a condition's name after `with`")?;
        Ok(name.to_owned())
    }

    pub(super) fn current(&self) -> Spanned<'a> {
        self.tokens.get(self.next).copied().unwrap_or(Spanned {
            token: Token::End,
            at: self.text.len(),
        })
    }

    /// The token after the next.
    pub(super) fn following(&self) -> Spanned<'a> {
        self.tokens
            .get(self.next + 1)
            .copied()
            .unwrap_or_else(|| self.current())
    }

    /// The token that was read last.
    fn before(&self) -> Option<Spanned<'a>> {
        let last = self.next.checked_sub(1)?;
        self.tokens.get(last).copied()
    }

    pub(super) fn peek(&self) -> Token<'a> {
        self.current().token
    }

    pub(super) const fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn skip_lines(&mut self) {
        while self.peek() == Token::Line {
            self.advance();
        }
    }

    pub(super) fn word(&mut self, what: &str) -> Result<&'a str, DslError> {
        match self.peek() {
            Token::Word(word) => {
                self.advance();
                Ok(word)
            }
            _ => Err(self.expected(what)),
        }
    }

    pub(super) fn keyword(&mut self, keyword: &str) -> Result<(), DslError> {
        if self.peek() != Token::Word(keyword) {
            return Err(self.expected(&format!("`{keyword}`")));
        }
        self.advance();
        Ok(())
    }

    fn mark(&mut self, mark: char) -> Result<(), DslError> {
        if self.peek() != Token::Mark(mark) {
            return Err(self.expected(&format!("`{mark}`")));
        }
        self.advance();
        Ok(())
    }

    pub(super) fn end_of_line(&mut self) -> Result<(), DslError> {
        match self.peek() {
            Token::Line | Token::End => {
                self.advance();
                Ok(())
            }
            Token::Word(_) | Token::Mark(_) | Token::Braces(_) => {
                Err(self.expected("the end of the line"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
