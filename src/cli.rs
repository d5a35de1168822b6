//! The command line: which command runs, and with which flags.
//!
//! Flags come from the table of settings; what they mean is `config`'s business. A
//! command ends with 0 or 1, also after a mistake in the command line itself; one that compares
//! ends with 2 where it finds a difference.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::settings::{
    ALL, Arity, BOOLEAN, COLLECTOR_FLAG, ENV_PREFIX, FOREIGN_VARIABLES, NO_COLLECTOR_FLAG, Setting,
};
use crate::config::{Config, DEFAULT_FILE, Sources};
use crate::metrics::catalogue::{COLLECTORS, host};
use crate::paths::ROOT_IN_A_CONTAINER;
use crate::report::compare::Outcome;
use crate::tenant::Resolver;
use crate::web::entrance::Prepared;

mod grafana;
mod healthcheck;
mod rendered;
mod report;
mod rightsize;
mod rules;
mod teach;
mod token;

/// The status where something promised was not kept.
const BREACHED: u8 = 2;

/// What `dockmeter serve` runs.
pub type Serve = fn(Config) -> anyhow::Result<()>;

/// Runs the command of the process's arguments and environment.
pub fn run(serve: Serve) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ours = |name: &str| name.starts_with(ENV_PREFIX) || FOREIGN_VARIABLES.contains(&name);
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| ours(name))
        .collect();
    let default_file = Some(DEFAULT_FILE.into());
    let host_root = Some(ROOT_IN_A_CONTAINER.into());
    let sources = Sources { env, default_file, host_root, ..Sources::default() };
    match execute(arguments, sources, &mut io::stdout(), serve) {
        Ok(status) => status,
        Err(error) => {
            // Nothing is left to be done if standard error is closed.
            let _ = writeln!(io::stderr(), "dockmeter: {}", whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command of some arguments. `sources` has everything but the flags.
fn execute(
    arguments: Vec<OsString>,
    sources: Sources,
    out: &mut dyn Write,
    serve: Serve,
) -> anyhow::Result<ExitCode> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            let rendered = error.render().to_string();
            anyhow::bail!("{}", rendered.trim_start_matches("error: ").trim_end());
        }
        Err(page) => {
            write!(out, "{}", page.render()).context("could not write to standard output")?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let (path, leaf) = leaf(&matches);
    let sources = Sources { flags: flags(leaf), ..sources };
    let done = match path.as_slice() {
        ["grafana", "plan"] => return grafana::plan(leaf, &sources.load()?, out),
        ["grafana", "apply"] => return grafana::apply(leaf, &sources.load()?, out),
        ["grafana", "destroy"] => return grafana::destroy(leaf, &sources.load()?, out),
        ["grafana", "token"] => grafana::token(leaf, &sources.load()?, out),
        ["rules", "render"] => return rules::render(leaf, &sources.load()?, out),
        ["grafana", "render"] => return grafana::render(leaf, &sources.load()?, out),
        ["grafana", "lint"] => return grafana::lint(leaf, &sources.load()?, out),
        [] | ["serve"] => {
            let config = sources.load()?;
            crate::log::start(config.log);
            for sentence in &config.unknown_variables {
                tracing::warn!("{sentence}");
            }
            if config.alertmanager.url.is_some() && config.alerting.platform_receiver().is_none() {
                tracing::warn!(
                    "nobody is told of alerts: `alerting.receivers` and `alerting.teams` name nobody"
                );
            }
            serve(config)
        }
        ["config", "check"] => check(&sources.load()?, out),
        ["config", "show"] => write(out, &sources.load()?.show()),
        ["report", "cost"] => write(out, &report::cost(&sources.load()?, leaf)?),
        ["report", "sla"] => {
            let report = report::sla(&sources.load()?, leaf)?;
            write(out, &report.text)?;
            return Ok(if report.met { ExitCode::SUCCESS } else { ExitCode::from(BREACHED) });
        }
        ["report", "compare"] => {
            let (page, outcome) = report::compare(&sources.load()?, leaf)?;
            write(out, &page)?;
            let is_worse = outcome == Outcome::Regression;
            return Ok(if is_worse { ExitCode::from(BREACHED) } else { ExitCode::SUCCESS });
        }
        ["report", "insights"] => write(out, &report::insights(&sources.load()?, leaf)?),
        ["report", "rightsize"] => write(out, &report::rightsize(&sources.load()?, leaf)?),
        ["rightsize", "apply"] => return rightsize::apply(leaf, sources, out),
        ["rightsize", "undo"] => return rightsize::undo(leaf, sources, out),
        ["healthcheck"] => healthcheck::run(leaf, &sources.load()?),
        ["token", "new"] => token::new(leaf, out),
        ["completions"] => write(out, &teach::completions(leaf, command())?),
        ["manual"] => write(out, &teach::manual(command())?),
        other => anyhow::bail!("`{}` is not a command; `dockmeter --help` lists them", other.join(" ")),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// An error with its causes, each said once: many of our messages already end with theirs.
fn whole(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        said if said.contains(&cause) => said.to_owned(),
        said => format!("{said}: {cause}"),
    })
}

/// Says that the configuration is valid, map files, the web configuration file and its
/// certificates included.
fn check(config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    Resolver::new(config.policy.clone(), config.paths.clone())?;
    Prepared::read(config.web.config_file.as_deref())?;
    match &config.file {
        Some(file) => write(out, &format!("`{}` is valid\n", file.display())),
        None => write(out, "flags and environment are valid; there is no configuration file\n"),
    }
}

fn write(out: &mut dyn Write, text: &str) -> anyhow::Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("could not write to standard output")
}

/// The command line as clap knows it.
fn command() -> Command {
    let config = Command::new("config")
        .about("Look at the configuration")
        .subcommand_required(true)
        .subcommand(
            Command::new("check")
                .about("Say whether the configuration is valid, map files and certificates included"),
        )
        .subcommand(
            Command::new("show").about("Print the effective configuration and where each value comes from"),
        );
    Command::new("dockmeter")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Metrics of a Docker host for Prometheus, with user, project and team on every container")
        .after_help(after_help())
        .args_override_self(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("serve").about("Run the exporter; the same as no command"))
        .subcommand(config)
        .subcommand(rules::command())
        .subcommand(grafana::command())
        .subcommand(report::command())
        .subcommand(rightsize::command())
        .subcommand(healthcheck::command())
        .subcommand(token::command())
        .subcommand(teach::completions_command())
        .subcommand(teach::manual_command())
        .args(ALL.iter().filter_map(|setting| flag(setting)))
        .args(ALL.iter().filter_map(|setting| negation(setting)))
        .args(switches().flat_map(collector_flags))
}

fn after_help() -> String {
    format!(
        "Collectors, all on but {}; --{COLLECTOR_FLAG}NAME and --{NO_COLLECTOR_FLAG}NAME switch one on or off, and with\n\
         the name {} all those of the host at once:\n  {}\n\n\
         Every flag has an environment variable: `DOCKMETER_` and the flag in capitals, as\n\
         DOCKMETER_WEB_LISTEN_ADDRESS. A flag stands before the variable, the variable before the\n\
         file, the file before the default.\n\n\
         Examples:\n  \
           dockmeter                                   serve on 127.0.0.1:10417\n  \
           dockmeter --web.listen-address=:10417 --web.trust-network=10.0.0.0/8\n  \
           dockmeter config check --config.file=dockmeter.yml\n  \
           dockmeter report cost --month=2026-10\n  \
           dockmeter rules render --output=/etc/dockmeter/prometheus\n  \
           dockmeter grafana render --output=/var/lib/grafana/dashboards/dockmeter\n  \
           dockmeter grafana plan --config.file=dockmeter.yml\n  \
           dockmeter report sla --month=2026-10\n  \
           dockmeter report compare --at=2026-10-01T08:00:00Z --project=shop\n  \
           dockmeter report insights --project=shop\n  \
           dockmeter report rightsize --project=shop\n  \
           dockmeter rightsize apply --project=shop\n  \
           dockmeter token new --name=shop --project=shop",
        host::OPT_IN.join(", "),
        host::GROUP,
        COLLECTORS.join(", "),
    )
}

/// The flag of a setting, if it has one.
fn flag(setting: &'static Setting) -> Option<Arg> {
    let flag = setting.flag?;
    let action = match setting.arity {
        Arity::One => ArgAction::Set,
        Arity::Many => ArgAction::Append,
    };
    let repeatable = if setting.arity == Arity::Many { " Repeatable." } else { "" };
    let default = match setting.default {
        [] => String::new(),
        values => format!(" [default: {}]", values.join(", ")),
    };
    let help = format!("{}{repeatable}{default}", setting.help);
    let arg = Arg::new(flag).long(flag).value_name(setting.value).action(action).global(true).help(help);
    let arg = arg.overrides_with_all(setting.negation());
    Some(if setting.value == BOOLEAN { arg.num_args(0..=1).default_missing_value("true") } else { arg })
}

/// The flag that switches a setting off; of both the last one holds.
fn negation(setting: &'static Setting) -> Option<Arg> {
    let (on, off) = (setting.flag?, setting.negation()?);
    let arg = Arg::new(off.clone()).long(off.clone()).action(ArgAction::SetTrue);
    Some(arg.overrides_with_all([on.to_owned(), off]).global(true).hide(true))
}

/// What can be switched: each collector, and those of the host at once.
fn switches() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().copied().chain([host::GROUP])
}

