//! Standard output and standard error, without a panic when nobody reads them any more.

use std::io::{ErrorKind, Write as _, stderr, stdout};

use super::Failure;

/// Prints to standard output. A reader that went away (`| head`) is no failure.
pub fn out(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// The same, of bytes that are text already.
pub(super) fn bytes(text: &[u8]) -> Result<(), Failure> {
    let mut to = stdout().lock();
    match to.write_all(text).and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints `tessera: ...` to standard error; there is nowhere to report that this failed.
pub(super) fn complain(text: &str) {
    drop(writeln!(stderr().lock(), "tessera: {text}"));
}

/// Prints a line of progress to standard error, where it does not mix with what a command prints.
pub(super) fn note(text: &str) {
    drop(writeln!(stderr().lock(), "{text}"));
}
