//! The configuration as TOML: the effective one, and the reference of every key. Both can be loaded again as a file.

use std::fmt::Write as _;

use super::check::finish;
use super::draft::Draft;
use super::keys::{KEYS, Key, Kind};
use super::load::Loaded;
use super::mistake::Place;
use super::value::Shown;

/// Widest line of a comment, in characters.
const COLUMNS: usize = 100;

/// The effective configuration: every key, its value, where it was given. Secrets are hidden.
pub fn effective(loaded: &Loaded) -> String {
    let mut draft = loaded.draft.clone();
    let mut text =
        String::from("# The effective configuration; each value says where it comes from.\n");
    in_tables(&mut text, |text, key, word| {
        let place = loaded.places.get(key.name).unwrap_or(&Place::Default);
        match key.show(&mut draft) {
            // What is hidden or does not belong in the file stays a comment, so that the rest can be used as one.
            Some(Shown::Hidden(value)) => push(text, &format!("# {word} = {value}  # {place}")),
            Some(Shown::Whole(value)) => push(text, &format!("{word} = {value}  # {place}")),
            None => push(text, &format!("# {word} is not set")),
        }
    });
    text
}

/// Every key with its meaning, its default, its environment variable and its flag; all in comments.
pub fn reference() -> String {
    let mut draft = Draft::default();
    finish(&mut draft, |_| false);
    let mut text = String::from(
        "# Every key of Tessera's configuration, with its default.\n\
         # Defaults < this file (--config FILE or TESSERA_CONFIG) < environment < flags.\n\
         # Relative paths start at the working directory. In the environment, lists are separated by commas.\n",
    );
    in_tables(&mut text, |text, key, word| {
        text.push('\n');
        comment(text, key.meaning);
        if let Some(range) = range(key) {
            comment(text, &range);
        }
        let flag = key
            .flag
            .map(|flag| format!(", --{flag}"))
            .unwrap_or_default();
        comment(text, &format!("{}{flag}", key.variable()));
        match (key.in_file(), key.show(&mut draft)) {
            (true, Some(Shown::Whole(value) | Shown::Hidden(value))) => {
                push(text, &format!("# {word} = {value}"));
            }
            (true, None) => push(text, &format!("# {word} = \"\"  # not set")),
            (false, _) => push(text, &format!("# {word}: not in this file")),
        }
    });
    text
}

/// Calls `each` with every key and its last word, after the header of its table.
fn in_tables(text: &mut String, mut each: impl FnMut(&mut String, &'static Key, &str)) {
    let mut current = "";
    for key in KEYS {
        let (table, word) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if table != current {
            push(text, &format!("\n[{table}]"));
            current = table;
        }
        each(text, key, word);
    }
}

fn range(key: &Key) -> Option<String> {
    match &key.kind {
        Kind::Seconds(_, min, max) => Some(format!("From {min} to {max} seconds.")),
        Kind::Count(_, min, max) => Some(format!("From {min} to {max}.")),
        Kind::OneOf(_, allowed) => {
            let words: Vec<String> = allowed.iter().map(u32::to_string).collect();
            Some(format!("One of {}.", words.join(", ")))
        }
        Kind::Switch(_)
        | Kind::Address(_)
        | Kind::Networks(_)
        | Kind::Path(_)
        | Kind::OptionalPath(_)
        | Kind::OptionalText(_)
        | Kind::Issuer(_)
        | Kind::DatabaseUrl(_)
        | Kind::SecretText(_)
        | Kind::LogFilter(_)
        | Kind::LogFormat(_)
        | Kind::Policy(_)
        | Kind::Scopes(_)
        | Kind::Resources(_)
        | Kind::Issuers(_) => None,
    }
}

/// A comment, broken between words.
fn comment(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split(' ') {
        if line.len() + 1 + word.len() > COLUMNS {
            push(text, &line);
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    push(text, &line);
}

fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::gather;
    use crate::config::{Sources, load};

    fn load_text(text: &str) -> Loaded {
        let file = ("t.toml".to_owned(), Ok(text.to_owned()));
        gather(Some(file), &Sources::default()).unwrap()
    }

    #[test]
    fn the_reference_loads_as_the_defaults_also_without_its_comments() {
        let text = reference();
        let defaults = format!("{:?}", load(&Sources::default()).unwrap().config);
        assert_eq!(format!("{:?}", load_text(&text).config), defaults);
        let uncommented: String = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = ") && !rest.contains("not set"))
                    .unwrap_or(line)
            })
            .fold(String::new(), |all, line| all + line + "\n");
        assert!(uncommented.contains("\ncode_ttl_seconds = 60\n"));
        assert_eq!(format!("{:?}", load_text(&uncommented).config), defaults);
    }

    #[test]
    fn the_effective_configuration_loads_as_itself_and_hides_secrets() {
        let sources = Sources {
            environment: vec![
                ("TESSERA_MASTER_KEY".to_owned(), "A".repeat(43)),
                ("TESSERA_SESSIONS_IDLE_SECONDS".to_owned(), "120".to_owned()),
            ],
            flags: vec![("listen", "127.0.0.1:9999".to_owned())],
            file: None,
        };
        let loaded = load(&sources).unwrap();
        let text = effective(&loaded);
        assert!(
            text.contains("listen = \"127.0.0.1:9999\"  # flag --listen\n"),
            "{text}"
        );
        assert!(text.contains("idle_seconds = 120  # environment TESSERA_SESSIONS_IDLE_SECONDS\n"));
        assert!(
            text.contains("issuer = \"http://127.0.0.1:9999\"  # default\n"),
            "{text}"
        );
        assert!(!text.contains("AAAA"), "{text}");
        let again = load_text(&text).config;
        assert_eq!(again.listen, loaded.config.listen);
        assert_eq!(
            again.sessions.idle_seconds,
            loaded.config.sessions.idle_seconds
        );
    }
}
