//! What is to be in a Grafana, planned and made.

use std::io::{IsTerminal as _, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{made, templates};
use crate::cli::{report, write};
use crate::config::{Config, duration, show_duration};
use crate::grafana::{
    self, ApplyError, Bundle, Dashboard, Grafana, Options, Outcome, Palette, Plan, Progress, State, Verb,
    Wanted,
};

/// The status where something is to be done, or could not be.
const PENDING: u8 = 2;

/// How long may be waited for Grafana.
const WAITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// More than this is removed only if somebody says so.
const MAX_DELETES: &str = "20";

const PLAN_HELP: &str = "\
Compares what is to be in Grafana with what is there and with what the last `apply` did, and lists
what `apply` would do, object by object and field by field. Nothing is written.

  +  is made        ~  is changed        -  is removed: ours, and not wanted any more
  !  is left alone although something else is wanted, and why

Where somebody changed an object in Grafana since, who and when is told as far as Grafana knows it.
The exit status is 0 if nothing is to be done, 2 if something is, 1 if something is wrong.

  grafana:
    url: http://grafana:3000
    token_file: /run/secrets/grafana_token     # or username and password_file
    prometheus_url: http://prometheus:9090     # as Grafana reaches it
    teams: {core: {members: [ann@example.org]}}

Examples:
  dockmeter grafana plan --grafana.url=http://127.0.0.1:3000 --grafana.token-file=token
  dockmeter grafana plan --config.file=dockmeter.yml --color=always | less -R";

const APPLY_HELP: &str = "\
Does what `dockmeter grafana plan` lists: folders, data sources, dashboards, teams, permissions, alert
rules and what notifies of them, one after the other, each read back and compared. An interrupted
run is finished by the next one. Only what is ours is changed or removed: uids and names that begin
with `dockmeter-`, dashboards with the tag `dockmeter`, teams that were made here.

What was made is noted in --grafana.state-file; keep it, so that the next plan can tell changes made
in Grafana from yours. The exit status is 0 if everything is as it should be, 2 if something had to
be left alone, 1 if something failed.

Examples:
  dockmeter grafana apply --config.file=dockmeter.yml
  dockmeter grafana apply --adopt         # takes over objects that were there before
  dockmeter grafana apply --wait=5m       # Grafana is only just starting";

const DESTROY_HELP: &str = "\
Removes what `dockmeter grafana apply` made, and nothing else; a folder that holds anything of
somebody else's stays. Without --yes it only says what would be removed, with exit status 2.

Examples:
  dockmeter grafana destroy
  dockmeter grafana destroy --yes";

const TOKEN_HELP: &str = "\
Makes a service account `dockmeter` with the role Admin, if there is none, and a token of it, with the
login of an administrator (--grafana.username, --grafana.password-file). The token goes into a file
that only its owner reads, for --grafana.token-file. A file that is there is not overwritten; with
--renew it is kept if Grafana takes the token in it, and replaced if Grafana takes it no more.

Examples:
  dockmeter grafana token --output=/etc/dockmeter/grafana_token \\
      --grafana.url=http://127.0.0.1:3000 --grafana.username=admin --grafana.password-file=password
  dockmeter grafana token --output=grafana_token --renew --wait=5m --config.file=dockmeter.yml";

/// The commands as clap knows them.
pub(super) fn commands() -> [Command; 4] {
    let directory = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("DIRECTORY")
            .help(help)
            .value_parser(clap::value_parser!(PathBuf))
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let dashboards =
        || directory("dashboards", "Further dashboards as JSON files; their uids begin with `dockmeter-`");
    let color = || {
        Arg::new("color")
            .long("color")
            .value_name("WHEN")
            .value_parser(["auto", "always", "never"])
            .default_value("auto")
            .help("Whether lines are coloured; auto: on a terminal, unless NO_COLOR is set")
    };
    let wait = || {
        Arg::new("wait")
            .long("wait")
            .value_name("DURATION")
            .value_parser(|text: &str| duration(text, WAITS))
            .help("Wait so long for Grafana to be up and for the files of its login to be there [default: not at all]")
    };
    let adopt = || switch("adopt", "Take over objects that were there before and are not ours");
    let plan = Command::new("plan").about("Say what is to be done in Grafana").after_help(PLAN_HELP).args([
        templates(),
        dashboards(),
        adopt(),
        color(),
    ]);
    let apply = Command::new("apply").about("Make Grafana as it should be").after_help(APPLY_HELP).args([
        templates(),
        dashboards(),
        adopt(),
        color(),
        wait(),
        Arg::new("max-deletes")
            .long("max-deletes")
            .value_name("COUNT")
            .value_parser(clap::value_parser!(usize))
            .default_value(MAX_DELETES)
            .help("Do nothing if more objects than this would be removed"),
    ]);
    let destroy = Command::new("destroy")
        .about("Remove from Grafana what is ours, and nothing else")
        .after_help(DESTROY_HELP)
        .args([switch("yes", "Do it"), color()]);
    let token = Command::new("token")
        .about("Make a service account in Grafana, and a token of it")
        .after_help(TOKEN_HELP)
        .args([
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where the token goes; not a file that is there"),
            switch("renew", "Keep a token that Grafana takes, and replace one that it takes no more"),
            wait(),
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .default_value("dockmeter")
                .help("What the token is called in Grafana"),
        ]);
    [plan, apply, destroy, token]
}

/// Says what is to be done.
pub(crate) fn plan(arguments: &ArgMatches, config: &Config, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let bundle = bundle(arguments, config)?;
    let grafana = Grafana::new(&config.grafana.upstream)?;
    let state = State::read(&config.grafana.state_file, grafana.url())?;
    let options = Options { adopt: arguments.get_flag("adopt"), max_deletes: None };
    let (plan, unknown) = report::runtime()?.block_on(async {
        let (wanted, unknown) = wanted(&grafana, config, &bundle).await?;
        let mut progress = Line::default();
        let plan =
            grafana::make_plan(&grafana, &wanted, &state, options, &mut |what| progress.tell(&what)).await;
        progress.clear();
        anyhow::Ok((plan?, unknown))
    })?;
    shown(arguments, &grafana, &plan, &unknown, out)
}

/// Makes it so.
pub(crate) fn apply(
    arguments: &ArgMatches,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let bundle = bundle(arguments, config)?;
    let runtime = report::runtime()?;
    let grafana = runtime.block_on(started(arguments, config))?;
    let mut state = State::read(&config.grafana.state_file, grafana.url())?;
    let options = Options {
        adopt: arguments.get_flag("adopt"),
        max_deletes: arguments.get_one::<usize>("max-deletes").copied(),
    };
    let palette = palette(arguments);
    let outcome = runtime.block_on(async {
        let (wanted, unknown) = wanted(&grafana, config, &bundle).await?;
        write(out, &strangers(&unknown))?;
        run(&grafana, &wanted, &mut state, options, palette, out).await
    })?;
    finished(&grafana, &outcome, out)
}

/// Removes what is ours.
pub(crate) fn destroy(
    arguments: &ArgMatches,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let grafana = Grafana::new(&config.grafana.upstream)?;
    let mut state = State::read(&config.grafana.state_file, grafana.url())?;
    let runtime = report::runtime()?;
    if !arguments.get_flag("yes") {
        let mut progress = Line::default();
        let plan =
            runtime.block_on(grafana::make_plan(&grafana, &[], &state, Options::default(), &mut |what| {
                progress.tell(&what);
            }));
        progress.clear();
        let plan = plan?;
        let status = shown(arguments, &grafana, &plan, &[], out)?;
        if plan.count(Verb::Delete) > 0 {
            write(out, "nothing was removed; `dockmeter grafana destroy --yes` removes this\n")?;
        }
        return Ok(status);
    }
    let palette = palette(arguments);
    let outcome = runtime.block_on(run(&grafana, &[], &mut state, Options::default(), palette, out))?;
    finished(&grafana, &outcome, out)
}

/// Makes a token.
pub(crate) fn token(arguments: &ArgMatches, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.grafana.upstream.password_file.is_some(),
        "a token is made with an administrator's login: `--grafana.username` and `--grafana.password-file` name it"
    );
    let path = arguments.get_one::<PathBuf>("output").map_or(Path::new(""), PathBuf::as_path);
    let name = arguments.get_one::<String>("name").map_or("dockmeter", String::as_str);
    let renew = arguments.get_flag("renew");
    let minted = report::runtime()?.block_on(async {
        let grafana = started(arguments, config).await?;
        if renew && path.exists() && grafana::is_token_taken(&config.grafana.upstream, path).await? {
            return anyhow::Ok(None);
        }
        Ok(Some(grafana::mint_token(&grafana, path, name, renew).await?))
    })?;
    let Some(minted) = minted else {
        return write(out, &format!("Grafana takes the token in `{}`; it was kept\n", path.display()));
    };
    let said = format!(
        "wrote the token `{}` of the service account `{}` to `{}`; `grafana.token_file` takes it\n",
        minted.token,
        minted.account,
        path.display()
    );
    write(out, &said)
}

