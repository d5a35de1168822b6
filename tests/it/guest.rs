//! A throwaway copy of this machine with a systemd of its own, for packages and services.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::component::skip;
use crate::engine::done;

/// The `systemd` that a guest runs; only machines that have one can have guests.
const SYSTEMD: &str = "/lib/systemd/systemd";

/// A guest, gone when dropped.
pub(crate) struct Guest {
    directory: PathBuf,
}

impl Guest {
    /// Boots one that sees some files and folders of this machine (`PATH` or `PATH:THERE`).
    pub(crate) fn start(name: &str, shared: &[&str]) -> Option<Self> {
        if !Path::new(SYSTEMD).exists() || !rustix::process::getuid().is_root() {
            skip("a guest needs root and systemd");
            return None;
        }
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guests").join(name);
        let guest = Guest { directory };
        done(guest.script("start").args(shared));
        Some(guest)
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/guest.sh"));
        command.arg(verb).arg(&self.directory);
        command
    }

    /// What a command prints in it.
    ///
    /// # Panics
    /// It fails.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        let output = done(self.script("run").args(command));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// A command of which it does not matter whether it succeeds.
    pub(crate) fn attempt(&self, command: &[&str]) -> Output {
        self.script("run").args(command).output().expect("the script can be started")
    }

    /// What a page answers, with its head; empty if nobody answers.
    pub(crate) fn page(&self, port: u16, path: &str) -> String {
        let request = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && cat <&3"
        );
        let output = self.attempt(&["bash", "-c", &request]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Files and folders in it that differ from this machine's.
    pub(crate) fn written(&self) -> Vec<String> {
        let output = done(&mut self.script("written"));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        done(&mut self.script("stop"));
    }
}
