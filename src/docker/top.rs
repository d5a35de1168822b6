//! The processes of a container, as the engine's `ps` tells them: for containers whose processes
//! cannot be seen from here, as on another machine.
//!
//! Source: `GET /containers/{id}/top?ps_args=…`. The engine runs `ps` of its own host (Podman that
//! of its own making) and cuts the lines into columns; which ones there are is asked by name.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use super::client::Client;
use super::types::Top;
use crate::inventory::Container;
use crate::snapshot::{Process, ProcessError, ProcessList, ProcessQuery, ProcessSource, state_word};

/// Columns of `ps` (procps); what may hold spaces is last. `times` and `etimes` are seconds,
/// `rss` is in KiB.
pub(super) const COLUMNS: &str = "-eo pid,ppid,uid,nlwp,rss,times,etimes,stat,args";

/// Bytes of a command line that are shown, as where the kernel is read.
const COMMAND_BYTES: usize = 1024;

/// Asks the engine for the processes of containers.
#[derive(Debug)]
pub struct EngineProcesses(watch::Receiver<Option<Client>>);

impl EngineProcesses {
    pub(super) fn new(clients: watch::Receiver<Option<Client>>) -> Self {
        EngineProcesses(clients)
    }

    async fn ask(&self, container: &Container, query: ProcessQuery) -> Result<ProcessList, ProcessError> {
        let client = self.0.borrow().clone();
        let Some(client) = client else {
            return Err(ProcessError::OutOfReach("the engine is not reachable".to_owned()));
        };
        let answer = client.top(container.id, COLUMNS).await;
        match answer.map(|top| list(&top, query, Timestamp::now())) {
            Ok(Some(list)) => Ok(list),
            Ok(None) => Err(ProcessError::OutOfReach(
                "the engine does not list processes in the columns that it was asked for".to_owned(),
            )),
            // It has ended since the inventory was asked.
            Err(error) if error.is_gone() || error.is_conflict() => Ok(ProcessList::default()),
            Err(error) => Err(ProcessError::OutOfReach(error.to_string())),
        }
    }
}

impl ProcessSource for EngineProcesses {
    fn list<'s>(
        &'s self,
        container: &'s Container,
        query: ProcessQuery,
    ) -> BoxFuture<'s, Result<ProcessList, ProcessError>> {
        Box::pin(self.ask(container, query))
    }
}

/// The processes of an answer; `None` where it lacks a column.
fn list(top: &Top, query: ProcessQuery, now: Timestamp) -> Option<ProcessList> {
    let column = |title: &str| top.titles.iter().position(|one| one == title);
    let [pid, parent, uid, threads, rss, time, elapsed, state, command] =
        ["PID", "PPID", "UID", "NLWP", "RSS", "TIME", "ELAPSED", "STAT", "COMMAND"].map(column);
    let (pid, rss, time, command) = (pid?, rss?, time?, command?);
    let process = |row: &Vec<String>| {
        let text = |column: Option<usize>| row.get(column?).map(String::as_str);
        let number = |column| text(column)?.parse::<u64>().ok();
        let (shown, cut) = beginning(text(Some(command))?);
        let since = number(elapsed).map(Duration::from_secs);
        Some(Process {
            pid: u32::try_from(number(Some(pid))?).ok()?,
            container_pid: None,
            parent_pid: number(parent).and_then(|pid| u32::try_from(pid).ok()),
            name: None,
            command: Some(shown.to_owned()).filter(|command| !command.is_empty()),
            command_cut: cut,
            uid: number(uid).and_then(|uid| u32::try_from(uid).ok()),
            state: text(state).and_then(|state| state.get(..1)).map_or("unknown", state_word).to_owned(),
            threads: number(threads).unwrap_or(1),
            cpu_ns: number(Some(time))?.saturating_mul(1_000_000_000),
            rss: number(Some(rss))?.saturating_mul(1024),
            started_at: since.and_then(|since| now.checked_sub(since).ok()),
        })
    };
    let mut processes: Vec<Process> = top.rows.iter().filter_map(process).collect();
    let pids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
    for process in &mut processes {
        process.parent_pid = process.parent_pid.filter(|parent| pids.contains(parent));
    }
    let total = processes.len();
    query.order.sort(&mut processes);
    processes.truncate(query.limit);
    Some(ProcessList { total, shown: processes })
}

/// The beginning of a command line, and whether there is more of it.
fn beginning(command: &str) -> (&str, bool) {
    let end = command.floor_char_boundary(COMMAND_BYTES);
    (&command[..end], end < command.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ProcessOrder;

    fn top(titles: &str, rows: &[&str]) -> Top {
        let words = |line: &str, count: usize| line.splitn(count, ' ').map(str::to_owned).collect::<Vec<_>>();
        let titles = words(titles, 20);
        Top { rows: rows.iter().map(|row| words(row, titles.len())).collect(), titles }
    }

    const QUERY: ProcessQuery = ProcessQuery { order: ProcessOrder::Cpu, limit: 10 };

    const TITLES: &str = "PID PPID UID NLWP RSS TIME ELAPSED STAT COMMAND";

    #[test]
    fn rows_of_ps_are_processes() {
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let rows = ["7 1 0 1 4 0 60 Ss sh -c sleep 5", "9 7 1000 3 2048 12 30 R+ busy  loop"];
        let list = list(&top(TITLES, &rows), QUERY, now).unwrap();
        assert_eq!(list.total, 2);
        let [busy, shell] = list.shown.as_slice() else { panic!("{list:?}") };
        assert_eq!((busy.pid, busy.parent_pid, busy.uid, busy.threads), (9, Some(7), Some(1000), 3));
        assert_eq!((busy.cpu_ns, busy.rss), (12_000_000_000, 2 << 20));
        assert_eq!((busy.state.as_str(), busy.command.as_deref()), ("running", Some("busy  loop")));
        assert_eq!(shell.parent_pid, None, "its parent is not one of the container's");
        assert_eq!(shell.started_at, Some("2026-01-01T00:59:00Z".parse().unwrap()));
    }

    #[test]
    fn an_answer_without_the_columns_is_none_and_odd_rows_are_left_out() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(list(&top("PID USER COMMAND", &["7 root sh"]), QUERY, now), None);
        let rows = ["", "7", "x 1 0 1 4 0 60 S sh", "7 1 0 1 4 - 60 S sh"];
        assert_eq!(list(&top(TITLES, &rows), QUERY, now).unwrap().total, 0);
    }

    #[test]
    fn a_long_command_line_is_cut_between_characters() {
        let long = "é".repeat(COMMAND_BYTES);
        let (shown, cut) = beginning(&long);
        assert!(cut && shown.len() == COMMAND_BYTES);
        assert_eq!(beginning("sh"), ("sh", false));
    }
}