/// The Grafana that is named, as soon as it is up where somebody waits for it.
async fn started(arguments: &ArgMatches, config: &Config) -> anyhow::Result<Grafana> {
    let upstream = &config.grafana.upstream;
    let Some(patience) = arguments.get_one::<Duration>("wait") else { return Ok(Grafana::new(upstream)?) };
    let tell = &mut |reason: &str| {
        // Nothing is left to be done if standard error is closed.
        let _ = writeln!(std::io::stderr(), "waiting, at most {}: {reason}", show_duration(*patience));
    };
    Ok(Grafana::started(upstream, *patience, tell).await?)
}

/// The dashboards that are delivered, and those of one's own.
fn bundle(arguments: &ArgMatches, config: &Config) -> anyhow::Result<Bundle> {
    let delivered = made(arguments, config)?;
    let mut dashboards: Vec<Dashboard> =
        delivered.into_iter().map(|one| Dashboard { uid: one.uid, json: one.json }).collect();
    if let Some(folder) = arguments.get_one::<PathBuf>("dashboards") {
        for one in grafana::dashboards(folder)? {
            dashboards.retain(|other| other.uid != one.uid);
            dashboards.push(one);
        }
    }
    Ok(Bundle { dashboards, rule_groups: grafana::rule_groups(config)? })
}

