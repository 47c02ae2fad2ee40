//! Gathers the configuration: defaults, then the file, the environment, the flags; later ones win.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Config;
use super::check::finish;
use super::draft::{Draft, issuer_for};
use super::given::Given;
use super::keys::{KEYS, Key};
use super::mistake::{Mistake, Mistakes, Place, did_you_mean};
use crate::base::secret::Secret;

const PREFIX: &str = "TESSERA_";
/// The variable that names the file, where no flag does.
const FILE_VARIABLE: &str = "TESSERA_CONFIG";
/// Largest configuration file, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where values come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that a flag names.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Values of flags, by the name of their key.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The environment of this process, and what the command line gave.
    pub fn of_this_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| {
                let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
                (lossy(name), lossy(value))
            })
            .collect();
        Self {
            file,
            environment,
            flags,
        }
    }
}

/// A configuration without mistakes, and where its values come from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The master key, when the environment gave it; else it lies in [`Config::master_key_file`].
    pub master_key: Option<Secret<String>>,
    pub(super) draft: Draft,
    pub(super) places: Places,
}

/// Where each key that is not a default was given.
pub(super) type Places = BTreeMap<&'static str, Place>;

impl Loaded {
    /// The same configuration, now that the address is known: port 0 has become a real one, and an issuer that nobody
    /// gave follows it.
    pub fn listening_on(&mut self, address: std::net::SocketAddr) {
        self.config.listen = address;
        if !self.places.contains_key("issuer") {
            self.config.issuer = issuer_for(address, self.config.tls.is_some());
        }
    }
}

/// Loads the configuration, or tells every mistake in it.
pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    let from_environment = || variable(sources, FILE_VARIABLE).map(PathBuf::from);
    let file = sources.file.clone().or_else(from_environment);
    gather(
        file.map(|path| (path.display().to_string(), read(&path))),
        sources,
    )
}

/// The file's name and its text, as far as it could be read.
pub(super) type FileText = (String, std::io::Result<String>);

/// [`load`] without the reading: the file is what `file` says.
pub(super) fn gather(file: Option<FileText>, sources: &Sources) -> Result<Loaded, Mistakes> {
    let mut loading = Loading::default();
    if let Some((name, text)) = file {
        loading.file(name, text);
    }
    loading.environment(&sources.environment);
    for (name, value) in &sources.flags {
        if let Some(key) = Key::find(name) {
            let place = Place::Flag(key.flag.unwrap_or(key.name));
            loading.set(key, &Given::Word(value.clone()), place);
        }
    }
    loading.finish()
}

fn variable<'s>(sources: &'s Sources, name: &str) -> Option<&'s str> {
    sources
        .environment
        .iter()
        .find(|(found, value)| found == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

#[derive(Default)]
struct Loading {
    draft: Draft,
    places: Places,
    mistakes: Vec<Mistake>,
}

impl Loading {
    fn set(&mut self, key: &'static Key, given: &Given, place: Place) {
        match key.set(&mut self.draft, given) {
            Ok(()) => {
                // A later source repairs what an earlier one got wrong, but the earlier mistake is still told.
                self.places.insert(key.name, place);
            }
            Err(message) => self.mistake(key.name, place, message),
        }
    }

    fn mistake(&mut self, key: &str, place: Place, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            place,
            message: message.into(),
        });
    }

    fn file(&mut self, name: String, text: std::io::Result<String>) {
        match text {
            Ok(text) => {
                let file = File { name, text: &text };
                let (table, errors) = DeTable::parse_recoverable(&text);
                for error in errors {
                    let place = file.place(error.span().map_or(0, |span| span.start));
                    self.mistake("", place, format!("not TOML: {}", error.message()));
                }
                self.table(&file, "", table.get_ref());
            }
            Err(error) => self.mistake(
                "config",
                Place::Default,
                format!("cannot read `{name}`: {error}"),
            ),
        }
    }

    fn table(&mut self, file: &File<'_>, prefix: &str, table: &DeTable<'_>) {
        for (word, value) in table {
            let name = format!("{prefix}{}", word.get_ref());
            let place = file.place(word.span().start);
            match (Key::find(&name), value.get_ref()) {
                (Some(key), _) if !key.in_file() => self.mistake(
                    &name,
                    place,
                    format!("does not belong in this file; set {}", key.variable()),
                ),
                (Some(key), value) => self.set(key, &Given::from(value), place),
                (None, DeValue::Table(inner)) if is_table(&name) => {
                    self.table(file, &format!("{name}."), inner);
                }
                (None, _) => {
                    let message = unknown(&name, KEYS.iter().map(|key| key.name));
                    self.mistake(&name, place, message);
                }
            }
        }
    }

    fn environment(&mut self, variables: &[(String, String)]) {
        let known: Vec<(String, &'static Key)> =
            KEYS.iter().map(|key| (key.variable(), key)).collect();
        for (name, value) in variables {
            if value.is_empty() || !name.starts_with(PREFIX) || is_foreign(name) {
                continue;
            }
            let place = Place::Environment(name.clone());
            if let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) {
                self.set(key, &Given::Word(value.clone()), place);
            } else {
                let message = unknown(name, known.iter().map(|(variable, _)| variable.as_str()));
                self.mistake("", place, message);
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, Mistakes> {
        let places = &self.places;
        let faults = finish(&mut self.draft, |key| places.contains_key(key));
        for (key, message) in faults {
            let place = self.places.get(key).cloned().unwrap_or(Place::Default);
            // A key that was refused is not held against the others a second time.
            if !self.mistakes.iter().any(|mistake| mistake.key == key) {
                self.mistake(key, place, message);
            }
        }
        if !self.mistakes.is_empty() {
            return Err(Mistakes(self.mistakes));
        }
        Ok(Loaded {
            config: self.draft.config.clone(),
            master_key: self.draft.master_key.clone(),
            draft: self.draft,
            places: self.places,
        })
    }
}

struct File<'t> {
    name: String,
    text: &'t str,
}

impl File<'_> {
    /// The line of a byte of the text.
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        Place::File {
            name: self.name.clone(),
            line: 1 + before.matches('\n').count(),
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        return Err(std::io::Error::other(format!(
            "it is larger than {FILE_BYTES} bytes"
        )));
    }
    std::fs::read_to_string(path)
}

