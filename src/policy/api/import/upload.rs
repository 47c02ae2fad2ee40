//! The body of an import: read as it comes, kept in a file when it must be read twice, and watched over meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::super::access::WriteGate;
use super::super::error::ApiError;
use super::super::stream::Parts;
use super::shown;
use crate::base::time::Timestamp;
use crate::policy::tuple_file::{LINE_BYTES, LineFormat, TupleReader};
use crate::policy::{ImportHost, ImportProgress};

/// How long a body may send nothing, in seconds.
const IDLE_SECONDS: u64 = 60;
/// How long the rest of a body that a fault has ended is taken, in seconds.
const REST_SECONDS: u64 = 10;
/// Largest body that is kept to be read twice, in bytes.
const KEPT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Lines between two lines of the answer.
const REPORT_LINES: u64 = 10_000;
/// Bytes that are read at once from what was kept.
const CHUNK_BYTES: usize = 64 * 1024;

/// A body that is being imported.
pub(super) struct Upload {
    gate: WriteGate,
    body: BodyDataStream,
    /// Read already, to see what the first line names.
    ahead: VecDeque<Bytes>,
    kept: Option<Kept>,
}

/// A body in a file without a name: it is gone with the process.
struct Kept {
    file: File,
    bytes: u64,
    is_whole: bool,
}

impl Upload {
    pub(super) fn new(gate: WriteGate, body: Body) -> Self {
        Self {
            gate,
            body: body.into_data_stream(),
            ahead: VecDeque::new(),
            kept: None,
        }
    }

    /// Keeps out who may not write tuples in the store, not even of the type that the first line names.
    pub(super) async fn let_in(&mut self, format: Option<LineFormat>) -> Result<(), ApiError> {
        if self.gate.is_open() {
            return Ok(());
        }
        let refusal = self.gate.refusal();
        let Some(format) = format else {
            return Err(refusal);
        };
        let mut reader = TupleReader::new(format, 1);
        let mut left = 2 * LINE_BYTES;
        loop {
            if let Some(line) = reader.next_line() {
                let (_, relationship) = line.map_err(|_| refusal)?;
                return self.gate.allow(relationship.tuple.object.type_name()).await;
            }
            match self.chunk().await? {
                Some(chunk) if chunk.len() <= left => {
                    left -= chunk.len();
                    reader.push(&chunk);
                    self.ahead.push_back(chunk);
                }
                None if !reader.has_ended() => reader.end(),
                Some(_) | None => return Err(refusal),
            }
        }
    }

    /// Has the body kept for a second reading.
    pub(super) fn keep(&mut self) -> Result<(), ApiError> {
        let config = &self.gate.app().config;
        let file = if config.database_is_remote() {
            tempfile::tempfile()
        } else {
            tempfile::tempfile_in(&config.data_dir)
        };
        self.kept = Some(Kept {
            file: File::from_std(file.map_err(|error| ApiError::internal(&error))?),
            bytes: 0,
            is_whole: false,
        });
        Ok(())
    }

    pub(super) const fn answering(self, parts: Parts) -> Answering {
        Answering {
            upload: self,
            parts,
            reported: 0,
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let next = tokio::time::timeout(Duration::from_secs(IDLE_SECONDS), self.body.next());
        match next.await {
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(None) => Ok(None),
            Ok(Some(Err(error))) => Err(ApiError::invalid(&format_args!(
                "the body broke off: {error}; go on from the line in `position`"
            ))),
            Err(_) => Err(ApiError::invalid(&format_args!(
                "the body sent nothing for {IDLE_SECONDS} seconds; go on from the line in `position`"
            ))),
        }
    }
}

impl Kept {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        self.bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if self.bytes > KEPT_BYTES {
            return Err(ApiError::bad(
                "exceeded_entity_limit",
                &format_args!(
                    "an import of all or nothing has at most {KEPT_BYTES} bytes; import up to the first fault, or in parts"
                ),
            ));
        }
        let written = self.file.write_all(chunk).await;
        written.map_err(|error| ApiError::internal(&error))
    }

    async fn rewind(&mut self) -> std::io::Result<()> {
        self.file.flush().await?;
        self.file.rewind().await.map(drop)
    }

    async fn read(&mut self, reader: &mut TupleReader) -> std::io::Result<()> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        if self.file.read_buf(&mut chunk).await? == 0 {
            reader.end();
        } else {
            reader.push(&chunk);
        }
        Ok(())
    }
}

/// An upload whose client is being told how far it is.
pub(super) struct Answering {
    upload: Upload,
    parts: Parts,
    reported: u64,
}

impl Answering {
    /// Says how it ended.
    pub(super) async fn end(mut self, line: Value) {
        if self.parts.send(format!("{line}\n")).await.is_err() {
            return;
        }
        // Many clients read no answer before they have sent everything, and lose it when the connection closes on them.
        let rest = async { while let Some(Ok(_)) = self.upload.body.next().await {} };
        let rest = tokio::time::timeout(Duration::from_secs(REST_SECONDS), rest);
        let stopping = self.upload.gate.app().stopping.clone();
        stopping.run_until_cancelled(rest).await;
        self.parts.end().await;
    }

    async fn receive(&mut self, reader: &mut TupleReader) -> Result<(), ApiError> {
        if let Some(kept) = self.upload.kept.as_mut().filter(|kept| kept.is_whole) {
            let read = kept.read(reader).await;
            return read.map_err(|error| ApiError::internal(&error));
        }
        let chunk = match self.upload.ahead.pop_front() {
            Some(chunk) => Some(chunk),
            None => self.upload.chunk().await?,
        };
        let Some(chunk) = chunk else {
            reader.end();
            return Ok(());
        };
        if let Some(kept) = &mut self.upload.kept {
            kept.write(&chunk).await?;
        }
        reader.push(&chunk);
        Ok(())
    }
}

#[async_trait]
impl ImportHost for Answering {
    type Error = ApiError;

    async fn fill(&mut self, reader: &mut TupleReader) -> Result<(), ApiError> {
        if self.parts.is_gone() {
            return Err(ApiError::invalid("the client takes no answer"));
        }
        let stopping = self.upload.gate.app().stopping.clone();
        let filled = stopping.run_until_cancelled(self.receive(reader)).await;
        filled.unwrap_or_else(|| {
            Err(ApiError::unavailable(
                "the server is stopping; go on from the line in `position` when it is back",
            ))
        })
    }

    async fn rewind(&mut self) -> Result<u64, ApiError> {
        let Some(kept) = &mut self.upload.kept else {
            return Ok(0);
        };
        let back = kept.rewind().await;
        back.map_err(|error| ApiError::internal(&error))?;
        kept.is_whole = true;
        Ok(kept.bytes)
    }

    async fn allow(&mut self, object_type: &str) -> Result<(), ApiError> {
        self.upload.gate.allow(object_type).await
    }

    fn now(&self) -> Timestamp {
        self.upload.gate.app().clock.now()
    }

    fn progress(&mut self, progress: &ImportProgress) {
        if progress.lines >= self.reported + REPORT_LINES {
            self.reported = progress.lines;
            self.parts.offer(format!("{}\n", shown(progress)));
        }
    }
}