/// What is wanted, and which members of teams Grafana does not know.
async fn wanted(
    grafana: &Grafana,
    config: &Config,
    bundle: &Bundle,
) -> anyhow::Result<(Vec<Wanted>, Vec<String>)> {
    let mut wanted = grafana::wanted(config, bundle)?;
    let unknown = grafana::known_members(grafana, &mut wanted).await?;
    Ok((wanted, unknown))
}

async fn run(
    grafana: &Grafana,
    wanted: &[Wanted],
    state: &mut State,
    options: Options,
    palette: Palette,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    let mut progress = Line::default();
    let mut broken = None;
    let outcome = grafana::apply(grafana, wanted, state, options, &mut |what| {
        progress.tell(&what);
        let line = match &what {
            Progress::Done(action) => grafana::show_action(action, palette),
            Progress::Failed(action, reason) => {
                format!("{}    failed: {reason}\n", grafana::show_action(action, palette))
            }
            _ => return,
        };
        progress.clear();
        // What was begun is finished whether or not anybody reads.
        if let Err(error) = write(out, &line) {
            broken = Some(error);
        }
    })
    .await;
    progress.clear();
    let outcome = match outcome {
        Err(error @ ApplyError::TooManyDeletes { .. }) => Err(error.into()),
        other => other
            .context("not everything was done; what was is noted, and the next `apply` goes on from there"),
    }?;
    broken.map_or(Ok(outcome), Err)
}

fn finished(grafana: &Grafana, outcome: &Outcome, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut said = String::new();
    for blocked in &outcome.blocked {
        said.push_str(&format!("! {} ({}) is left alone: {}\n", blocked.key, blocked.title, blocked.reason));
    }
    let calls = grafana.calls();
    said.push_str(&match (outcome.done.len(), outcome.blocked.len() + outcome.failed.len()) {
        (0, 0) => format!("nothing to change: {} objects are as they should be", outcome.unchanged),
        (done, 0) => format!("{done} done, {} were as they should be", outcome.unchanged),
        (done, _) => format!(
            "{done} done, {} left alone, {} failed, {} were as they should be",
            outcome.blocked.len(),
            outcome.failed.len(),
            outcome.unchanged
        ),
    });
    said.push_str(&format!("; {} reads, {} writes\n", calls.reads, calls.writes));
    write(out, &said)?;
    if let Some((key, reason)) = outcome.failed.first() {
        anyhow::bail!("{} objects failed, the first of them {key}: {reason}", outcome.failed.len());
    }
    Ok(if outcome.blocked.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PENDING) })
}

fn shown(
    arguments: &ArgMatches,
    grafana: &Grafana,
    plan: &Plan,
    unknown: &[String],
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let calls = grafana.calls();
    let mut said = strangers(unknown);
    said.push_str(grafana::show_plan(plan, palette(arguments)).trim_end());
    said.push_str(&format!("; {} reads\n", calls.reads));
    write(out, &said)?;
    Ok(if plan.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PENDING) })
}

fn strangers(unknown: &[String]) -> String {
    match unknown {
        [] => String::new(),
        unknown => format!(
            "Grafana has no such users yet, they are added once they have logged in and `apply` runs again: {}\n",
            unknown.join(", ")
        ),
    }
}

fn palette(arguments: &ArgMatches) -> Palette {
    let coloured = match arguments.get_one::<String>("color").map(String::as_str) {
        Some("always") => true,
        Some("never") => false,
        _ => {
            let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            std::io::stdout().is_terminal() && !unwanted
        }
    };
    Palette { coloured }
}

/// One line on a terminal that is written over.
#[derive(Default)]
struct Line {
    shown: bool,
}

impl Line {
    fn tell(&mut self, what: &Progress<'_>) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let line = match what {
            Progress::Reading(what) => format!("reading {what}"),
            Progress::Begins(number, count, action) => format!("{number} of {count}: {}", action.key),
            _ => return,
        };
        self.shown = true;
        let _ = write!(std::io::stderr(), "\r\x1b[K{line} ");
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
