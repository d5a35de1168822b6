//! What shells and `man` are taught of the command line: completions and the manual page,
//! made from the same description as `--help`.

use std::io;

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, ValueEnum, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use crate::config::DEFAULT_FILE;

/// The name of the argument that says which shell.
const SHELL: &str = "SHELL";

/// The shells whose completions are held by tests.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// The command that prints completions.
pub(super) fn completions_command() -> Command {
    let names = SHELLS.iter().map(ToString::to_string).collect::<Vec<_>>();
    Command::new("completions")
        .about("Print what a shell needs to complete dockmeter's commands and flags")
        .after_help(
            "Where they go:\n  \
               bash  dockmeter completions bash > /usr/share/bash-completion/completions/dockmeter\n  \
               zsh   dockmeter completions zsh  > /usr/share/zsh/vendor-completions/_dockmeter\n  \
               fish  dockmeter completions fish > /usr/share/fish/vendor_completions.d/dockmeter.fish\n\n\
             Packages have done this already.",
        )
        .arg(
            Arg::new(SHELL).required(true).value_parser(PossibleValuesParser::new(names)).help("Which shell"),
        )
}

/// The command that prints the manual page.
pub(super) fn manual_command() -> Command {
    Command::new("manual")
        .about("Print the manual page, as `man -l -` shows it")
        .after_help("Example:\n  dockmeter manual | man -l -")
}

/// The completions of the whole command line for the shell that was named.
pub(super) fn completions(matches: &ArgMatches, command: Command) -> anyhow::Result<String> {
    let name = matches.get_one::<String>(SHELL).map(String::as_str).unwrap_or_default();
    let shell = Shell::from_str(name, true).map_err(|reason| anyhow::anyhow!("`{name}`: {reason}"))?;
    let mut script = Vec::new();
    let mut command = shown(command);
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8(script).context("completions are not UTF-8")
}

/// The manual page of the whole command line. One page has all commands, since all have the
/// same flags.
pub(super) fn manual(mut command: Command) -> anyhow::Result<String> {
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page).context("could not make the manual page")?;
    String::from_utf8(page).context("the manual page is not UTF-8")
}

fn render(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(out)?;
    man.render_name_section(out)?;
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(command.get_name()), roman(" [COMMAND] [FLAG...]")]);
    roff.control("SH", ["COMMANDS"]);
    for (words, leaf) in leaves(command) {
        roff.control("TP", []);
        roff.text([bold(words)]);
        roff.text([roman(leaf.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    roff.to_writer(out)?;
    man.render_options_section(out)?;
    man.render_extra_section(out)?;
    let mut roff = Roff::new();
    for (heading, entries) in ABOUT {
        roff.control("SH", [*heading]);
        for (term, text) in *entries {
            roff.control("TP", []);
            roff.text([bold(*term)]);
            roff.text([roman(*text)]);
        }
    }
    roff.to_writer(out)
}

/// What flags do not tell.
const ABOUT: &[(&str, &[(&str, &str)])] = &[
    (
        "SIGNALS",
        &[
            ("SIGHUP", "Read the configuration again. A broken one is refused, and the old one stays."),
            ("SIGTERM, SIGINT", "Finish the answers that are on their way, and end."),
        ],
    ),
    ("EXIT STATUS", &[("0", "Done."), ("1", "It went wrong, and the reason is on standard error.")]),
    ("FILES", &[(DEFAULT_FILE, "The configuration, if no other file is named.")]),
];

/// The commands that do something, with the words that call them.
pub(super) fn leaves(command: &Command) -> Vec<(String, &Command)> {
    let name = command.get_name();
    if command.get_subcommands().next().is_none() {
        return vec![(name.to_owned(), command)];
    }
    let below = command.get_subcommands().flat_map(leaves);
    below.map(|(words, leaf)| (format!("{name} {words}"), leaf)).collect()
}

/// A command of which nothing is hidden: `--help` sums the switches of collectors up, and a
/// shell can offer all of them.
fn shown(command: Command) -> Command {
    command.mut_args(|arg| {
        let hint = match arg.get_value_names().and_then(<[_]>::first).map(|name| name.as_str()) {
            Some("FILE") => ValueHint::FilePath,
            Some("DIRECTORY") => ValueHint::DirPath,
            _ => ValueHint::Unknown,
        };
        arg.hide(false).value_hint(hint)
    })
}
