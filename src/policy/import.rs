//! A stream of tuples into a store: read line by line, held against the model, written in batches.
//!
//! | Mode | A line that cannot be written |
//! |---|---|
//! | [`ImportMode::UpToFault`] | ends the import; everything before it is written, nothing after it |
//! | [`ImportMode::AllOrNothing`] | is found before anything is written: the stream is read twice |
//!
//! What was read and checked is then written in one transaction, up to [`ATOMIC_LINES`] and [`ATOMIC_BYTES`]. What is larger
//! goes in batches, because one transaction would keep every other writer of a SQLite database waiting: somebody who writes
//! a contradicting tuple between the two readings, or two lines that contradict each other, end it where they are met.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::batch::Batch;
use super::change::OnConflict;
use super::error::PolicyError;
use super::inline;
use super::service::Policy;
use super::token::Revision;
use super::tuple_file::{Line, LineFault, LineFormat, TupleReader};
use crate::base::time::Timestamp;

/// Lines of one transaction.
const BATCH_LINES: usize = 500;
/// Most lines that an import of everything or nothing writes in one transaction.
pub const ATOMIC_LINES: usize = 100_000;
/// Most bytes of such an import.
pub const ATOMIC_BYTES: u64 = 16 * 1024 * 1024;

/// What happens when a line cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// Everything before it stays.
    #[default]
    UpToFault,
    /// Nothing is written.
    AllOrNothing,
}

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Into which store.
    pub store_id: String,
    /// How the tuples are written.
    pub format: LineFormat,
    /// The first line that counts, from 1.
    pub from_line: u64,
    /// When a tuple is there already.
    pub on_duplicate: OnConflict,
    /// When a line cannot be written.
    pub mode: ImportMode,
    /// Whether tuples may have a condition of their own (`policy.inline_expressions`).
    pub inline_expressions: bool,
}

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Lines that were read.
    pub lines: u64,
    /// Tuples that are new in the store.
    pub written: u64,
    /// Tuples that were there already.
    pub unchanged: u64,
    /// The line to go on from: all before it is in the store.
    pub position: u64,
    /// The store's revision after the last batch that changed something.
    pub revision: Option<Revision>,
}

/// Why an import ended early.
#[derive(Debug)]
pub struct ImportFault<E> {
    /// On account of which line, if of one.
    pub line: Option<u64>,
    /// Why.
    pub cause: ImportCause<E>,
}

/// Why an import ended early.
#[derive(Debug)]
pub enum ImportCause<E> {
    /// The line is no tuple.
    Malformed(String),
    /// The tuple cannot be written.
    Policy(PolicyError),
    /// Whoever asked for the import ends it.
    Host(E),
}

/// Where the stream comes from and who watches over it: a request's body, or a file of this machine.
#[async_trait]
pub trait ImportHost: Send {
    /// Why the host ends the import.
    type Error: Send;

    /// Gives the reader more of the stream, or tells it of the end.
    async fn fill(&mut self, reader: &mut TupleReader) -> Result<(), Self::Error>;

    /// Goes back to the beginning; the number of bytes that the stream has. Called once, after the whole was read.
    async fn rewind(&mut self) -> Result<u64, Self::Error>;

    /// Whether tuples of objects of a type may be written. Asked at least once a batch.
    async fn allow(&mut self, object_type: &str) -> Result<(), Self::Error>;

    /// The instant.
    fn now(&self) -> Timestamp;

    /// Hears how far it is, after every batch.
    fn progress(&mut self, progress: &ImportProgress);
}

impl Policy {
    /// Whether a store can be imported into: it is there, it has a model, and it is not Tessera's own.
    pub async fn can_import(&self, store_id: &str, now: Timestamp) -> Result<(), PolicyError> {
        self.not_the_system_store(store_id)?;
        self.must_exist(&mut self.db().read().await?, store_id)
            .await?;
        self.program_for_writes(store_id, "", now).await.map(drop)
    }

    /// Imports a stream; how far it came, and why it ended early if it did.
    pub async fn import<H: ImportHost>(
        &self,
        host: &mut H,
        options: &ImportOptions,
    ) -> (ImportProgress, Result<(), ImportFault<H::Error>>) {
        let start = ImportProgress {
            position: options.from_line,
            ..ImportProgress::default()
        };
        if let Err(error) = self.can_import(&options.store_id, host.now()).await {
            return (start, Err(of_policy(None, error)));
        }
        let mut purpose = Purpose::Write;
        if options.mode == ImportMode::AllOrNothing {
            let mut check = Import::new(self, host, options, Purpose::Check);
            let checked = check.run().await;
            let lines = check.progress.lines;
            let nothing = ImportProgress { lines, ..start };
            if let Err(fault) = checked {
                return (nothing, Err(fault));
            }
            let bytes = match host.rewind().await {
                Ok(bytes) => bytes,
                Err(error) => return (nothing, Err(of_host(None, error))),
            };
            let lines = usize::try_from(lines).unwrap_or(usize::MAX);
            if lines <= ATOMIC_LINES && bytes <= ATOMIC_BYTES {
                purpose = Purpose::WriteAtOnce;
            }
        }
        let mut import = Import::new(self, host, options, purpose);
        let result = import.run().await;
        (import.progress, result)
    }
}

