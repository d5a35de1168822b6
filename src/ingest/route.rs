//! Route templates of raw paths, for programs that do not say which route a request took.
//!
//! A segment that can only be somebody's data becomes `{id}`: numbers, dates, UUIDs, hashes,
//! addresses of mail, random and long words, whatever had to be percent-encoded. Words stay, so
//! `/users/ann` does, too: nothing in the path tells a name from a route, and the bound on the
//! routes of a service is for that. Segments that are templates already stay as they are.

use std::borrow::Cow;

/// What stands for a segment that is data.
const PLACEHOLDER: &str = "{id}";

/// What stands for all that follows.
const REST: &str = "*";

/// Segments beyond these are left out.
const MOST_SEGMENTS: usize = 10;

/// Longest template, in bytes; a label's value can be as long.
const LONGEST: usize = 128;

/// Longer segments, and longer words within them, are data.
const LONGEST_SEGMENT: usize = 48;
const LONGEST_WORD: usize = 24;

/// Segments of more words are the titles of something.
const MOST_WORDS: usize = 5;

/// More digits than this make a segment data: `oauth2` is a word, `user42` is somebody.
const MOST_DIGITS: usize = 1;

/// Words with more digits that are words all the same.
const WORDS_WITH_DIGITS: [&str; 12] =
    ["a11y", "base32", "base64", "i18n", "l10n", "md5", "sha1", "sha256", "sha512", "utf16", "x509", "win32"];

/// From this length on a word of letters is looked at for being random.
const SHORTEST_RANDOM: usize = 8;

/// So many consonants in a row are in no word.
const MOST_CONSONANTS: usize = 7;

/// The template of the path of a request. Query and fragment are cut off, as are scheme and
/// host. A template of a template is the template.
pub fn template(path: &str) -> Cow<'_, str> {
    let path = only_path(path);
    let plain = path.starts_with('/')
        && path.len() <= LONGEST
        && path[1..].split('/').count() <= MOST_SEGMENTS
        && !path.contains("//")
        && path[1..].split('/').all(|segment| segment.is_empty() || stays(segment));
    if plain { Cow::Borrowed(path) } else { Cow::Owned(rewritten(path)) }
}

fn rewritten(path: &str) -> String {
    let mut route = String::with_capacity(path.len().min(LONGEST));
    let segments = path.split('/').map(rewritten_segment).filter(|segment| !segment.is_empty());
    for (place, segment) in segments.enumerate() {
        // Room is kept for `/*`, and for the stroke that may end the path.
        let fits = place < MOST_SEGMENTS && route.len() + segment.len() + 4 <= LONGEST;
        route.push('/');
        if !fits {
            route.push_str(REST);
            return route;
        }
        route.push_str(&segment);
    }
    if path.ends_with('/') && !route.ends_with('/') || route.is_empty() {
        route.push('/');
    }
    // Exactly so many segments and a stroke would be one segment more when looked at again.
    if route[1..].split('/').count() > MOST_SEGMENTS {
        route.pop();
    }
    route
}

/// What lies between the host and the query.
fn only_path(path: &str) -> &str {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let path = &path[..end];
    match path.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            rest.find('/').map_or("", |at| &rest[at..])
        }
        _ => path,
    }
}

fn rewritten_segment(segment: &str) -> Cow<'_, str> {
    // Parameters of a segment, as `;jsessionid=`.
    let segment = segment.split_once(';').map_or(segment, |(before, _)| before);
    if segment.is_empty() {
        return Cow::Borrowed("");
    }
    if segment.contains('%') {
        return match decoded(segment) {
            Some(word) if word.is_empty() || stays(&word) => Cow::Owned(word),
            _ => Cow::Borrowed(PLACEHOLDER),
        };
    }
    Cow::Borrowed(if stays(segment) { segment } else { PLACEHOLDER })
}

