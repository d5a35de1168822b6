//! The address of a PostgreSQL server, as `postgres://USER@HOST:PORT/DATABASE?sslmode=MODE`.

use std::fmt;

use crate::config::Authority;

/// The port where none is named.
const PORT: u16 = 5432;

/// The database where none is named: every server has it.
const DATABASE: &str = "postgres";

/// The longest name of a role or a database that a server knows.
const LONGEST_NAME: usize = 63;

/// Where a server is, as whom and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// Host and port.
    pub server: Authority,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
    /// Whether TLS is spoken.
    pub ssl_mode: SslMode,
}

/// Whether TLS is spoken, in libpq's words and with its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// If the server can; its certificate is not looked at.
    #[default]
    Prefer,
    /// Always; its certificate is not looked at.
    Require,
    /// Always, with a certificate of a trusted authority.
    VerifyCa,
    /// Always, with such a certificate that names the host.
    VerifyFull,
}

impl SslMode {
    const WORDS: [(&'static str, SslMode); 5] = [
        ("disable", SslMode::Disable),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }

    /// Whether the server's certificate is looked at.
    pub fn verifies(self) -> bool {
        matches!(self, SslMode::VerifyCa | SslMode::VerifyFull)
    }
}

impl DatabaseUrl {
    /// A server without anything special.
    pub fn new(server: Authority, user: &str, database: &str) -> Self {
        DatabaseUrl {
            server,
            user: user.to_owned(),
            database: database.to_owned(),
            ssl_mode: SslMode::default(),
        }
    }

    /// Reads an address.
    ///
    /// # Errors
    /// A sentence about what is wrong with it, which never holds a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let (rest, query) = rest.map_or((None, ""), |rest| {
            let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
            (Some(rest), query)
        });
        // Before anything is repeated: a password may stand in places where none belongs.
        let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        let named = behind_scheme.rsplit_once('@').map_or("", |(named, _)| named);
        if named.contains(':') || text.contains("password=") {
            return Err("a password in an address ends up in logs and lists of processes; \
                        put it into a file of its own and name that by `password_file`"
                .to_owned());
        }
        let wrong = |reason: &str| {
            format!(
                "`{text}` is not the address of a server ({reason}), such as `postgres://dockmeter@db:5432/app`"
            )
        };
        let rest = rest.ok_or_else(|| wrong("it does not begin with `postgres://`"))?;
        let (user, place) = rest.split_once('@').ok_or_else(|| wrong("it names no user"))?;
        let (place, database) = place.split_once('/').unwrap_or((place, ""));
        let name = |text: &str| {
            let name = decoded(text).filter(|name| name.len() <= LONGEST_NAME);
            name.filter(|name| !name.contains(char::is_control))
        };
        let user = name(user).filter(|user| !user.is_empty()).ok_or_else(|| wrong("it names no user"))?;
        let database = name(database).ok_or_else(|| wrong("that is no name of a database"))?;
        let server = host_and_port(place).ok_or_else(|| {
            wrong("one host and at most one port are expected; sockets in the file system are not in this version")
        })?;
        let database = if database.is_empty() { DATABASE.to_owned() } else { database };
        let mut url = DatabaseUrl { server, user, database, ssl_mode: SslMode::default() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match SslMode::WORDS.iter().find(|(word, _)| *word == value) {
                Some((_, mode)) if key == "sslmode" => url.ssl_mode = *mode,
                _ if key == "sslmode" => {
                    let words = SslMode::WORDS.map(|(word, _)| word);
                    return Err(format!(
                        "`{value}` is not an `sslmode`; there are {}",
                        crate::yaml::one_of(&words)
                    ));
                }
                _ => {
                    return Err(wrong(&format!(
                        "of what may follow the `?` only `sslmode` is known, not `{key}`"
                    )));
                }
            }
        }
        Ok(url)
    }
}

/// A host with or without a port.
fn host_and_port(text: &str) -> Option<Authority> {
    let authority: hyper::http::uri::Authority = text.parse().ok()?;
    let port = match authority.port() {
        None => PORT,
        Some(port) => Some(port.as_u16()).filter(|port| *port > 0)?,
    };
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._:-".contains(letter);
    let usual = !host.is_empty() && host.chars().all(fits) && !text.ends_with(':') && !text.contains('@');
    usual.then(|| Authority { host: host.to_owned(), port })
}

/// A text in which `%40` stands for `@`, and so on; `None` if it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whatever is not plain, as `%40`.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DatabaseUrl { server, user, database, ssl_mode } = self;
        write!(f, "postgres://{}@{server}/{}?sslmode={}", encoded(user), encoded(database), ssl_mode.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_said_has_its_usual_value() {
        for (text, shown) in [
            ("postgres://dockmeter@db/app", "postgres://dockmeter@db:5432/app?sslmode=prefer"),
            (
                "postgresql://ann%40x@[fd00::1]:6000",
                "postgres://ann%40x@[fd00::1]:6000/postgres?sslmode=prefer",
            ),
            ("postgres://a@b/?sslmode=verify-full", "postgres://a@b:5432/postgres?sslmode=verify-full"),
        ] {
            assert_eq!(DatabaseUrl::parse(text).map(|url| url.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("mysql://a@b", "does not begin with"),
            ("a@b", "does not begin with"),
            ("postgres://db/app", "names no user"),
            ("postgres://@db/app", "names no user"),
            ("postgres://a@/app", "one host"),
            ("postgres://a@db:0", "one host"),
            ("postgres://a@%2Frun%2Fpostgresql/app", "one host"),
            ("postgres://a@b,c/app", "one host"),
            ("postgres://a@b/%zz", "no name of a database"),
            ("postgres://a@b?sslmode=on", "is not an `sslmode`; there are `disable`"),
            ("postgres://a@b?host=c", "only `sslmode` is known, not `host`"),
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in [
            "postgres://ann:hunter2@db/app",
            "postgres://ann:hunter2@db:5432/app?sslmode=require",
            "mysql://ann:hunter2@db",
            "ann:hunter2@db",
            "postgres://db/app?user=ann&password=hunter2",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(error.contains("password_file") && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused_and_one_reads_back(text in "\\PC{0,40}", rest in "[a-z0-9:/?@%\\[\\].=-]{0,40}") {
            for text in [text, format!("postgres://{rest}"), format!("postgres://a@{rest}")] {
                if let Ok(url) = DatabaseUrl::parse(&text) {
                    prop_assert_eq!(DatabaseUrl::parse(&url.to_string()), Ok(url));
                }
            }
        }
    }
}
