//! The log: where it goes and in which form. What the process counts stands in [`crate::metrics`].

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// The database driver tells at every start that its table of migrations exists.
const QUIET: &str = "sqlx=warn";

/// Sends the log to standard error from now on; a second call changes nothing.
pub fn init(log: &Log) {
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{}", log.filter));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let ready = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    // Only a subscriber that is there already can refuse.
    drop(ready);
}