/// The two switches of a collector; of both the last one holds.
fn collector_flags(name: &str) -> [Arg; 2] {
    let (on, off) = (format!("{COLLECTOR_FLAG}{name}"), format!("{NO_COLLECTOR_FLAG}{name}"));
    let switch = |flag: &str, other: &str| {
        Arg::new(flag.to_owned())
            .long(flag.to_owned())
            .action(ArgAction::SetTrue)
            .overrides_with_all([flag.to_owned(), other.to_owned()])
            .global(true)
            .hide(true)
    };
    [switch(&on, &off), switch(&off, &on)]
}

/// The commands that were given, outermost first, and the innermost one's arguments, which
/// include those of all others.
fn leaf(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let mut path = Vec::new();
    let mut leaf = matches;
    while let Some((name, inner)) = leaf.subcommand() {
        path.push(name);
        leaf = inner;
    }
    (path, leaf)
}

/// The flags that were given, as [`Sources`] wants them.
fn flags(matches: &ArgMatches) -> BTreeMap<String, Vec<String>> {
    let given = |flag: &str| matches.value_source(flag) == Some(ValueSource::CommandLine);
    let values = |flag: &str| matches.get_many::<String>(flag).into_iter().flatten().cloned().collect();
    let settings = ALL.iter().filter_map(|setting| setting.flag).filter(|flag| given(flag));
    let settings = settings.map(|flag| (flag.to_owned(), values(flag)));
    let switches = switches().filter_map(|name| {
        let flag = format!("{COLLECTOR_FLAG}{name}");
        let on = given(&flag) && matches.get_flag(&flag);
        let off = || {
            let flag = format!("{NO_COLLECTOR_FLAG}{name}");
            given(&flag) && matches.get_flag(&flag)
        };
        let value = if on { Some(true) } else { off().then_some(false) }?;
        Some((flag, vec![value.to_string()]))
    });
    let negated = ALL.iter().filter_map(|setting| Some((setting.flag?, setting.negation()?)));
    let negated = negated.filter(|(_, off)| given(off) && matches.get_flag(off));
    let negated = negated.map(|(flag, _)| (flag.to_owned(), vec![false.to_string()]));
    settings.chain(negated).chain(switches).collect()
}

#[cfg(test)]
mod tests;
