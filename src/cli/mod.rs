//! The command line: what it says, which command it names, how the process ends.
//!
//! A command is a file with one `run` that takes its arguments and returns `Result<(), Failure>`.

mod api_key;
mod client;
mod config;
mod declared;
mod demo;
mod exit;
mod keys;
mod outbox;
mod policy;
pub mod print;
mod serve;
mod settings;
pub mod setup;
mod setup_url;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use settings::Settings;

/// One binary that is an OAuth 2 / OpenID Connect server and a relationship-based permission engine.
#[derive(Debug, Parser)]
#[command(name = "tessera", version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the command when none is given)
    Serve(serve::Arguments),
    /// Print a one-time link that makes the first administrator
    SetupUrl,
    /// Create or update clients, users, roles, resource servers, trusted issuers, stores, models, rights, tuples and API keys from a file
    Apply(setup::Arguments),
    /// Show everything at work: the server on throw-away data, a sample application, a sample resource service
    Demo(demo::Arguments),
    /// Print the configuration
    Config(config::Arguments),
    /// Make, list and revoke API keys: what programs call the permission and admin APIs with
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Make, list and end the tokens that applications are registered with
    #[command(subcommand)]
    Client(client::Command),
    /// List, show, create, update and delete the services that tokens are for
    #[command(subcommand)]
    ResourceServer(declared::Command),
    /// The same of types of authorization details (RFC 9396)
    #[command(subcommand)]
    AuthorizationDetailsType(declared::Command),
    /// The same of the issuers whose assertions are grants (RFC 7523)
    #[command(subcommand)]
    TrustedIssuer(declared::Command),
    /// Manage the keys that sign tokens, and make master keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// List messages to other servers that were given up; send them again, or remove them
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Validate, test, draw and compare models; ask questions; move tuples
    #[command(subcommand)]
    Policy(policy::Command),
}

/// Runs the command that this process was given.
pub fn run() -> ExitCode {
    let parsed = Cli::command()
        .after_help(exit_codes())
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Also the way `--help` and `--version` come.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::complain(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let settings = &cli.settings;
    match cli.command.unwrap_or_default() {
        Command::Serve(arguments) => block_on(serve::run(settings, &arguments)),
        Command::SetupUrl => block_on(setup_url::run(settings)),
        Command::Apply(arguments) => block_on(setup::run(settings, &arguments)),
        Command::Demo(arguments) => block_on(demo::run(settings, &arguments)),
        Command::Config(arguments) => config::run(settings, &arguments),
        Command::ApiKey(command) => block_on(api_key::run(settings, &command)),
        Command::Client(command) => block_on(client::run(settings, &command)),
        Command::ResourceServer(command) => block_on(declared::run::<declared::ResourceServers>(
            settings, &command,
        )),
        Command::AuthorizationDetailsType(command) => {
            block_on(declared::run::<declared::DetailTypes>(settings, &command))
        }
        Command::TrustedIssuer(command) => block_on(declared::run::<declared::TrustedIssuers>(
            settings, &command,
        )),
        Command::Keys(command) => block_on(keys::run(settings, &command)),
        Command::Outbox(command) => block_on(outbox::run(settings, &command)),
        Command::Policy(command) => policy::run(settings, &command),
    }
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(serve::Arguments::default())
    }
}

/// Runs an asynchronous command on a runtime of its own.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

fn exit_codes() -> String {
    let lines = Exit::ALL.map(|exit| format!("\n  {}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:\n  0  done{}", lines.concat())
}
