//! Threads and processes that sleep.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::{Answer, Outcome};

/// What was started and has not ended.
#[derive(Default)]
pub(crate) struct Started {
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
    processes: Vec<Child>,
}

impl Started {
    /// Starts threads.
    pub(crate) fn threads(&mut self, count: u64) -> Outcome {
        for _ in 0..count {
            let (end, wait) = channel::<()>();
            // Waits until the other end is dropped.
            let thread = std::thread::Builder::new().stack_size(1 << 16).spawn(move || {
                let _ = wait.recv();
            })?;
            self.threads.push((end, thread));
        }
        Ok(Answer::default().number("threads", count))
    }

    /// Starts processes.
    pub(crate) fn processes(&mut self, count: u64) -> Outcome {
        for _ in 0..count {
            let mut command = Command::new("/proc/self/exe");
            // A child ends when its input does.
            self.processes.push(command.arg("sleep").stdin(Stdio::piped()).spawn()?);
        }
        Ok(Answer::default().number("processes", count))
    }

    /// Ends them all, and waits until they have.
    pub(crate) fn end(&mut self) -> std::io::Result<()> {
        for (end, thread) in self.threads.drain(..) {
            drop(end);
            drop(thread.join());
        }
        for mut process in self.processes.drain(..) {
            drop(process.stdin.take());
            process.wait()?;
        }
        Ok(())
    }
}

/// What a child of [`Started::processes`] does.
pub(crate) fn sleep() -> Result<(), Box<dyn std::error::Error>> {
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