/// A segment whose percent-encoding was not necessary.
fn decoded(segment: &str) -> Option<String> {
    let mut word = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, encoded)) = rest.split_once('%') {
        word.push_str(before);
        let byte = u8::from_str_radix(encoded.get(..2)?, 16).ok()?;
        if !(byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return None;
        }
        word.push(char::from(byte));
        rest = &encoded[2..];
    }
    word.push_str(rest);
    Some(word)
}

/// Whether a segment is a part of a route.
fn stays(segment: &str) -> bool {
    is_template(segment) || is_version(segment) || is_word(segment)
}

/// `{id}`, `:id`, `<int:id>`, `[id]`, `$id`, `*` and `**`, as frameworks write them.
fn is_template(segment: &str) -> bool {
    let name = |text: &str| {
        let text = text.trim_start_matches(['*', '.']).trim_end_matches(['*', '?', '+']);
        text.len() <= LONGEST_WORD && text.bytes().all(|b| b.is_ascii_alphabetic() || b"_:-".contains(&b))
    };
    let within = |open, close| segment.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    if segment == "*" || segment == "**" {
        return true;
    }
    let inner = within('{', '}')
        .or_else(|| within('<', '>'))
        .or_else(|| within('[', ']'))
        .or_else(|| segment.strip_prefix(':'))
        .or_else(|| segment.strip_prefix('$'));
    inner.is_some_and(|inner| !inner.is_empty() && name(inner))
}

/// `v2`, `v1.1`, `v1beta1`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix(['v', 'V']) else { return false };
    let number = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    let (major, minor) = match ["alpha", "beta", "rc", "."].iter().find_map(|word| rest.split_once(word)) {
        Some((major, minor)) => (major, Some(minor)),
        None => (rest, None),
    };
    number(major) && minor.is_none_or(|minor| minor.is_empty() || number(minor))
}

/// Words between strokes, dots and the like, with hardly any digits.
fn is_word(segment: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    if segment.len() > LONGEST_SEGMENT || !segment.bytes().all(known) {
        return false;
    }
    let mut words = 0;
    let mut digits = 0;
    for word in segment.split(['-', '_', '.', ':']).filter(|word| !word.is_empty()) {
        words += 1;
        if WORDS_WITH_DIGITS.contains(&word) {
            continue;
        }
        digits += word.bytes().filter(u8::is_ascii_digit).count();
        if word.len() > LONGEST_WORD || is_random(word) {
            return false;
        }
    }
    let letters = segment.bytes().any(|b| b.is_ascii_alphabetic());
    words <= MOST_WORDS && digits <= MOST_DIGITS && (letters || digits == 0)
}

