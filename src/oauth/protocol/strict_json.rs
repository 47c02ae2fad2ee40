//! JSON that means one thing: no member stands twice in an object, and nothing is nested deeper than its reader wants.
//!
//! RFC 8259 section 4 leaves open which of two equal members counts; two readers that disagree are an attack (SECURITY rows 4 and 51).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses a whole text. `depth` bounds how many arrays and objects may stand in one another. The message says what is wrong, in words for
/// who made the text.
pub fn parse(text: &str, depth: usize) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| error.to_string())
}

/// Reads one value, with `depth` levels left.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!(
                    "`{name}` stands twice in one object"
                )));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_serde_reads() {
        for text in [
            "null",
            "true",
            "-1",
            "18446744073709551615",
            "1.5",
            r#""a\u0062""#,
            r#"{"a":[1,{"b":null}],"c":"d"}"#,
            "[]",
        ] {
            let plain: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text, 8), Ok(plain), "{text}");
        }
    }

    #[test]
    fn twins_depth_and_leftovers_are_refused() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (text, says) in [
            (r#"{"a":1,"a":1}"#.to_owned(), "`a` stands twice"),
            // An escape does not hide it.
            (r#"[{"a":1,"\u0061":2}]"#.to_owned(), "`a` stands twice"),
            (deep(5), "nested too deeply"),
            (
                r#"{"a":{"a":{"a":{"a":{}}}}}"#.to_owned(),
                "nested too deeply",
            ),
            (deep(100_000), "nested too deeply"),
            ("[] []".to_owned(), "trailing characters"),
            ("[".to_owned(), "EOF"),
            ("{a:1}".to_owned(), "key must be a string"),
            (String::new(), "EOF"),
        ] {
            let error = parse(&text, 4).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
        assert!(parse(&deep(4), 4).is_ok());
    }
}
