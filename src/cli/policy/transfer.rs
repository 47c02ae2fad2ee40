//! `tessera policy import` and `tessera policy export`: whole stores as streams. NDJSON and CSV files are read as they are
//! needed, however long they are; lists in YAML and JSON are read whole.

mod file;
mod remote;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::file::{Host, TupleFile};
use super::source::{Store, StoreFlags};
use super::{Failure, Settings, now, print, refused};
use crate::policy::tuple_file::LineFormat;
use crate::policy::{
    ImportCause, ImportFault, ImportMode, ImportOptions, ImportProgress, OnConflict,
};

/// Lines between two lines of progress.
const REPORT_LINES: u64 = 10_000;

/// Arguments of `import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Import {
    /// Tuples: `.csv`, `.ndjson`, `.jsonl`, `.yaml` or `.json`
    file: PathBuf,
    /// Leave out what stands before this line (of a list: before this entry)
    #[arg(
        long,
        value_name = "LINE",
        default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    from_line: u64,
    /// Read the whole file first, and write nothing if one line of it cannot be written
    #[arg(long)]
    all_or_nothing: bool,
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
    /// The `fga` tool's eight columns and `expires_at`
    Csv,
}

/// How an import ended, wherever the store is.
struct Outcome {
    progress: ImportProgress,
    fault: Option<(Option<u64>, String)>,
}

/// Writes the tuples in batches. Those that are in the store already are left alone, so an import can be repeated.
pub(super) async fn import(settings: &Settings, arguments: &Import) -> Result<(), Failure> {
    let file = TupleFile::open(&arguments.file).await?;
    let store = arguments.store.open(settings).await?;
    let outcome = match &store {
        Store::Remote(remote) => remote::import(remote, file, arguments).await,
        Store::Local(app, id) => {
            let options = ImportOptions {
                store_id: id.clone(),
                format: file.format,
                from_line: arguments.from_line,
                on_duplicate: OnConflict::Ignore,
                mode: if arguments.all_or_nothing {
                    ImportMode::AllOrNothing
                } else {
                    ImportMode::UpToFault
                },
                inline_expressions: app.config.policy_inline_expressions,
            };
            let (progress, result) = app.policy.import(&mut Host::new(file), &options).await;
            app.db.close().await;
            let fault = result.err().map(said);
            Ok(Outcome { progress, fault })
        }
    };
    conclude(arguments, &outcome?)
}

fn said(fault: ImportFault<std::io::Error>) -> (Option<u64>, String) {
    let message = match fault.cause {
        ImportCause::Malformed(message) => message,
        ImportCause::Policy(error) => error.to_string(),
        ImportCause::Host(error) => format!("cannot read it: {error}"),
    };
    (fault.line, message)
}

fn conclude(arguments: &Import, outcome: &Outcome) -> Result<(), Failure> {
    let ImportProgress {
        written,
        unchanged,
        position,
        ..
    } = outcome.progress;
    let Some((line, message)) = &outcome.fault else {
        return print::out(&format!(
            "{written} tuples written, {unchanged} were there already\n"
        ));
    };
    let file = arguments.file.display();
    let place = line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"));
    let kept = if arguments.all_or_nothing && written == 0 {
        "nothing was written".to_owned()
    } else {
        format!(
            "{written} tuples were written, everything before line {position} is in the store; go on with `--from-line {position}`"
        )
    };
    Err(refused(format!("{place}: {message}; {kept}")))
}

/// Says how far it is, every so many lines.
fn report(reported: &mut u64, progress: &ImportProgress) {
    if progress.lines >= *reported + REPORT_LINES {
        *reported = progress.lines;
        let ImportProgress {
            lines,
            written,
            unchanged,
            position,
            ..
        } = progress;
        print::note(&format!(
            "{lines} lines read, {written} tuples written, {unchanged} were there already; at line {position}"
        ));
    }
}

/// Prints the tuples, a line each.
pub(super) async fn export(settings: &Settings, arguments: &Export) -> Result<(), Failure> {
    let (format, name) = match arguments.format {
        Form::Ndjson => (LineFormat::Ndjson, "ndjson"),
        Form::Csv => (LineFormat::Csv, "csv"),
    };
    match &arguments.store.open(settings).await? {
        Store::Remote(remote) => remote::export(remote, name).await,
        Store::Local(app, id) => {
            let mut export = app.policy.export(id, now()).await?;
            print::out(&format.head())?;
            while let Some(tuples) = export.next_page().await? {
                print::bytes(&format.lines(&tuples)?)?;
            }
            drop(export);
            app.db.close().await;
            Ok(())
        }
    }
}
