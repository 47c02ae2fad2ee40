//! `tessera policy import` and `tessera policy export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::source::{Store, StoreFlags};
use super::{Failure, Settings, now, print, refused};
use crate::policy::engine::relationship::Relationship;
use crate::policy::tuple_file::{self, COLUMNS, Format, TupleKey};
use crate::policy::{Changes, OnConflict, TupleQuery, allow_tuples};

/// Tuples written at a time: the most that one write may hold.
const BATCH: usize = 100;
/// Batches between two lines of progress.
const BATCHES_A_LINE: usize = 100;
/// Tuples read at a time.
const PAGE: u32 = 1_000;

/// Arguments of `import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Import {
    /// Tuples: `.csv`, `.ndjson`, `.jsonl`, `.yaml` or `.json`
    file: PathBuf,
    /// Leave out what stands before this line (of a list: before this entry)
    #[arg(long, value_name = "LINE", default_value_t = 1)]
    from: usize,
    #[command(flatten)]
    store: StoreFlags,
}

/// Arguments of `export`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Export {
    /// How to write them
    #[arg(long, value_enum, default_value_t = Form::Ndjson)]
    format: Form,
    #[command(flatten)]
    store: StoreFlags,
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A JSON object a line
    Ndjson,
    /// The `fga` tool's eight columns; `expires_at` has none
    Csv,
}

/// Writes the tuples in batches. Those that are in the store already are left alone, so an import can be repeated.
pub(super) async fn import(settings: &Settings, arguments: &Import) -> Result<(), Failure> {
    let file = arguments.file.display().to_string();
    let format = Format::of(&arguments.file).map_err(refused)?;
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| refused(format!("{file}: cannot read it: {error}")))?;
    let mut tuples = tuple_file::parse(&file, &text, format).map_err(refused)?;
    drop(text);
    tuples.retain(|(line, _)| *line >= arguments.from);
    let store = arguments.store.open(settings).await?;
    let written = write_all(&store, &tuples).await;
    if let Store::Local(app, _) = &store {
        app.db.close().await;
    }
    written?;
    print::out(&format!("{} tuples imported\n", tuples.len()))
}

async fn write_all(store: &Store, tuples: &[(usize, Relationship)]) -> Result<(), Failure> {
    for (at, batch) in tuples.chunks(BATCH).enumerate() {
        let mut writes: Vec<Relationship> = Vec::with_capacity(batch.len());
        for (_, relationship) in batch {
            // The same line twice is no fault: what is there already is left alone.
            if !writes.contains(relationship) {
                writes.push(relationship.clone());
            }
        }
        let (first, last) = (line_of(batch.first()), line_of(batch.last()));
        if let Err(failure) = write(store, writes).await {
            let message = format!(
                "lines {first} to {last} were not written, those before them were: {failure}; go on with `--from {first}`"
            );
            return Err(Failure::new(failure.exit, message));
        }
        if (at + 1) % BATCHES_A_LINE == 0 {
            print::note(&format!("{} tuples, up to line {last}", (at + 1) * BATCH));
        }
    }
    Ok(())
}

fn line_of(entry: Option<&(usize, Relationship)>) -> usize {
    entry.map_or(0, |(line, _)| *line)
}

async fn write(store: &Store, writes: Vec<Relationship>) -> Result<(), Failure> {
    match store {
        Store::Remote(remote) => remote.write(&writes).await,
        Store::Local(app, id) => {
            allow_tuples(&app.config, &writes)?;
            let changes = Changes {
                writes,
                on_duplicate: OnConflict::Ignore,
                ..Changes::default()
            };
            app.policy.write(id, "", &changes, now()).await?;
            Ok(())
        }
    }
}

/// Prints the tuples, a line each.
pub(super) async fn export(settings: &Settings, arguments: &Export) -> Result<(), Failure> {
    let store = arguments.store.open(settings).await?;
    let printed = print_all(&store, arguments.format).await;
    if let Store::Local(app, _) = &store {
        app.db.close().await;
    }
    printed
}

async fn print_all(store: &Store, form: Form) -> Result<(), Failure> {
    let mut token = String::new();
    let mut is_first = true;
    loop {
        let (tuples, next) = read(store, &token).await?;
        let mut text = String::new();
        if is_first && form == Form::Csv {
            text = format!("{}\n", COLUMNS.join(","));
        }
        is_first = false;
        for relationship in &tuples {
            match form {
                Form::Csv if relationship.limits.expires_at.is_some() => {
                    return Err(refused(format!(
                        "tuple `{}` expires, which CSV has no column for; export with `--format ndjson`",
                        relationship.tuple
                    )));
                }
                Form::Csv => text.push_str(&tuple_file::to_csv(relationship)),
                Form::Ndjson => {
                    let key = serde_json::to_string(&TupleKey::from(relationship));
                    text.push_str(&key.map_err(refused)?);
                }
            }
            text.push('\n');
        }
        print::out(&text)?;
        if next.is_empty() {
            return Ok(());
        }
        token = next;
    }
}

async fn read(store: &Store, token: &str) -> Result<(Vec<Relationship>, String), Failure> {
    match store {
        Store::Remote(remote) => remote.read(token).await,
        Store::Local(app, id) => {
            let query = TupleQuery::default();
            let page = app.policy.read(id, query, (PAGE, token), now()).await?;
            let tuples = page.tuples.into_iter();
            Ok((
                tuples.map(|(relationship, _)| relationship).collect(),
                page.token,
            ))
        }
    }
}
