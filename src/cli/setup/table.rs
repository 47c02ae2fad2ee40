//! Reads one TOML table by named keys: a wrong type, a missing or an unknown key becomes a fault with its line.

use std::collections::HashMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::faults::Faults;

/// A value and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// The value.
    pub value: T,
}

/// A table whose keys are taken one by one.
pub struct Table<'t, 'i> {
    entries: &'t DeTable<'i>,
    span: Range<usize>,
    path: String,
    taken: Vec<&'static str>,
}

impl<'t, 'i> Table<'t, 'i> {
    /// The whole document.
    pub fn root(table: &'t Spanned<DeTable<'i>>) -> Self {
        Self {
            entries: table.get_ref(),
            span: table.span(),
            path: String::new(),
            taken: Vec::new(),
        }
    }

    /// The bytes of the table.
    pub fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The dotted name of a key of this table.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.taken.push(key);
        self.entries.get(key)
    }

    /// A text, if present.
    pub fn text(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<Located<String>> {
        let value = self.take(key)?;
        let found = text_of(value, faults);
        if found.is_none() {
            self.wrong_type(value, key, "a text in quotes", faults);
        }
        found
    }

    /// A text that must be present.
    pub fn required_text(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<Located<String>> {
        if !self.entries.contains_key(key) {
            self.taken.push(key);
            let name = self.key(key);
            faults.add(&self.span, &name, "is missing; every entry needs it");
            return None;
        }
        self.text(key, faults)
    }

    /// `true` or `false`, if present.
    pub fn boolean(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<bool> {
        let value = self.take(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, key, "`true` or `false`", faults);
        }
        found
    }

    /// A list of texts, if present.
    pub fn texts(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<Vec<Located<String>>> {
        let value = self.take(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list of texts, such as [\"..\"]", faults);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match text_of(item, faults) {
                Some(text) => texts.push(text),
                None => self.wrong_type(item, key, "a text in quotes", faults),
            }
        }
        Some(texts)
    }

    /// Whether the table has a key; it still must be taken.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A list of tables (`[[key]]`, or inline); empty when absent.
    pub fn tables(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Vec<Table<'t, 'i>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list of tables, `[[..]]`", faults);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.key(key));
            if let Some(table) = item.get_ref().as_table() {
                tables.push(Table {
                    entries: table,
                    span: item.span(),
                    path,
                    taken: Vec::new(),
                });
            } else {
                self.wrong_type(item, key, "a table", faults);
            }
        }
        tables
    }

    /// A table with named fields of its own (`key = { .. }` or `[..key]`), if present.
    pub fn fields<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<Located<T>> {
        let value = self.take(key)?;
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => Some(Located {
                line: faults.line(&value.span()),
                value: read,
            }),
            Err(error) => {
                let span = error.span().unwrap_or_else(|| value.span());
                faults.add(&span, &self.key(key), error.message().to_owned());
                None
            }
        }
    }

    /// All keys that nobody took, as a value with named fields, and the line of each. A fault names its key; what is sound is read
    /// without it, so that the value's own faults are seen in the same round.
    pub fn rest<T: DeserializeOwned>(
        &mut self,
        faults: &mut Faults<'_>,
    ) -> (Option<T>, HashMap<String, usize>) {
        let mut lines = HashMap::new();
        let mut rest = DeTable::new();
        for (key, value) in self.entries {
            let name = key.get_ref().as_ref();
            if self.taken.contains(&name) {
                continue;
            }
            lines.insert(name.to_owned(), faults.line(&key.span()));
            // One by one first: a fault in one key must not hide those of the others.
            let alone = DeTable::from_iter([(key.clone(), value.clone())]);
            if let Err(error) = of_table::<T>(alone, &self.span) {
                let span = error.span().unwrap_or_else(|| value.span());
                faults.add(&span, &self.key(name), error.message().to_owned());
            } else {
                rest.insert(key.clone(), value.clone());
            }
        }
        (of_table(rest, &self.span).ok(), lines)
    }

    /// Ends the reading: every key that nobody took is a fault.
    pub fn finish(self, faults: &mut Faults<'_>) {
        for key in self.entries.keys() {
            let name = key.get_ref().as_ref();
            if !self.taken.contains(&name) {
                let message = format!("is not a key here; known keys: {}", self.taken.join(", "));
                faults.add(&key.span(), &self.key(name), message);
            }
        }
    }

    fn wrong_type(
        &self,
        value: &Spanned<DeValue<'i>>,
        key: &str,
        wanted: &str,
        faults: &mut Faults<'_>,
    ) {
        let found = value.get_ref().type_str();
        faults.add(
            &value.span(),
            &self.key(key),
            format!("must be {wanted}; found {found}"),
        );
    }
}

fn of_table<T: DeserializeOwned>(
    table: DeTable<'_>,
    span: &Range<usize>,
) -> Result<T, toml::de::Error> {
    let value = Spanned::new(span.clone(), DeValue::Table(table));
    T::deserialize(ValueDeserializer::from(value))
}

fn text_of(value: &Spanned<DeValue<'_>>, faults: &Faults<'_>) -> Option<Located<String>> {
    let text = value.get_ref().as_str()?;
    Some(Located {
        line: faults.line(&value.span()),
        value: text.to_owned(),
    })
}
