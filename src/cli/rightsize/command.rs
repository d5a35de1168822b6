//! The commands as clap knows them, and what they say of themselves.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};

use crate::apply::wish::Setting;
use crate::config::duration;
use crate::report::rightsize;
use crate::tenant;

/// Less tells nothing of a container, more keeps a person waiting.
const WATCHES: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3600);

const APPLY_HELP: &str = "\
Sets limits that `dockmeter report rightsize` recommends, of the containers that are chosen and of no
others. Without --yes nothing is changed: it says what would be, to the call of the engine.

With --yes one container after the other is changed without a restart and watched for as long as
--watch says. Held back by its CPU limit in more periods than in as long a time before, killed for
want of memory, restarted: then the limits from before are set again, the run ends, and the exit
status is 1. So it is if you press Ctrl-C. How it fared before is asked of Prometheus; where that
does not know, the container is looked at for as long before anything is changed.

What has changed since it was recommended is left alone: the limit, the tenant, the container. So is
a limit that leaves less than a tenth above the memory that is used now, and what cannot be set
through the engine. A new container made by Compose has the limits of its file again: write them
there, too.

It writes to the engine's socket, so it needs the rights of root or of the socket's group, and where
the configuration has tokens, one of the scope `admin` in --token-file or DOCKMETER_TOKEN.

The exit status is 0 if everything chosen is in force, or would be; with --yes 2 if something was left
alone, 1 if something went wrong.

Examples:
  dockmeter rightsize apply --container=shop-api-1
  dockmeter rightsize apply --project=shop --setting=memory_limit --yes
  dockmeter report rightsize --project=shop --format=json > shop.json    # look through it, then
  dockmeter rightsize apply --project=shop --from=shop.json --yes --watch=10m";

const UNDO_HELP: &str = "\
Sets limits again that `dockmeter rightsize apply` has changed, by its journal, the newest first. So
are changes of a run that was killed. Without --yes nothing is changed: it lists what would be.

A limit that somebody has changed since is left alone, unless --force says otherwise. Where there was
none before, an engine cannot take it away from a container that runs: cores get the quota -1, memory
a limit beyond what any machine has, and both mean none.

The exit status is 0 if everything chosen is as it was, or would be; with --yes 2 if something was left
alone, 1 if something went wrong.

Examples:
  dockmeter rightsize undo                          list what can be taken back
  dockmeter rightsize undo --last --yes
  dockmeter rightsize undo --container=shop-api-1 --yes
  dockmeter rightsize undo --id=7 --force --yes";

/// The command as clap knows it.
pub(in crate::cli) fn command() -> Command {
    Command::new("rightsize")
        .about("Put recommended limits in force, one container at a time, and take them back")
        .subcommand_required(true)
        .subcommand(apply_command())
        .subcommand(undo_command())
}

fn apply_command() -> Command {
    Command::new("apply")
        .about("Set recommended limits of chosen containers, watched and taken back if they fare worse")
        .after_help(APPLY_HELP)
        .arg(option(
            "from",
            "FILE",
            "Recommendations as `dockmeter report rightsize --format=json` writes them; `-` is standard input [default: those of Prometheus]",
        ))
        .arg(
            option("last", "LENGTH", "Look at this long up to now, such as 12h, 7d or 4w")
                .default_value(rightsize::LAST)
                .conflicts_with("from"),
        )
        .arg(option("container", "NAME", "The container of this name. Repeatable.").action(ArgAction::Append))
        .args(tenant::Dimension::ALL.map(|dimension| {
            option(dimension.as_str(), "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)
        }))
        .arg(switch("all", "Choose every container, if none of the former is said"))
        .arg(
            option("setting", "SETTINGS", "Only these settings")
                .value_parser(PossibleValuesParser::new(Setting::ALL.map(Setting::name)))
                .value_delimiter(',')
                .action(ArgAction::Append),
        )
        .arg(
            option("watch", "LENGTH", "How long each container is watched, 10s to 1h")
                .value_parser(|text: &str| duration(text, WATCHES))
                .default_value("5m"),
        )
        .args(common())
}

fn undo_command() -> Command {
    let choices = ["last", "container", "id", "all"];
    let alone = |name: &'static str| choices.into_iter().filter(move |other| *other != name);
    Command::new("undo")
        .about("Set the limits again that were before `apply`")
        .after_help(UNDO_HELP)
        .arg(switch("last", "The newest change").conflicts_with_all(alone("last")))
        .arg(
            option("container", "NAME", "Changes of the container of this name")
                .conflicts_with_all(alone("container")),
        )
        .arg(
            option("id", "ENTRY", "The change of this number in the journal")
                .value_parser(clap::value_parser!(u64))
                .conflicts_with_all(alone("id")),
        )
        .arg(switch("all", "Everything that the journal knows").conflicts_with_all(alone("all")))
        .arg(switch("force", "Also where somebody else has changed the limit since"))
        .args(common())
}

fn common() -> [Arg; 4] {
    [
        switch("yes", "Do it"),
        option(
            "journal",
            "DIRECTORY",
            "Where changes are written down [default: `history.path`, else dockmeter in $XDG_STATE_HOME, else /var/lib/dockmeter]",
        )
        .value_parser(clap::value_parser!(PathBuf)),
        option("token-file", "FILE", "A file with a token of the scope `admin`, where the configuration has tokens")
            .value_parser(clap::value_parser!(PathBuf)),
        option("format", "FORMAT", "How it is written")
            .value_parser(PossibleValuesParser::new(["text", "json"]))
            .default_value("text"),
    ]
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