/// Whether some key lives in the table of this name.
fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Variables with our prefix that are not ours: the file's name, what clients of a Tessera call their settings, the tests'
/// own, and what Kubernetes sets for a service that is called `tessera`.
fn is_foreign(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    name == FILE_VARIABLE
        || matches!(rest, "URL" | "TOKEN" | "PORT")
        || ["CLIENT_", "TEST_", "PORT_", "SERVICE_"]
            .iter()
            .any(|start| rest.starts_with(start))
}

fn unknown<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> String {
    did_you_mean(given, known).map_or_else(
        || "no such key; `tessera config --reference` lists them".to_owned(),
        |word| format!("no such key; did you mean `{word}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Loaded, Mistakes> {
        let sources = Sources {
            file: None,
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            flags: flags
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
        };
        gather(Some(("t.toml".to_owned(), Ok(file.to_owned()))), &sources)
    }

    #[test]
    fn later_sources_win() {
        let file = "listen = \"127.0.0.1:1001\"\n[tokens]\ncode_ttl_seconds = 31\n[log]\nfilter = \"warn\"\n";
        let loaded = of(
            file,
            &[
                ("TESSERA_LISTEN", "127.0.0.1:1002"),
                ("TESSERA_LOG_FILTER", "debug"),
            ],
            &[("listen", "127.0.0.1:1003")],
        )
        .unwrap();
        assert_eq!(loaded.config.listen.port(), 1003);
        assert_eq!(loaded.config.issuer, "http://127.0.0.1:1003");
        assert_eq!(loaded.config.log.filter, "debug");
        assert_eq!(loaded.config.tokens.code_ttl_seconds.get(), 31);
        assert_eq!(loaded.config.tokens.access_token_ttl_seconds.get(), 300);
        assert_eq!(loaded.places["listen"], Place::Flag("listen"));
        assert!(matches!(
            &loaded.places["tokens.code_ttl_seconds"],
            Place::File { line: 3, .. }
        ));
    }

    #[test]
    fn every_mistake_is_told_with_its_key_and_place() {
        let file = "lisen = \"127.0.0.1:1\"\n\n[tokens]\ncode_ttl_seconds = 600\nrefresh = 3\nmaster_key = \"x\"\n[nonsense]\na = 1\n";
        let error = of(
            file,
            &[
                ("TESSERA_ISSUER", "ftp://x"),
                ("TESSERA_LOG_FORMT", "json"),
                ("TESSERA_SERVICE_HOST", "10.0.0.1"),
                ("TESSERA_PORT", "tcp://10.0.0.1:80"),
                ("TESSERA_URL", "http://127.0.0.1:8080"),
                ("TESSERA_DATABSE_URL", "sqlite:x"),
                ("TESSERA_TLS_CERT", ""),
            ],
            &[("tls.cert", "cert.pem")],
        )
        .unwrap_err();
        let text = error.to_string();
        for part in [
            "the configuration has 9 mistakes:",
            "line 1): no such key; did you mean `listen`?",
            "tokens.code_ttl_seconds (",
            "line 4): `600` is not a number of seconds from 5 to 60",
            "tokens.refresh (",
            "tokens.master_key (",
            "nonsense (",
            "issuer (environment TESSERA_ISSUER): `ftp://x` must begin with https://",
            "environment TESSERA_LOG_FORMT: no such key; did you mean `TESSERA_LOG_FORMAT`?",
            "environment TESSERA_DATABSE_URL: no such key; did you mean `TESSERA_DATABASE_URL`?",
            "tls.key: is missing beside tls.cert; give both",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }

    #[test]
    fn a_broken_file_names_its_line_and_the_rest_is_still_read() {
        let error = of("listen = \nissuer = 5\n", &[], &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 1: not TOML: "), "{error}");
        assert!(error.contains("issuer ("), "{error}");
        let sources = Sources {
            file: Some("/nonexistent/tessera.toml".into()),
            ..Sources::default()
        };
        let error = load(&sources).unwrap_err().to_string();
        assert!(
            error.contains("cannot read `/nonexistent/tessera.toml`"),
            "{error}"
        );
    }

    #[test]
    fn a_master_key_in_the_file_is_refused() {
        let error = of("master_key = \"x\"", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("set TESSERA_MASTER_KEY"), "{error}");
    }

    #[test]
    fn an_issuer_that_nobody_gave_follows_the_bound_port() {
        let mut loaded = of("", &[], &[("listen", "127.0.0.1:0")]).unwrap();
        loaded.listening_on("127.0.0.1:4711".parse().unwrap());
        assert_eq!(loaded.config.issuer, "http://127.0.0.1:4711");
        let given = &[("issuer", "https://id.example.com")];
        let mut loaded = of("", &[], given).unwrap();
        loaded.listening_on("127.0.0.1:4711".parse().unwrap());
        assert_eq!(loaded.config.issuer, "https://id.example.com");
    }
}
