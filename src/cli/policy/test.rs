//! `tessera policy test`: store tests in the `fga` tool's format.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, now, print, refused};
use crate::policy::store_test::{self, Report, Tally};

/// Arguments of `test`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Files of tests: a model, tuples, and what must be answered
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs every file, prints what is wrong and a summary.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut total = Report::default();
    let mut faults = 0;
    for file in &arguments.files {
        match store_test::run(file, now()) {
            Ok(report) => {
                print::out(&told(&file.display().to_string(), &report))?;
                total.tests += report.tests;
                total.failed.extend(report.failed);
                total.checks = sum(total.checks, report.checks);
                total.list_objects = sum(total.list_objects, report.list_objects);
                total.list_users = sum(total.list_users, report.list_users);
            }
            Err(error) => {
                faults += 1;
                print::out(&format!("{error}\n"))?;
            }
        }
    }
    print::out(&summary(&total))?;
    let failed = total.failed.len();
    match (faults, failed) {
        (0, 0) => Ok(()),
        (0, _) => Err(refused(format!("{failed} of {} tests failed", total.tests))),
        _ => Err(refused(format!(
            "{faults} of {} files cannot be run, {failed} of {} tests failed",
            arguments.files.len(),
            total.tests
        ))),
    }
}

fn told(file: &str, report: &Report) -> String {
    let mut text = String::new();
    for name in &report.failed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "(FAILING) {file}: {name}");
        for wrong in report.wrong.iter().filter(|wrong| wrong.test == *name) {
            let (expected, found) = (&wrong.expected, &wrong.found);
            let _ = writeln!(text, "  {}", wrong.question);
            let _ = writeln!(text, "    expected {expected}\n    found    {found}");
        }
    }
    text
}

fn summary(total: &Report) -> String {
    let passed = total.tests - total.failed.len();
    let mut text = format!("# Test Summary #\nTests {passed}/{} passing\n", total.tests);
    for (name, tally) in [
        ("Checks", total.checks),
        ("ListObjects", total.list_objects),
        ("ListUsers", total.list_users),
    ] {
        if tally.all > 0 {
            let _ = writeln!(text, "{name} {}/{} passing", tally.right, tally.all);
        }
    }
    text
}

const fn sum(one: Tally, other: Tally) -> Tally {
    Tally {
        right: one.right + other.right,
        all: one.all + other.all,
    }
}
