//! A file of tuples as a stream, and as what an import of this process reads.

use std::path::Path;

use async_trait::async_trait;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::super::{Failure, now, refused};
use super::report;
use crate::base::time::Timestamp;
use crate::policy::engine::relationship::Relationship;
use crate::policy::tuple_file::{self, Format, LineFormat, TupleReader};
use crate::policy::{ImportHost, ImportProgress};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file of tuples.
pub(super) struct TupleFile {
    pub(super) format: LineFormat,
    source: Source,
    bytes: u64,
}

enum Source {
    File(File),
    /// A list, as NDJSON, and how much of it was given.
    List(Vec<u8>, usize),
}

impl TupleFile {
    /// Opens a file; the format is told by its name.
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        let format = match Format::of(path).map_err(refused)? {
            Format::Ndjson => LineFormat::Ndjson,
            Format::Csv => LineFormat::Csv,
            Format::Yaml | Format::Json => return Self::list(path),
        };
        let file = File::open(path).await.map_err(|error| {
            let file = path.display();
            refused(format!("{file}: cannot read it: {error}"))
        })?;
        Ok(Self {
            format,
            source: Source::File(file),
            bytes: 0,
        })
    }

    fn list(path: &Path) -> Result<Self, Failure> {
        let tuples: Vec<Relationship> = tuple_file::read(path).map_err(refused)?;
        let format = LineFormat::Ndjson;
        Ok(Self {
            format,
            source: Source::List(format.lines(&tuples)?, 0),
            bytes: 0,
        })
    }

    /// The next bytes; none at the end.
    pub(super) async fn chunk(&mut self) -> std::io::Result<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        match &mut self.source {
            Source::File(file) => drop(file.read_buf(&mut chunk).await?),
            Source::List(text, given) => {
                chunk.extend(text.iter().skip(*given).take(CHUNK_BYTES));
                *given += chunk.len();
            }
        }
        self.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        Ok(chunk)
    }

    async fn rewind(&mut self) -> std::io::Result<u64> {
        match &mut self.source {
            Source::File(file) => drop(file.rewind().await?),
            Source::List(_, given) => *given = 0,
        }
        Ok(std::mem::take(&mut self.bytes))
    }
}

/// Whoever has the data directory may write everything in it.
pub(super) struct Host {
    file: TupleFile,
    reported: u64,
}

impl Host {
    pub(super) const fn new(file: TupleFile) -> Self {
        Self { file, reported: 0 }
    }
}

#[async_trait]
impl ImportHost for Host {
    type Error = std::io::Error;

    async fn fill(&mut self, reader: &mut TupleReader) -> std::io::Result<()> {
        let chunk = self.file.chunk().await?;
        if chunk.is_empty() {
            reader.end();
        } else {
            reader.push(&chunk);
        }
        Ok(())
    }

    async fn rewind(&mut self) -> std::io::Result<u64> {
        self.reported = 0;
        self.file.rewind().await
    }

    async fn allow(&mut self, _object_type: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn progress(&mut self, progress: &ImportProgress) {
        report(&mut self.reported, progress);
    }
}
