//! `tessera config`: the effective configuration, or the reference of every key.

use clap::Args;

use super::{Failure, Settings, print};
use crate::config::reference::{effective, reference};

/// Arguments of `tessera config`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Print every key with its meaning and default instead
    #[arg(long)]
    reference: bool,
}

/// Prints it as TOML.
pub(super) fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.reference {
        print::out(&reference())
    } else {
        print::out(&effective(&settings.load()?))
    }
}