/// What becomes of the lines that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// They are held against the model and the store.
    Check,
    /// They are written in batches; of a batch with a fault, what stands before it.
    Write,
    /// They are one batch, of which all or nothing is written.
    WriteAtOnce,
}

/// One reading of a stream.
struct Import<'a, H> {
    policy: &'a Policy,
    host: &'a mut H,
    options: &'a ImportOptions,
    purpose: Purpose,
    reader: TupleReader,
    batch: Vec<Line>,
    /// Types that the host was asked about since the last batch.
    allowed: BTreeSet<String>,
    progress: ImportProgress,
}

impl<'a, H: ImportHost> Import<'a, H> {
    fn new(
        policy: &'a Policy,
        host: &'a mut H,
        options: &'a ImportOptions,
        purpose: Purpose,
    ) -> Self {
        Self {
            policy,
            host,
            options,
            purpose,
            reader: TupleReader::new(options.format, options.from_line),
            batch: Vec::new(),
            allowed: BTreeSet::new(),
            progress: ImportProgress {
                position: options.from_line,
                ..ImportProgress::default()
            },
        }
    }

    async fn run(&mut self) -> Result<(), ImportFault<H::Error>> {
        let read = self.read().await;
        self.progress.lines = self.reader.lines_done();
        if read.is_err() && self.purpose == Purpose::WriteAtOnce {
            return read;
        }
        // What stands before a fault is dealt with first: it may hold an earlier one.
        self.flush().await?;
        match &read {
            Ok(()) => self.progress.position = self.next(),
            Err(fault) => {
                if let (Some(line), Purpose::Write) = (fault.line, self.purpose) {
                    self.progress.position = line;
                }
            }
        }
        read
    }

    /// The line after what was read, if all of that is dealt with.
    fn next(&self) -> u64 {
        let next = self.reader.lines_done() + 1;
        next.max(self.options.from_line)
    }

    async fn read(&mut self) -> Result<(), ImportFault<H::Error>> {
        loop {
            while let Some(line) = self.reader.next_line() {
                let (line, relationship) =
                    line.map_err(|LineFault { line, message }| ImportFault {
                        line: Some(line),
                        cause: ImportCause::Malformed(message),
                    })?;
                inline::allow(
                    self.options.inline_expressions,
                    relationship.limits.is_inline(),
                )
                .map_err(|error| of_policy(Some(line), error))?;
                let object_type = relationship.tuple.object.type_name();
                if !self.allowed.contains(object_type) {
                    let allowed = self.host.allow(object_type).await;
                    allowed.map_err(|error| of_host(Some(line), error))?;
                    self.allowed.insert(object_type.to_owned());
                }
                self.batch.push((line, relationship));
                let is_full = self.batch.len() >= BATCH_LINES;
                if is_full && self.purpose != Purpose::WriteAtOnce {
                    self.flush().await?;
                }
            }
            if self.reader.has_ended() {
                return Ok(());
            }
            let filled = self.host.fill(&mut self.reader).await;
            filled.map_err(|error| of_host(None, error))?;
        }
    }

    /// Checks or writes what was read.
    async fn flush(&mut self) -> Result<(), ImportFault<H::Error>> {
        // After a batch that could not be written there is nothing left, and the position stays before it.
        if self.batch.is_empty() {
            return Ok(());
        }
        self.allowed.clear();
        let lines = std::mem::take(&mut self.batch);
        let (store, now) = (self.options.store_id.as_str(), self.host.now());
        let on_duplicate = self.options.on_duplicate;
        let batch = Batch {
            store,
            lines,
            on_duplicate,
        };
        let done = match self.purpose {
            Purpose::Check => self.policy.check_batch(&batch, now).await,
            Purpose::Write => self.policy.write_batch(batch, now, true).await,
            Purpose::WriteAtOnce => self.policy.write_batch(batch, now, false).await,
        };
        let done = done.map_err(|error| of_policy(None, error))?;
        self.progress.lines = self.reader.lines_done();
        self.progress.written += done.written;
        self.progress.unchanged += done.unchanged;
        self.progress.revision = done.revision.or(self.progress.revision.take());
        if let Some((line, error)) = done.fault {
            if self.purpose == Purpose::Write {
                self.progress.position = line;
            }
            return Err(of_policy(Some(line), error));
        }
        if self.purpose != Purpose::Check {
            self.progress.position = self.next();
        }
        self.host.progress(&self.progress);
        Ok(())
    }
}

const fn of_policy<E>(line: Option<u64>, error: PolicyError) -> ImportFault<E> {
    ImportFault {
        line,
        cause: ImportCause::Policy(error),
    }
}

const fn of_host<E>(line: Option<u64>, error: E) -> ImportFault<E> {
    ImportFault {
        line,
        cause: ImportCause::Host(error),
    }
}
