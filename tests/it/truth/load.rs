//! The load program in a container: commands go in by a pipe, answers come back in a file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use tempfile::TempDir;

use crate::component::Component;
use crate::engine::{Container, Engine};
use crate::poll::eventually;

/// A load that waits for commands.
pub(crate) struct Load<'engine> {
    pub(crate) container: Container<'engine>,
    directory: TempDir,
    commands: File,
    asked: usize,
}

impl<'engine> Load<'engine> {
    /// Starts it in a container and waits until it answers.
    pub(crate) fn start(engine: &'engine Engine, name: &str, options: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pipe = directory.path().join("commands");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
        let mounts = mounts(&directory)?;
        let options = [&[mounts[0].as_str(), mounts[1].as_str()], options].concat();
        let container = engine.run(name, &options, &["/load", "serve", "/truth"]);
        // Opened for reading too, so that it opens at once and stays open.
        let commands = OpenOptions::new().read(true).write(true).open(&pipe).expect("the pipe");
        let mut load = Load { container, directory, commands, asked: 0 };
        load.ask("usage");
        Some(load)
    }

    /// Gives a command and waits for what it came to.
    pub(crate) fn ask(&mut self, command: &str) -> Answer {
        self.tell(command);
        self.answer()
    }

    /// Gives a command.
    pub(crate) fn tell(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).expect("a command");
        self.asked += 1;
    }

    /// Writes a file, which it finds as `/truth/NAME`.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(name), bytes).expect("a file");
    }

    /// Lets it end once it has done what it was told.
    pub(crate) fn close(&mut self) {
        self.commands = File::open("/dev/null").expect("an empty file");
    }

    /// Waits for what the last command came to.
    pub(crate) fn answer(&self) -> Answer {
        let file = self.directory.path().join("answers");
        eventually("the load answers", || {
            let answers = fs::read_to_string(&file).ok()?;
            answers.split_inclusive('\n').nth(self.asked - 1)?.strip_suffix('\n').map(Answer::read)
        })
    }
}

/// The options that bring the load and its directory into a container.
fn mounts(directory: &TempDir) -> Option<[String; 2]> {
    let load = Component::Load.path()?;
    Some([
        format!("--volume={}:/load:ro", load.display()),
        format!("--volume={}:/truth", directory.path().display()),
    ])
}

/// What a command came to.
pub(crate) struct Answer(Value);

impl Answer {
    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["error"].is_null(), "{line}");
        Answer(value)
    }

    /// A number that it has to hold.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in {}", self.0))
    }

    /// A text that it has to hold.
    pub(crate) fn words(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {}", self.0))
    }

    /// Microseconds as seconds.
    pub(crate) fn seconds(&self, name: &str) -> f64 {
        self.number(name) / 1e6
    }

    /// What a file says that is one number.
    pub(crate) fn file(&self) -> f64 {
        let text = self.0["text"].as_str().unwrap_or_else(|| panic!("no `text` in {}", self.0));
        text.trim().parse().unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
