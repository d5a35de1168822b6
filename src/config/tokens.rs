//! `auth.tokens` and `--web.token-file`: what stands in a file, held against what a token can mean.
//!
//! A mistake here opens or closes a door, so nothing is guessed: whatever a token could not
//! use, or would give somebody more than a reader of the file expects, is refused.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ConfigError;
use super::file::{File, List, Text, TokenEntry, TokenFile};
use super::layers::{Given, Layers, Origin};
use super::settings;
use super::token::{InvalidTokenHash, Scope, Scopes, Token, TokenHash};
use super::value;
use crate::tenant::{Binding, LabelValue, RESERVED};
use crate::yaml;

/// More tokens than this are a mistake: every one is compared at every login.
const MAX_TOKENS: usize = 1000;

/// The tokens of the file; no two of one name or of one hash.
pub(super) fn tokens(layers: &mut Layers<'_>, file: &File) -> Result<Vec<Token>, ConfigError> {
    layers.note(&settings::AUTH_TOKENS, &file.auth.tokens);
    let mut tokens = Vec::new();
    add(&mut tokens, layers, &file.auth.tokens)?;
    Ok(tokens)
}

/// The files that are named besides, and their tokens; none has the name or the hash of another
/// or of one of `known`.
pub(super) fn of_files(
    layers: &mut Layers<'_>,
    known: &[Token],
) -> Result<(Vec<PathBuf>, Vec<Token>), ConfigError> {
    let files = layers.many(&settings::WEB_TOKEN_FILE, &None, |given| {
        given.parse(|text| match text {
            "" => Err("an empty text names no file".to_owned()),
            text => Ok(PathBuf::from(text)),
        })
    })?;
    let mut tokens = known.to_vec();
    for path in &files {
        let TokenFile { tokens: list } = yaml::read(path)?;
        add(&mut tokens, &layers.of_another(path), &list)?;
    }
    Ok((files, tokens.split_off(known.len())))
}

/// Adds the tokens of a list.
fn add(tokens: &mut Vec<Token>, layers: &Layers<'_>, list: &List<TokenEntry>) -> Result<(), ConfigError> {
    for entry in list.iter().flat_map(|list| &list.value) {
        let draft = Draft::of_file(layers, entry);
        let (named, hashed) = (draft.name.origin.clone(), draft.hash.origin.clone());
        let token = draft.token()?;
        if tokens.iter().any(|other| other.name == token.name) {
            return Err(named.refuse(format!("a second token is called `{}`", token.name)));
        }
        if let Some(other) = tokens.iter().find(|other| other.hash == token.hash) {
            return Err(
                hashed.refuse(format!("this is the hash of `{}`, too; make a token for each", other.name))
            );
        }
        if tokens.len() == MAX_TOKENS {
            return Err(named.refuse(format!("there are more than {MAX_TOKENS} tokens; take some out")));
        }
        tokens.push(token);
    }
    Ok(())
}