/// Whether letters are in no order that a language or a programmer would put them in.
fn is_random(word: &str) -> bool {
    if word.len() < SHORTEST_RANDOM {
        return false;
    }
    let mut humps = 1;
    let (mut run, mut longest_run) = (0, 0);
    let mut before = b'a';
    for letter in word.bytes() {
        // `getURLById`: get, URL, By, Id.
        humps += usize::from(letter.is_ascii_uppercase() && before.is_ascii_lowercase());
        let vowel = b"aeiouy".contains(&letter.to_ascii_lowercase()) || letter.is_ascii_digit();
        run = if vowel { 0 } else { run + 1 };
        longest_run = longest_run.max(run);
        before = letter;
    }
    longest_run >= MOST_CONSONANTS || word.len() * 2 < humps * 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_data_becomes_a_placeholder() {
        for (path, route) in [
            ("/users/17", "/users/{id}"),
            ("/users/17/orders/3", "/users/{id}/orders/{id}"),
            ("/a/0190f3a2-7c1e-7d3a-9f60-1b2c3d4e5f60", "/a/{id}"),
            ("/a/0190F3A27C1E7D3A9F601B2C3D4E5F60/b", "/a/{id}/b"),
            ("/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/blob/{id}"),
            ("/mail/ann@example.org", "/mail/{id}"),
            ("/mail/ann%40example.org", "/mail/{id}"),
            ("/watch/dQwAbCdEfGh", "/watch/{id}"),
            ("/tokens/xkcdqrtzpl", "/tokens/{id}"),
            ("/days/2026-01-31", "/days/{id}"),
            ("/at/-12.5", "/at/{id}"),
            ("/invoice-2931", "/{id}"),
            ("/~ann", "/{id}"),
            ("/q/caf%C3%A9", "/q/{id}"),
            ("/q/café", "/q/{id}"),
            ("/post/how-i-lost-all-of-my-keys", "/post/{id}"),
            ("/w/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/w/{id}"),
        ] {
            assert_eq!(template(path), route);
        }
    }

    #[test]
    fn what_is_a_route_stays() {
        for path in [
            "/",
            "/users",
            "/users/",
            "/api/v1/pods",
            "/apis/apps/v1beta1",
            "/oauth2/token",
            "/.well-known/openid-configuration",
            "/getURLById",
            "/GetUserAccountByName",
            "/my.package.OrderService/CreateOrder",
            "/forgot-password_reset",
            "/internationalization",
            "/i18n/catchphrase",
            "/users/{id}",
            "/users/:id/orders/*",
            "/users/<int:id>",
            "/static/app.min.js",
            "/api/s3/2fa",
            "/x509/sha256",
        ] {
            assert!(matches!(template(path), Cow::Borrowed(same) if same == path), "{path}");
        }
    }

    #[test]
    fn only_the_path_counts() {
        for (path, route) in [
            ("/a?b=17", "/a"),
            ("/a#b", "/a"),
            ("/a;jsessionid=17/b", "/a/b"),
            ("http://example.org/a/17?b", "/a/{id}"),
            ("http://example.org", "/"),
            ("", "/"),
            ("?", "/"),
            ("a/b", "/a/b"),
            ("//a///b//", "/a/b/"),
            ("/%61bc", "/abc"),
            ("/a/%", "/a/{id}"),
            ("/a/b/c/d/e/f/g/h/i/j/k/l", "/a/b/c/d/e/f/g/h/i/j/*"),
        ] {
            assert_eq!(template(path), route, "{path}");
        }
    }

    fn ids() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<u64>().prop_map(|id| (id % 1_000_000 + 10).to_string()),
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            "[0-9a-f]{20}[0-9]{2}",
            "[a-z]{1,9}@[a-z]{1,9}\\.org",
            "[A-Za-z_-]{20}[A-Za-z0-9]{5}[0-9]{2}[A-Za-z_-]{3}",
            "(%[89A-F][0-9A-F]){1,9}",
        ]
    }

    proptest! {
        /// Whatever comes: bounded, without query, and stable.
        #[test]
        fn any_path_has_a_template(path in any::<String>()) {
            let route = template(&path).into_owned();
            prop_assert!(route.starts_with('/') && route.len() <= LONGEST, "{route}");
            prop_assert!(!route.contains(['?', '#']) && !route.contains("//"));
            prop_assert_eq!(template(&route), &*route);
        }

        #[test]
        fn any_segments_have_a_template(
            segments in proptest::collection::vec("[a-zA-Z0-9%;:*{}._~-]{0,20}", 0..16)
        ) {
            let path = format!("/{}", segments.join("/"));
            let route = template(&path).into_owned();
            prop_assert!(route.len() <= LONGEST);
            prop_assert_eq!(template(&route), &*route);
        }

        /// Requests for two things take one route.
        #[test]
        fn ids_do_not_tell_routes_apart(one in ids(), other in ids(), query in "[a-z0-9=&/]{0,20}") {
            let of = |id: &str| template(&format!("/users/{id}/orders?{query}")).into_owned();
            prop_assert_eq!(of(&one), "/users/{id}/orders");
            prop_assert_eq!(of(&one), of(&other));
        }

        /// Words survive, whatever stands around them.
        #[test]
        fn words_stay(words in proptest::collection::vec("(users|orders|api|v[1-9]|health-check)", 1..8)) {
            let path = format!("/{}", words.join("/"));
            prop_assert_eq!(template(&path), &*path);
        }
    }
}
