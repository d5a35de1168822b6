//! Undoing what platforms do to names before they put them into a container's name or label.

use super::rules::Decode;

impl Decode {
    /// The value in the text that a rule found.
    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Decode::Plain => text.to_owned(),
            Decode::Jupyter => unescape_jupyter(text),
            Decode::Basename => basename(text).to_owned(),
        }
    }
}

/// The user name that DockerSpawner escaped, every byte as the escape character and two
/// hexadecimal digits. The escape character is `-` since DockerSpawner 12 (where `_` is
/// itself escaped, so it never occurs) and was `_` before (where `-` stood for itself).
/// What does not decode to printable UTF-8 was not escaped, and stays as it is.
fn unescape_jupyter(name: &str) -> String {
    let decoded = match unescape(name, b'_') {
        decoded if decoded != name.as_bytes() => decoded,
        _ => unescape(name, b'-'),
    };
    match String::from_utf8(decoded) {
        Ok(decoded) if !decoded.chars().any(char::is_control) => decoded,
        _ => name.to_owned(),
    }
}

fn unescape(text: &str, escape: u8) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = match after {
            [high, low, ..] if first == escape => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

fn basename(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn jupyter_names_are_unescaped_in_both_schemes() {
        for (escaped, name) in [
            ("ann", "ann"),
            ("ann-2dlee", "ann-lee"),
            ("ann-40example-2ecom", "ann@example.com"),
            ("j-c3-b6rg", "jörg"),
            ("ann_2Elee", "ann.lee"),
            ("ann-lee", "ann-lee"),
            ("a-2dlee_2Eb", "a-2dlee.b"),
            ("bad-ff", "bad-ff"),
            ("bell-07", "bell-07"),
            ("end-2", "end-2"),
        ] {
            assert_eq!(Decode::Jupyter.apply(escaped), name, "{escaped}");
        }
    }

    #[test]
    fn a_folder_is_named_by_its_last_segment() {
        for (path, name) in
            [("/home/ann/shop", "shop"), ("/home/ann/shop/", "shop"), (r"C:\src\shop", "shop"), ("/", "")]
        {
            assert_eq!(Decode::Basename.apply(path), name, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_the_spawner_escapes_comes_back(name in "[a-z0-9@._ é-]{0,30}") {
            let escaped: String = name.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
                byte => format!("-{byte:02x}"),
            }).collect();
            prop_assert_eq!(Decode::Jupyter.apply(&escaped), name);
        }
    }
}
