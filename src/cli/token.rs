//! `dockmeter token new`: a token, and the line to put in the configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::write;
use crate::config::{Scope, TOKEN_BYTES, TokenHash, TokenRequest, token_of};

/// Who may write the file makes himself a login; the hash in it is nobody else's business.
const OWNER_ALONE: u32 = 0o600;

/// The command `token` as clap knows it.
pub(super) fn command() -> Command {
    let new = Command::new("new")
        .about("Make a token, and the line to put in the configuration")
        .after_help(
            "Examples:\n  \
               dockmeter token new                                        Prometheus, everything\n  \
               dockmeter token new --name=shop --project=shop             a tenant's own Prometheus\n  \
               dockmeter token new --name=ann --output=ann.yml            for --web.token-file=ann.yml\n  \
               dockmeter token new --name=shop-ci --scope=write --project=shop --expires=2027-01-31",
        )
        .args(arguments());
    Command::new("token")
        .about("Tokens for other machines and for tenants")
        .subcommand_required(true)
        .subcommand(new)
}

fn arguments() -> [Arg; 8] {
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
        one(
            "output",
            "FILE",
            "Write the line to a new file for --web.token-file, readable by its owner alone",
        )
        .value_parser(value_parser!(PathBuf)),
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
    let kept = match matches.get_one::<PathBuf>("output") {
        Some(file) => {
            write_file(file, &entry)?;
            let file = file.display();
            format!(
                "The token is shown only now. Its hash is in `{file}`, for `--web.token-file={file}`;\n\
                 dockmeter reads it at the start and on SIGHUP.\n"
            )
        }
        None => format!(
            "The token is shown only now. Its hash goes into `dockmeter.yml`, which is read again on SIGHUP:\n\
             \n\
             auth:\n  \
               tokens:\n    \
                 - {entry}\n"
        ),
    };
    let page = format!(
        "token: {secret}\n\
         hash:  {hash}\n\
         \n\
         {kept}\
         \n\
         The live page takes the token in its form. Requests carry the token as `Authorization: Bearer <token>`. In Prometheus's scrape\n\
         configuration that is `authorization: {{credentials_file: FILE}}`, with the token alone in FILE.\n"
    );
    write(out, &page)
}

/// Writes a file with one token. One that is there already is left as it is: its tokens would be
/// lost.
fn write_file(path: &Path, entry: &str) -> anyhow::Result<()> {
    let failed = || format!("could not write `{}`", path.display());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ALONE)
        .open(path)
        .with_context(|| format!("{}; name a file that does not exist yet", failed()))?;
    file.write_all(format!("tokens:\n  - {entry}\n").as_bytes()).with_context(failed)
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
    use std::os::unix::fs::PermissionsExt as _;

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
    fn a_file_with_a_token_is_for_its_owner_and_holds_the_hash_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.yml");
        let output_to = format!("--output={}", file.display());
        let arguments = ["token", "new", "--name=ann", "--scope=read", "--scope=admin", &output_to];
        let page = output(&arguments, &[]).unwrap();
        let token = page.lines().find_map(|line| line.strip_prefix("token: ")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(
            text,
            format!(
                "tokens:\n  - {{name: \"ann\", hash: '{}', scopes: [read, admin]}}\n",
                TokenHash::of(token)
            )
        );
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = output(&arguments, &[]).unwrap_err();
        assert!(again.contains("name a file that does not exist yet"), "{again}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

        let named = format!("--web.token-file={}", file.display());
        let shown = output(&["config", "show", &named], &[]).unwrap();
        assert!(shown.contains(&format!("# {named}  (--web.token-file)\n")), "{shown}");
        assert!(shown.contains("hash: 'sha256:****', scopes: [read, admin]}\n"), "{shown}");
    }

    #[test]
    fn a_flag_that_makes_no_sense_is_refused_by_its_name() {
        let refused = |flag| output(&["token", "new", flag], &[]).unwrap_err();
        assert_eq!(refused("--scope=root"), "--scope: `root` is not `read`, `write` or `admin`");
        assert!(refused("--delegate").starts_with("--delegate: "));
        assert!(refused("--expires=never").starts_with("--expires: "));
    }
}
