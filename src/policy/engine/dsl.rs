//! The model language's text form: OpenFGA's DSL, schema 1.1 and 1.2.
//!
//! Parsing keeps to the form: whether names exist is `validate`'s business. Errors carry line and column and say what would
//! be right. `and`, `or` and `but not` are not mixed without brackets. Modules are
//! refused by name: `modules` merges them.

mod condition;
mod print;

pub use print::print;

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Spanned, Token, lex, place};
use super::model::{
    Model, Origin, Relation, Restriction, Rewrite, Schema, SubjectForm, TypeDefinition,
};

/// Brackets that may stand in one another: no fewer than a valid model of the JSON form prints to
/// ([`super::validate::REWRITE_LEVELS`]).
pub const NESTED_BRACKETS: usize = 36;

/// A fault in a model's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct DslError {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Parses a model's text.
pub fn parse(text: &str) -> Result<Model, DslError> {
    Parser::new(text).model()
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
        }
    }

    fn model(&mut self) -> Result<Model, DslError> {
        self.skip_lines();
        self.refuse_modules()?;
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
        let mut types = Vec::new();
        let mut conditions = BTreeMap::new();
        loop {
            self.skip_lines();
            match self.peek() {
                Token::End => {
                    return Ok(Model {
                        schema,
                        types,
                        conditions,
                    });
                }
                Token::Word("condition") => self.condition(&mut conditions)?,
                _ => {
                    self.refuse_modules()?;
                    types.push(self.type_definition()?);
                }
            }
        }
    }

    fn refuse_modules(&self) -> Result<(), DslError> {
        match self.peek() {
            Token::Word(word @ ("module" | "extend")) => Err(self.fault(format!(
                "`{word}` belongs to modular models, which are merged before they are written here; write one `model`"
            ))),
            _ => Ok(()),
        }
    }

    fn type_definition(&mut self) -> Result<TypeDefinition, DslError> {
        self.keyword("type")?;
        let name = self.word("the type's name")?.to_owned();
        let relations = self
            .relations(&name)?
            .into_iter()
            .map(|defined| (defined.name, defined.relation))
            .collect();
        Ok(TypeDefinition {
            name,
            relations,
            origin: Origin::default(),
        })
    }

    /// What follows a type's name: nothing, or `relations` and at least one of them.
    pub(super) fn relations(&mut self, type_name: &str) -> Result<Vec<Defined>, DslError> {
        self.end_of_line()?;
        self.skip_lines();
        let mut list: Vec<Defined> = Vec::new();
        if self.peek() != Token::Word("relations") {
            return Ok(list);
        }
        self.advance();
        self.end_of_line()?;
        let mut names = BTreeSet::new();
        loop {
            self.skip_lines();
            if self.peek() != Token::Word("define") {
                break;
            }
            self.advance();
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
            list.push(Defined {
                at,
                name: name.to_owned(),
                relation: Relation {
                    rewrite,
                    restrictions: restrictions.unwrap_or_default(),
                    origin: Origin::default(),
                },
            });
        }
        if list.is_empty() {
            return Err(self.fault(
                "expected `define name: ...` after `relations`; leave `relations` out when there are none".to_owned(),
            ));
        }
        Ok(list)
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
                condition = Some(self.word("a condition's name after `with`")?.to_owned());
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

    pub(super) fn expected(&self, what: &str) -> DslError {
        let found = match self.peek() {
            Token::Word(word) => format!("`{word}`"),
            Token::Mark(mark) => format!("`{}`", mark.escape_debug()),
            Token::Braces(_) => "`{`".to_owned(),
            Token::Line => "the end of the line".to_owned(),
            Token::End => "the end of the text".to_owned(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    /// A fault at the next token.
    fn fault(&self, message: String) -> DslError {
        self.fault_at(self.current().at, message)
    }

    /// A fault at the token that was read last.
    pub(super) fn fault_before(&self, message: String) -> DslError {
        let at = self
            .next
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |spanned| spanned.at);
        self.fault_at(at, message)
    }

    pub(super) fn fault_at(&self, at: usize, message: String) -> DslError {
        let (line, column) = place(self.text, at);
        DslError {
            line,
            column,
            message,
        }
    }
}

#[cfg(test)]
mod tests;
