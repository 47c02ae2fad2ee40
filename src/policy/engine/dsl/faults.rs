//! Faults of a model's text, and how reading goes on after one: at the next line that begins a relation, a type or a condition.

use super::Parser;
use crate::policy::engine::lexer::{Token, place};

/// Most faults that are told of one text; reading ends there.
pub const FAULTS: usize = 50;

/// What may begin a line between types and conditions.
pub(in crate::policy::engine) const PARTS: &[&str] = &["type", "condition", "extend"];
/// What may begin a line in a type.
pub(super) const RELATIONS: &[&str] = &["define", "type", "condition", "extend"];
/// What may begin the line after a type's name.
pub(super) const BELOW_TYPE: &[&str] = &["relations", "define", "type", "condition", "extend"];

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

/// All faults of a model's text, in its order; at least one, at most [`FAULTS`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", in_one_line(.0))]
pub struct DslErrors(Vec<DslError>);

impl DslErrors {
    /// The faults.
    pub fn faults(&self) -> &[DslError] {
        &self.0
    }
}

fn in_one_line(faults: &[DslError]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

impl Parser<'_> {
    /// What was read, if nothing was wrong.
    pub(in crate::policy::engine) fn finish<T>(self, read: T) -> Result<T, DslErrors> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(DslErrors(self.faults))
        }
    }

    /// Remembers a fault after which reading goes on where it is.
    pub(in crate::policy::engine) fn note(&mut self, fault: DslError) {
        self.faults.push(fault);
        if self.faults.len() >= FAULTS {
            self.next = self.tokens.len();
        }
    }

    /// Remembers a fault; reading goes on at the next line that begins with one of these words.
    pub(in crate::policy::engine) fn fail(&mut self, fault: DslError, at: &[&str]) {
        self.note(fault);
        self.depth = 0;
        loop {
            match self.peek() {
                Token::End => return,
                Token::Word(word) if at.contains(&word) && self.begins_a_line() => return,
                Token::Word(_) | Token::Mark(_) | Token::Braces(_) | Token::Line => self.advance(),
            }
        }
    }

    fn begins_a_line(&self) -> bool {
        self.before()
            .is_none_or(|before| before.token == Token::Line)
    }

    pub(in crate::policy::engine) fn expected(&self, what: &str) -> DslError {
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
    pub(super) fn fault(&self, message: String) -> DslError {
        self.fault_at(self.current().at, message)
    }

    /// A fault at the token that was read last.
    pub(super) fn fault_before(&self, message: String) -> DslError {
        self.fault_at(self.before().map_or(0, |spanned| spanned.at), message)
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
