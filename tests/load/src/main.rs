//! A program that does a known amount of work in a container, and says what it did.
//!
//! `load serve DIRECTORY` reads commands from the pipe `DIRECTORY/commands`, a line each, and
//! writes one line of JSON about each to `DIRECTORY/answers`: what it did, measured by itself
//! (its own `getrusage`, the bytes it wrote, the datagrams it sent). Between commands it waits
//! for the pipe and uses nothing, so that counters stand still while they are compared; once the
//! pipe is closed it ends.
//! [`COMMANDS`] lists what it understands. Linked statically, it needs nothing of an image.

mod cpu;
mod disk;
mod memory;
mod network;
mod processes;

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What a command came to.
type Outcome = Result<Answer, Box<dyn std::error::Error>>;

/// The commands and their words.
const COMMANDS: &str = "
    usage                             what it has used so far
    cpu user|system|mixed MILLISECONDS THREADS
    threads COUNT | processes COUNT   start that many that sleep
    memory BYTES                      allocate and touch anonymous memory
    shared FILE BYTES                 write to a file in memory
    write FILE BYTES                  write to a file through the page cache, down to the disk
    write-direct FILE BYTES | read-direct FILE BYTES
    udp-receive PORT COUNT            receive that many datagrams
    udp-send ADDRESS COUNT BYTES      to a `udp-receive`
    connect ADDRESS | connect unix:PATH   keep a connection
    send FILE TIMES                   HTTP requests over it, and what was answered last
    oom BYTES                         let a child take that much, and say what became of it
    read FILE                         what a file says
    release                           end what was started, and give memory back";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["serve", directory] => serve(Path::new(directory)),
        // What `processes` and `oom` start.
        ["sleep"] => processes::sleep(),
        ["take", bytes] => memory::take(bytes),
        _ => Err(format!("load serve DIRECTORY\ncommands:{COMMANDS}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let commands = BufReader::new(File::open(directory.join("commands"))?);
    let mut answers = OpenOptions::new().create(true).append(true).open(directory.join("answers"))?;
    let mut held = Held::default();
    for command in commands.lines() {
        let command = command?;
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        let answer = held.perform(&words).unwrap_or_else(|error| Answer::error(&command, &error.to_string()));
        answers.write_all(format!("{}\n", answer.json()).as_bytes())?;
    }
    Ok(())
}

/// What commands have taken and not given back.
#[derive(Default)]
struct Held {
    memory: Vec<Vec<u8>>,
    files: Vec<String>,
    processes: processes::Started,
    wire: Option<Box<dyn network::Wire>>,
}

impl Held {
    fn perform(&mut self, words: &[&str]) -> Outcome {
        match *words {
            ["usage"] => Ok(Answer::default().usage(&cpu::Usage::of_self()?)),
            ["cpu", mode, milliseconds, threads] => cpu::work(mode, milliseconds.parse()?, threads.parse()?),
            ["threads", count] => self.processes.threads(count.parse()?),
            ["processes", count] => self.processes.processes(count.parse()?),
            ["memory", bytes] => memory::hold(&mut self.memory, bytes.parse()?),
            ["shared", file, bytes] | ["write", file, bytes] => {
                self.files.push(file.to_owned());
                disk::write(file, bytes.parse()?)
            }
            ["write-direct", file, bytes] => disk::write_direct(file, bytes.parse()?),
            ["read-direct", file, bytes] => disk::read_direct(file, bytes.parse()?),
            ["udp-receive", port, count] => network::receive(port.parse()?, count.parse()?),
            ["udp-send", address, count, bytes] => {
                network::send(address.parse()?, count.parse()?, bytes.parse()?)
            }
            ["connect", address] => {
                self.wire = Some(network::connect(address)?);
                Ok(Answer::default())
            }
            ["send", file, times] => {
                let wire = self.wire.as_mut().ok_or("there is no connection; `connect` makes one")?;
                network::exchange(wire.as_mut(), &std::fs::read(file)?, times.parse()?)
            }
            ["oom", bytes] => memory::oom(bytes),
            ["read", file] => Ok(Answer::default().text("text", &std::fs::read_to_string(file)?)),
            ["release"] => {
                self.memory.clear();
                for file in self.files.drain(..) {
                    std::fs::remove_file(file)?;
                }
                self.processes.end()?;
                Ok(Answer::default())
            }
            _ => Err(format!("not a command; the commands are:{COMMANDS}").into()),
        }
    }
}

/// A flat JSON object.
#[derive(Default)]
struct Answer {
    fields: String,
}

impl Answer {
    fn number(mut self, name: &str, value: u64) -> Self {
        let _ = write!(self.fields, "{}\"{name}\":{value}", self.comma());
        self
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.fields, "{}\"{name}\":\"", self.comma());
        for letter in value.chars() {
            let _ = match letter {
                '"' | '\\' => write!(self.fields, "\\{letter}"),
                control if control.is_control() => write!(self.fields, "\\u{:04x}", u32::from(control)),
                other => write!(self.fields, "{other}"),
            };
        }
        self.fields.push('"');
        self
    }

    /// How long it has taken since a moment.
    fn wall(self, began: Instant) -> Self {
        self.number("wall_us", u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn usage(self, usage: &cpu::Usage) -> Self {
        self.number("user_us", usage.user_us)
            .number("system_us", usage.system_us)
            .number("total_us", usage.user_us + usage.system_us)
    }

    fn error(command: &str, error: &str) -> Self {
        Answer::default().text("error", &format!("`{command}`: {error}"))
    }

    fn comma(&self) -> &'static str {
        if self.fields.is_empty() { "" } else { "," }
    }

    fn json(&self) -> String {
        format!("{{{}}}", self.fields)
    }
}
