//! `dockmeter rightsize`: recommended limits put in force, watched, and taken back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::ArgMatches;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{report, write};
use crate::apply::journal::{Journal, Read};
use crate::apply::plan::{self, Known, Plan};
use crate::apply::run::{self, Orders, Stop};
use crate::apply::undo::{self, Choice, Undoing};
use crate::apply::wish::{self, Selection, Setting, Wish};
use crate::apply::{Answer, rights};
use crate::config::{Config, Sources, show_duration};
use crate::docker::{Found, Updater};
use crate::history::{Query, Upstream, Whom};
use crate::prometheus::Client;
use crate::report::rightsize;
use crate::tenant::Resolver;

mod command;

pub(super) use command::command;

/// The status where something that was chosen had to be left alone.
const LEFT: u8 = 2;

/// The variable with a token; no setting has it.
const TOKEN_VARIABLE: &str = "DOCKMETER_TOKEN";

/// What is said where nothing is to be done.
const NOTHING: &str = "Nothing to change";

/// Where the journal is if nobody says.
const STATE: &str = "/var/lib/dockmeter";

/// A file of ten thousand recommendations has about so many bytes.
const MOST_BYTES: u64 = 32 << 20;

/// Puts recommendations in force, or says what that would be.
pub(super) fn apply(
    arguments: &ArgMatches,
    mut sources: Sources,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let token = sources.env.remove(TOKEN_VARIABLE);
    let config = sources.load()?;
    let selection = selection(arguments)?;
    let runtime = report::runtime()?;
    let folder = folder(arguments, &config);
    let query = config.prometheus.url.is_some().then(|| Client::new(&config.prometheus)).transpose()?;
    let query = query.map(Upstream::new);
    let wishes = match arguments.get_one::<String>("from") {
        Some(file) => read(file)?,
        None => {
            let query = query.as_ref().context(
                "no Prometheus is named, which recommendations come from; name it with `--prometheus.url`, or a file of recommendations with `--from`",
            )?;
            // Of several the report tells of all, and the others are passed over.
            let mut names = selection.containers.iter();
            let container = names.next().filter(|_| names.next().is_none()).cloned();
            let whom = Whom { tenants: selection.tenants.clone(), container, ..Whom::default() };
            let options = report::sizes_of(arguments, whom, Timestamp::now())?;
            wish::of_report(&runtime.block_on(rightsize::report(query, options, &mut |_| ()))?)
        }
    };
    let wishes: Vec<Wish> = wishes.into_iter().filter(|wish| selection.chooses(wish)).collect();
    let unheard: Vec<&str> = selection.unheard(&wishes).collect();
    let unheard = (!unheard.is_empty()).then(|| {
        format!(
            "nothing is recommended of `{}`; `dockmeter report rightsize` lists what is, and what there is not enough data for",
            unheard.join("`, `")
        )
    });
    if let Some(unheard) = unheard.as_ref().filter(|_| wishes.is_empty()) {
        bail!("{unheard}");
    }
    let watch = arguments.get_one("watch").copied().unwrap_or(Duration::from_secs(300));
    let yes = format!(
        "`--yes` does it; each container is watched for {0}, and looked at for up to {0} before",
        show_duration(watch)
    );
    runtime.block_on(async {
        let stop = stop()?;
        let updater = connect(&config).await?;
        if !arguments.get_flag("yes") {
            let read = Journal::look(&folder)?;
            let plan = planned(&updater, &wishes, &read).await?;
            let mut answer = Answer::of_plan(&plan);
            answer.heed(&read);
            answer.notes.extend(unheard);
            return said(arguments, &answer, [&yes, NOTHING], out);
        }
        let (mut journal, read) = Journal::open(&folder)?;
        let plan = planned(&updater, &wishes, &read).await?;
        let containers: Vec<&Found> = plan.steps.iter().map(|step| &step.container).collect();
        permitted(arguments, &config, token.as_deref(), &containers)?;
        if !plan.steps.is_empty() {
            updater.may_change().await?;
        }
        let mut orders = Orders {
            updater: &updater,
            query: query.as_ref().map(|query| query as &dyn Query),
            watch,
            who: who(),
            stop,
        };
        let mut heeded = Answer::default();
        heeded.heed(&read);
        heeded.notes.extend(unheard);
        heeded.notes.iter().for_each(|note| tell(note));
        let done = run::apply(&mut orders, &plan, &mut journal, &mut tell).await?;
        let answer = Answer { notes: heeded.notes, ..Answer::of_run(&plan, &done) };
        said(arguments, &answer, [&yes, NOTHING], out)
    })
}

