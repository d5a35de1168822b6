//! `dockmeter token new`: a token, and the line to put in the configuration.

use std::io::Write;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::write;
use crate::config::{Scope, TOKEN_BYTES, TokenHash, TokenRequest, token_of};

/// The command `token` as clap knows it.
pub(super) fn command() -> Command {
    let new = Command::new("new")
        .about("Make a token, and the line to put in the configuration")
        .after_help(
            "Examples:\n  \
               dockmeter token new                                        Prometheus, everything\n  \
               dockmeter token new --name=shop --project=shop             a tenant's own Prometheus\n  \
               dockmeter token new --name=shop-ci --scope=write --project=shop --expires=2027-01-31",
        )
        .args(arguments());
    Command::new("token")
        .about("Tokens for other machines and for tenants")
        .subcommand_required(true)
        .subcommand(new)
}

fn arguments() -> [Arg; 7] {
    let one = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    [
        one("name", "NAME", "What it is called in the configuration and in the log")
            .default_value("prometheus"),
        one("scope", "SCOPE", "What it may do: read, write or admin; none includes another. Repeatable.")
            .action(ArgAction::Append)
            .default_value(Scope::Read.as_str()),
        one("user", "USER", "Bind it to this user: nothing else exists for it"),
        one("project", "PROJECT", "Bind it to this project: nothing else exists for it"),
        one("team", "TEAM", "Bind it to this team: nothing else exists for it"),
        Arg::new("delegate")
            .long("delegate")
            .action(ArgAction::SetTrue)
            .help("Let it name the user of what it sends, within its project and team"),
        one("expires", "DATE", "When it ends: a day, as 2027-01-31, or a time, as 2027-01-31T18:00:00Z"),
    ]
}

/// Prints a new token, its hash, and where each of them goes.
pub(super) fn new(matches: &ArgMatches, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let request = TokenRequest {
        name: text("name").unwrap_or_default(),
        scopes: matches.get_many::<String>("scope").into_iter().flatten().cloned().collect(),
        user: text("user"),
        project: text("project"),
        team: text("team"),
        delegate: matches.get_flag("delegate"),
        expires: text("expires"),
    };
    let secret = random_token()?;
    let hash = TokenHash::of(&secret);
    let entry = request.token(hash)?.entry(&hash.to_string());
    let page = format!(
        "token: {secret}\n\
         hash:  {hash}\n\
         \n\
         The token is shown only now. Its hash goes into `dockmeter.yml`, which is read again on SIGHUP:\n\
         \n\
         auth:\n  \
           tokens:\n    \
             - {entry}\n\
         \n\
         Requests carry the token as `Authorization: Bearer <token>`. In Prometheus's scrape\n\
         configuration that is `authorization: {{credentials_file: FILE}}`, with the token alone in FILE.\n"
    );
    write(out, &page)
}

fn random_token() -> anyhow::Result<String> {
    let mut random = [0; TOKEN_BYTES];
    let read = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .context("could not get random bytes from the kernel")?;
    anyhow::ensure!(
        read == TOKEN_BYTES,
        "the kernel gave {read} random bytes instead of {TOKEN_BYTES}; try again"
    );
    Ok(token_of(random))
}

#[cfg(test)]
mod tests {
    use super::super::tests::output;
    use crate::config::TokenHash;

    #[test]
    fn a_new_token_comes_with_its_hash_and_is_new_each_time() {
        let page = output(&["token", "new"], &[]).unwrap();
        let value =
            |name: &str| page.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let (token, hash) = (value("token:"), value("hash:"));
        assert_eq!(TokenHash::of(&token).to_string(), hash);
        assert_ne!(output(&["token", "new"], &[]).unwrap(), page);
    }

    #[test]
    fn the_printed_lines_are_a_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dockmeter.yml");
        for flags in [
            &[][..],
            &["--name=shop ci", "--scope=read", "--scope=write", "--project=a: b", "--delegate"],
            &["--user=ann", "--team=core", "--expires=2027-01-31"],
        ] {
            let page = output(&[&["token", "new"], flags].concat(), &[]).unwrap();
            let (_, lines) = page.split_once("\nauth:").unwrap();
            let (lines, _) = lines.split_once("\n\n").unwrap();
            std::fs::write(&file, format!("auth:{lines}\n")).unwrap();
            let shown = output(&["config", "show", "--config.file", file.to_str().unwrap()], &[]).unwrap();
            let entry = lines.lines().last().unwrap().trim();
            let (head, rest) = entry.split_once("sha256:").unwrap();
            assert!(shown.contains(&format!("{head}sha256:****{}", &rest[64..])), "{entry}\n{shown}");
        }
    }

    #[test]
    fn a_flag_that_makes_no_sense_is_refused_by_its_name() {
        let refused = |flag| output(&["token", "new", flag], &[]).unwrap_err();
        assert_eq!(refused("--scope=root"), "--scope: `root` is not `read`, `write` or `admin`");
        assert!(refused("--delegate").starts_with("--delegate: "));
        assert!(refused("--expires=never").starts_with("--expires: "));
    }
}