/// What `dockmeter token new` is asked for, each as its flag says it.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// `--name`
    pub name: String,
    /// `--scope`, which may be repeated.
    pub scopes: Vec<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--project`
    pub project: Option<String>,
    /// `--team`
    pub team: Option<String>,
    /// `--delegate`
    pub delegate: bool,
    /// `--expires`
    pub expires: Option<String>,
}

impl TokenRequest {
    /// The token with this hash, held to what a configuration file is held to.
    ///
    /// # Errors
    /// A flag that is refused, by its name.
    pub fn token(self, hash: TokenHash) -> Result<Token, ConfigError> {
        let given = |flag: &str, text: String| Given { text, origin: Origin::Flag(flag.into()) };
        let optional = |flag: &str, text: Option<String>| text.map(|text| given(flag, text));
        let draft = Draft {
            name: given("name", self.name),
            hash: Given { text: hash.to_string(), origin: Origin::Default },
            scopes: self.scopes.into_iter().map(|text| given("scope", text)).collect(),
            scopes_at: Origin::Flag("scope".into()),
            user: optional("user", self.user),
            project: optional("project", self.project),
            team: optional("team", self.team),
            delegate: self.delegate.then(|| given("delegate", "true".to_owned())),
            expires: optional("expires", self.expires),
        };
        draft.token()
    }
}

/// A token before anything of it is believed.
struct Draft {
    name: Given,
    hash: Given,
    scopes: Vec<Given>,
    scopes_at: Origin,
    user: Option<Given>,
    project: Option<Given>,
    team: Option<Given>,
    delegate: Option<Given>,
    expires: Option<Given>,
}

impl Draft {
    fn of_file(layers: &Layers<'_>, entry: &TokenEntry) -> Self {
        let optional = |text: &Option<Text>| text.as_ref().map(|text| layers.given(text));
        Draft {
            name: layers.given(&entry.name),
            hash: layers.given(&entry.hash),
            scopes: entry.scopes.value.iter().map(|text| layers.given(text)).collect(),
            scopes_at: layers.place(entry.scopes.referenced),
            user: optional(&entry.user),
            project: optional(&entry.project),
            team: optional(&entry.team),
            delegate: optional(&entry.delegate),
            expires: optional(&entry.expires),
        }
    }

    fn token(self) -> Result<Token, ConfigError> {
        let scopes = self.scopes()?;
        let bound =
            |given: &Option<Given>| given.as_ref().map(|given| given.parse(binding_value)).transpose();
        let binding =
            Binding { user: bound(&self.user)?, project: bound(&self.project)?, team: bound(&self.team)? };
        if scopes.contains(Scope::Admin) && !binding.is_empty() {
            return Err(self.scopes_at.refuse(
                "`admin` is over the whole exporter; a token that is bound to a user, project or team cannot have it",
            ));
        }
        let delegate = self.delegate(scopes)?;
        Ok(Token {
            name: self.name.parse(name)?,
            // The text is not repeated: what stands there may be the token itself.
            hash: self
                .hash
                .parse(|text| text.parse().map_err(|error: InvalidTokenHash| error.to_string()))?,
            scopes,
            binding,
            delegate,
            expires: self.expires.map(|given| given.parse(expiry)).transpose()?,
        })
    }

    fn scopes(&self) -> Result<Scopes, ConfigError> {
        if self.scopes.is_empty() {
            return Err(self.scopes_at.refuse("a token without a scope may do nothing; give `[read]`"));
        }
        let mut scopes = Vec::new();
        for given in &self.scopes {
            let scope = given.parse(|text| value::word(text, &Scope::WORDS))?;
            if scopes.contains(&scope) {
                return Err(given.origin.refuse(format!("`{}` stands here twice", scope.as_str())));
            }
            scopes.push(scope);
        }
        Ok(scopes.into_iter().collect())
    }

    /// Who writes for a tenant may name its users only if told so; a fixed user leaves none
    /// to name.
    fn delegate(&self, scopes: Scopes) -> Result<bool, ConfigError> {
        let Some(given) = &self.delegate else { return Ok(false) };
        if !given.parse(value::boolean)? {
            return Ok(false);
        }
        let missing = if !scopes.contains(Scope::Write) {
            "`delegate` is about what a token sends; it needs the scope `write`"
        } else if self.user.is_some() {
            "`delegate` lets a sender name the user, so the token cannot be bound to one"
        } else if self.project.is_none() && self.team.is_none() {
            "`delegate` lets a sender name any user, so the token has to be bound to a `project` or a `team`"
        } else {
            return Ok(true);
        };
        Err(given.origin.refuse(missing))
    }
}

/// A name that can stand in a line of a log.
fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match LabelValue::clean(name) {
        _ if name.is_empty() => Err("a token needs a name".to_owned()),
        clean if clean.as_str() != name => {
            Err("a token's name is one line of at most 128 bytes, without control characters".to_owned())
        }
        _ => Ok(name.to_owned()),
    }
}

/// The value of a tenancy label that a token can be bound to: that of somebody, and not of
/// those of whom nothing is known or of a share of the host.
fn binding_value(text: &str) -> Result<LabelValue, String> {
    let value = LabelValue::clean(text);
    if value.is_empty() {
        return Err(
            "a token cannot be bound to an empty text; leave the key out to bind it to nothing".to_owned()
        );
    }
    if RESERVED.contains(&value.as_str()) {
        return Err(format!("`{value}` is nobody's name, so no token can be bound to it"));
    }
    Ok(value)
}

/// When a token ends: a moment as RFC 3339 has it, or the beginning of a day in UTC.
fn expiry(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
    let moment = || text.parse::<Timestamp>().ok();
    moment().or_else(|| if text.len() == "2027-01-31".len() { day() } else { None }).ok_or_else(|| {
        format!("`{text}` is neither a day such as `2027-01-31` nor a time such as `2027-01-31T18:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> TokenRequest {
        TokenRequest { name: "shop".to_owned(), scopes: vec!["read".to_owned()], ..TokenRequest::default() }
    }

    fn refused(request: TokenRequest) -> String {
        request.token(TokenHash::of("x")).unwrap_err().to_string()
    }

    #[test]
    fn an_end_is_a_day_or_a_moment() {
        for (text, moment) in [
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("2027-01-31T18:00:00Z", "2027-01-31T18:00:00Z"),
            ("2027-01-31T18:00:00+02:00", "2027-01-31T16:00:00Z"),
        ] {
            assert_eq!(expiry(text).unwrap().to_string(), moment);
        }
        for text in ["", "soon", "2027", "2027-02-30", "31.1.2027", "2027-01-31T18:00:00", "1h"] {
            assert!(expiry(text).unwrap_err().contains("neither a day"), "{text}");
        }
    }

    #[test]
    fn a_flag_is_held_to_what_the_file_is_held_to() {
        let token = TokenRequest { project: Some("shop".to_owned()), ..request() };
        let token = token.token(TokenHash::of("x")).unwrap();
        assert_eq!(token.entry("h"), "{name: \"shop\", hash: 'h', scopes: [read], project: \"shop\"}");
        assert_eq!(
            refused(TokenRequest { user: Some("unknown".to_owned()), ..request() }),
            "--user: `unknown` is nobody's name, so no token can be bound to it"
        );
        assert_eq!(
            refused(TokenRequest { scopes: vec!["all".to_owned()], ..request() }),
            "--scope: `all` is not `read`, `write` or `admin`"
        );
        assert!(refused(TokenRequest { delegate: true, ..request() }).starts_with("--delegate: "));
        assert!(refused(TokenRequest { name: "a\nb".to_owned(), ..request() }).starts_with("--name: "));
    }
}