/// Takes back what was put in force, or says what that would be.
pub(super) fn undo(
    arguments: &ArgMatches,
    mut sources: Sources,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let token = sources.env.remove(TOKEN_VARIABLE);
    let config = sources.load()?;
    let folder = folder(arguments, &config);
    let choice = if arguments.get_flag("last") {
        Choice::Last
    } else if let Some(name) = arguments.get_one::<String>("container") {
        Choice::Container(name.clone())
    } else if let Some(number) = arguments.get_one::<u64>("id") {
        Choice::Number(*number)
    } else {
        Choice::All
    };
    let is_sure = arguments.get_flag("yes");
    ensure!(
        !is_sure || choice != Choice::All || arguments.get_flag("all"),
        "`--yes` needs to know what is to be taken back: `--last`, `--container`, `--id` or `--all`"
    );
    report::runtime()?.block_on(async {
        let stop = stop()?;
        let (mut journal, read) = match is_sure {
            true => {
                let (journal, read) = Journal::open(&folder)?;
                (Some(journal), read)
            }
            false => (None, Journal::look(&folder)?),
        };
        let entries = undo::chosen(&read.entries, &choice).map_err(anyhow::Error::msg)?;
        let updater = connect(&config).await?;
        if is_sure {
            let mut containers = Vec::new();
            for id in entries.iter().filter_map(|entry| entry.container()) {
                containers.extend(updater.find(id).await?);
            }
            permitted(arguments, &config, token.as_deref(), &containers.iter().collect::<Vec<_>>())?;
            if !containers.is_empty() {
                updater.may_change().await?;
            }
        }
        let force = arguments.get_flag("force");
        let mut undoing = Undoing { updater: &updater, journal: journal.as_mut(), force, stop };
        let undone = undoing.all(&entries, &mut tell).await?;
        let mut answer = Answer::of_undo(&undone, !is_sure);
        answer.heed(&if is_sure { Journal::look(&folder)? } else { read.clone() });
        let yes = "`--yes` with `--last`, `--container`, `--id` or `--all` takes it back";
        said(arguments, &answer, [yes, "Nothing to take back"], out)
    })
}

/// Prints what was done; the status says whether it is what was wanted.
fn said(
    arguments: &ArgMatches,
    answer: &Answer,
    [yes, nothing]: [&str; 2],
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let is_json = arguments.get_one::<String>("format").is_some_and(|format| format == "json");
    write(out, &if is_json { answer.json() } else { answer.text(yes, nothing) })?;
    if answer.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let is_left = !answer.left_alone.is_empty() || answer.has(&["skipped", "left_alone"]);
    Ok(match answer.has(&["rolled_back", "failed", "not_reached"]) {
        true => ExitCode::FAILURE,
        false if is_left => ExitCode::from(LEFT),
        false => ExitCode::SUCCESS,
    })
}

fn selection(arguments: &ArgMatches) -> anyhow::Result<Selection> {
    let many = |name: &str| arguments.get_many::<String>(name).into_iter().flatten().cloned();
    let settings: Vec<String> = many("setting").collect();
    let named = |setting: &Setting| settings.iter().any(|name| name == setting.name());
    let selection = Selection {
        tenants: report::tenants(arguments),
        containers: many("container").collect(),
        settings: Setting::ALL.into_iter().filter(named).collect(),
    };
    ensure!(
        selection.is_said() || arguments.get_flag("all"),
        "nothing is chosen; say which containers with `--container`, `--project`, `--user` or `--team`, or `--all`"
    );
    ensure!(
        !selection.is_said() || !arguments.get_flag("all"),
        "`--all` and a choice of containers contradict each other; leave one out"
    );
    Ok(selection)
}

