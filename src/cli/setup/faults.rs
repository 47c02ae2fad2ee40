//! Faults of a setup file, each with its line: all of them are collected, none stops the reading.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// Where in the document, such as `clients[0].redirect_uris`; empty for the whole file.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "line {}: {}", self.line, self.message)
        } else {
            write!(f, "line {}: {}: {}", self.line, self.key, self.message)
        }
    }
}

/// The faults of one text.
#[derive(Debug)]
pub struct Faults<'t> {
    text: &'t str,
    found: Vec<Fault>,
    /// How many of them are of the form.
    of_form: usize,
}

impl<'t> Faults<'t> {
    /// No faults yet in `text`.
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
            of_form: 0,
        }
    }

    /// What comes from here on is about values.
    pub const fn form_is_read(&mut self) {
        self.of_form = self.found.len();
    }

    /// The line on which a span of bytes begins, counted from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        1 + before.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// Adds a fault at a span of bytes.
    pub fn add(&mut self, span: &Range<usize>, key: &str, message: impl Into<String>) {
        let line = self.line(span);
        self.add_at(line, key, message);
    }

    /// Adds what is wrong with a field's value, unless its form is wrong already: then nobody knows the value.
    pub fn add_value(&mut self, line: usize, key: &str, message: impl Into<String>) {
        let of_form = &mut self.found.iter().take(self.of_form);
        if !of_form.any(|fault| fault.key == key) {
            self.add_at(line, key, message);
        }
    }

    /// Adds a fault on a line.
    pub fn add_at(&mut self, line: usize, key: &str, message: impl Into<String>) {
        self.found.push(Fault {
            line,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// The faults in the order of their lines.
    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found
    }
}
