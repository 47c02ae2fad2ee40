//! Imports into a store of a running server, and exports from one.

use serde_json::Value;

use super::super::remote::Remote;
use super::super::{Failure, print};
use super::file::TupleFile;
use super::{Import, Outcome, report};
use crate::policy::ImportProgress;
use crate::policy::tuple_file::LineFormat;

/// Sends the file, and follows what the server says of it.
pub(super) async fn import(
    remote: &Remote,
    file: TupleFile,
    arguments: &Import,
) -> Result<Outcome, Failure> {
    let media_type = match file.format {
        LineFormat::Ndjson => "application/x-ndjson",
        LineFormat::Csv => "text/csv",
    };
    let mode = if arguments.all_or_nothing {
        "all_or_nothing"
    } else {
        "up_to_fault"
    };
    let query = format!("mode={mode}&from_line={}", arguments.from_line);
    let chunks = futures_util::stream::try_unfold(file, |mut file| async {
        let chunk = file.chunk().await?;
        Ok::<_, std::io::Error>((!chunk.is_empty()).then_some((chunk, file)))
    });
    let body = reqwest::Body::wrap_stream(chunks);
    let mut answer = remote.import(&query, media_type, body).await?;
    let (mut text, mut reported) = (Vec::new(), 0);
    loop {
        let chunk = answer.chunk().await;
        let Some(chunk) = chunk.map_err(|error| remote.unreachable("import", &error))? else {
            return Err(remote.strange("import"));
        };
        text.extend_from_slice(&chunk);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = serde_json::from_slice(&line).unwrap_or(Value::Null);
            let progress = progress(&line).ok_or_else(|| remote.strange("import"))?;
            let fault = line.get("error").map(fault);
            if fault.is_some() || line.get("done").is_some() {
                return Ok(Outcome { progress, fault });
            }
            report(&mut reported, &progress);
        }
    }
}

/// How far it is.
fn progress(line: &Value) -> Option<ImportProgress> {
    let number = |name: &str| line.get(name)?.as_u64();
    Some(ImportProgress {
        lines: number("lines")?,
        written: number("written")?,
        unchanged: number("unchanged")?,
        position: number("position")?,
        revision: None,
    })
}

/// The line that ended it, if one did, and what is wrong.
fn fault(error: &Value) -> (Option<u64>, String) {
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = format!("{}: {}", word("code"), word("message"));
    (error.get("line").and_then(Value::as_u64), message)
}

/// Prints what the server sends.
pub(super) async fn export(remote: &Remote, format: &str) -> Result<(), Failure> {
    let mut answer = remote.export(format).await?;
    loop {
        let chunk = answer.chunk().await;
        match chunk.map_err(|error| remote.unreachable("export", &error))? {
            Some(chunk) => print::bytes(&chunk)?,
            None => return Ok(()),
        }
    }
}