/// The recommendations of a file.
fn read(name: &str) -> anyhow::Result<Vec<Wish>> {
    let failed = || format!("could not read `{name}`; check the path");
    let source: Box<dyn io::Read> = match name {
        "-" => Box::new(io::stdin()),
        path => Box::new(fs::File::open(path).with_context(failed)?),
    };
    let mut text = String::new();
    source.take(MOST_BYTES + 1).read_to_string(&mut text).with_context(failed)?;
    ensure!(
        text.len() as u64 <= MOST_BYTES,
        "`{name}` has more than {MOST_BYTES} bytes; is it the right file?"
    );
    wish::read(&text).with_context(|| format!("`{name}`"))
}

async fn connect(config: &Config) -> anyhow::Result<Updater> {
    let resolver = Resolver::new(config.policy.clone(), config.paths.clone())?;
    Ok(Updater::connect(&config.docker, Arc::new(resolver), config.paths.clone()).await?)
}

/// What is to be done, by what is there now.
async fn planned(updater: &Updater, wishes: &[Wish], read: &Read) -> anyhow::Result<Plan> {
    let is_wanted = |name: &str| wishes.iter().any(|wish| wish.scope.container.as_deref() == Some(name));
    let containers = updater.containers(is_wanted).await?;
    let mut working_sets = BTreeMap::new();
    for found in &containers {
        let usage = updater.usage(found.id).await?;
        working_sets.extend(usage.and_then(|usage| Some((found.id, usage.working_set?))));
    }
    let unfinished = read.entries.iter().filter(|entry| entry.state.is_unfinished());
    let unfinished = unfinished.filter_map(|entry| Some((entry.container()?, entry.number))).collect();
    Ok(plan::plan(wishes, &Known { containers, working_sets, unfinished }, Timestamp::now()))
}

/// Whether a token is given where one is needed.
fn permitted(
    arguments: &ArgMatches,
    config: &Config,
    variable: Option<&str>,
    containers: &[&Found],
) -> anyhow::Result<()> {
    let file = match arguments.get_one::<PathBuf>("token-file") {
        Some(path) => {
            let failed = || format!("could not read the token in `{}`", path.display());
            Some(fs::read_to_string(path).with_context(failed)?)
        }
        None => None,
    };
    let given = file.as_deref().or(variable).map(str::trim).filter(|token| !token.is_empty());
    let tokens = config.tokens.iter().chain(&config.file_tokens);
    Ok(rights::check(tokens, given, containers, Timestamp::now())?)
}

/// The folder of the journal.
fn folder(arguments: &ArgMatches, config: &Config) -> PathBuf {
    let state = || {
        let home = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        home.map_or_else(|| PathBuf::from(STATE), |home| home.join("dockmeter"))
    };
    let named = arguments.get_one::<PathBuf>("journal").cloned();
    named.or_else(|| config.history.path.clone()).unwrap_or_else(state)
}

/// Who runs this, for the journal.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let name = name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"));
    match std::env::var("SUDO_USER") {
        Ok(other) if uid == 0 && !other.is_empty() => format!("{name} by sudo of {other}"),
        _ => name,
    }
}

/// Becomes true on a signal that ends programs, as Ctrl-C and a terminal that is closed.
fn stop() -> anyhow::Result<Stop> {
    let (sender, stop) = watch::channel(false);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind).context("could not listen for signals")?;
        let sender = sender.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                sender.send_replace(true);
            }
        });
    }
    Ok(stop)
}

/// One line on standard error; nothing is left to be done if that is closed.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", line.replace(|c: char| c.is_control(), " "));
}
