//! Conditions in the text form: `condition name(parameter: type) { expression }`.
//!
//! The expression is taken as it stands, without the blanks around it; whether it is CEL is decided elsewhere.

use std::collections::BTreeMap;

use super::{DslError, Parser};
use crate::policy::engine::condition::NESTING_LIMIT;
use crate::policy::engine::lexer::Token;
use crate::policy::engine::model::{Condition, Origin, ParameterType};

impl Parser<'_> {
    /// Reads a condition into `conditions`.
    pub(in crate::policy::engine) fn condition(
        &mut self,
        conditions: &mut BTreeMap<String, Condition>,
    ) -> Result<(), DslError> {
        self.keyword("condition")?;
        let name = self.word("the condition's name")?;
        if conditions.contains_key(name) {
            return Err(self.fault_before(format!("condition `{name}` is defined twice; keep one")));
        }
        let parameters = self.parameters()?;
        self.skip_lines();
        let expression = match self.peek() {
            Token::Braces(expression) => expression.trim(),
            Token::Mark('{') => {
                return Err(self.fault("the expression's `{` is not closed by `}`".to_owned()));
            }
            _ => return Err(self.expected("the condition's expression in braces, `{ .. }`")),
        };
        if expression.is_empty() {
            return Err(self.fault(format!(
                "the expression of condition `{name}` is empty; write one, such as `x > 1`"
            )));
        }
        self.advance();
        self.end_of_line()?;
        let condition = Condition {
            parameters,
            expression: expression.to_owned(),
            origin: Origin::default(),
        };
        conditions.insert(name.to_owned(), condition);
        Ok(())
    }

    fn parameters(&mut self) -> Result<BTreeMap<String, ParameterType>, DslError> {
        self.mark('(')?;
        let mut parameters = BTreeMap::new();
        loop {
            self.skip_lines();
            let name = self.word("a parameter's name")?;
            if parameters.contains_key(name) {
                return Err(
                    self.fault_before(format!("parameter `{name}` is defined twice; keep one"))
                );
            }
            self.mark(':')?;
            parameters.insert(name.to_owned(), self.parameter_type(NESTING_LIMIT)?);
            self.skip_lines();
            if self.peek() != Token::Mark(',') {
                self.mark(')')?;
                return Ok(parameters);
            }
            self.advance();
        }
    }

    /// A type, in at most so many more lists and maps. OpenFGA's text form knows one level, its JSON form any.
    fn parameter_type(&mut self, levels: usize) -> Result<ParameterType, DslError> {
        let at = self.current().at;
        let name = self.word("the parameter's type")?;
        let mut inner = None;
        if self.peek() == Token::Mark('<') {
            let Some(levels) = levels.checked_sub(1) else {
                return Err(self.fault_at(
                    at,
                    format!("more than {NESTING_LIMIT} lists and maps in one another; write `any` for what is in them"),
                ));
            };
            self.advance();
            inner = Some(self.parameter_type(levels)?);
            self.mark('>')?;
        }
        ParameterType::parse(name, inner).ok_or_else(|| {
            self.fault_at(
                at,
                format!(
                    "`{name}` is no type here; write `bool`, `string`, `int`, `uint`, `double`, `duration`, `timestamp`, `ipaddress`, `any`, `list<..>` or `map<..>`"
                ),
            )
        })
    }
}
