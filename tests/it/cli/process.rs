//! Spawns the binary in a directory of its own, and never leaves it behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::database::{Engine, create_postgres_database};

/// A master key for PostgreSQL.
pub const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// How long a process may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A place to run in: an empty directory, and an environment without any `TESSERA_` of ours.
pub struct Place {
    pub dir: TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// An empty directory; the server takes SQLite.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// An empty directory, and an empty database of this engine.
    pub async fn on(engine: Engine) -> Self {
        let place = Self::new();
        match engine {
            Engine::Sqlite => place,
            Engine::Postgres => place
                .with("TESSERA_DATABASE_URL", &create_postgres_database().await)
                .with("TESSERA_MASTER_KEY", MASTER_KEY),
        }
    }

    /// The same with an environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of an environment variable that was given.
    pub fn variable(&self, name: &str) -> String {
        let mut found = self.environment.iter().filter(|(given, _)| given == name);
        found.next_back().unwrap().1.clone()
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let status = running.wait();
        let mut output = Output {
            status,
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        let pipe = running.0.stdout.as_mut().unwrap();
        pipe.read_to_end(&mut output.stdout).unwrap();
        let pipe = running.0.stderr.as_mut().unwrap();
        pipe.read_to_end(&mut output.stderr).unwrap();
        output
    }

    /// Runs a command that must fail with this code and one line on standard error; returns the line.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        // A warning of the log may come first.
        assert!(
            stderr.lines().any(|line| line.starts_with("tessera: ")),
            "{stderr}"
        );
        assert!(!stderr.contains("panicked"), "{stderr}");
        stderr
    }

    /// Starts `serve` on a free port and waits for the banner.
    pub fn serve(&self, arguments: &[&str]) -> Served {
        let mut all = vec!["serve"];
        all.extend(arguments);
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        self.start(&all, "  data ")
    }

    /// Starts a command that serves, and waits until its banner says `end`.
    pub fn start(&self, arguments: &[&str], end: &str) -> Served {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut stdout = BufReader::new(running.0.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains(end) {
            let read = stdout.read_line(&mut banner).unwrap();
            assert!(read > 0, "no banner: {banner}\n{}", self.log());
        }
        let mut served = Served {
            running,
            url: String::new(),
            banner,
            stdout,
        };
        served.url = served.row("issuer").to_owned();
        served
    }

    /// What the last server wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// A process that ends with this value.
pub struct Running(Child);

impl Running {
    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A running server.
pub struct Served {
    running: Running,
    /// Its issuer.
    pub url: String,
    /// What it printed first.
    pub banner: String,
    stdout: BufReader<ChildStdout>,
}

impl Served {
    /// `ADDRESS:PORT`
    pub fn address(&self) -> &str {
        self.url.split_once("//").unwrap().1
    }

    /// What the banner says about `name`.
    pub fn row(&self, name: &str) -> &str {
        let mut lines = self.banner.lines();
        let found = lines.find_map(|line| line.trim().strip_prefix(name));
        found.unwrap().trim()
    }

    /// The setup link, which the banner shows while there is no administrator.
    pub fn next_link(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let found = line.trim().strip_prefix("setup").expect(&line);
        found.trim().to_owned()
    }

    /// Asks it to stop.
    pub fn signal(&self, name: &str) {
        let id = self.running.0.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Kills it without a chance to say anything.
    pub fn kill(mut self) {
        self.running.0.kill().unwrap();
        self.running.wait();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.running.wait()
    }

    /// The process id, to look it up in `/proc`.
    pub fn id(&self) -> u32 {
        self.running.0.id()
    }
}
