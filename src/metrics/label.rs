//! A set of labels, rendered once.

use std::sync::{Arc, OnceLock};

use super::wire;
use crate::tenant::Tenant;

/// Labels as they stand in every line that carries them: `name="…",image="…"`, escaped,
/// without braces. Made when a label changes, reused by every sample.
#[derive(Clone, Debug, Default)]
pub struct LabelBlock {
    rendered: Box<[u8]>,
    /// Made from the former when it is first asked for: most hosts are scraped as text only.
    protobuf: OnceLock<Box<[u8]>>,
    base: Base,
}

/// What a block has besides its own labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Base {
    #[default]
    Nothing,
    /// Whose series these are.
    Tenant(Box<Tenant>),
    /// Labels that stand before its own, shared with other blocks.
    Within(Arc<LabelBlock>),
}

impl PartialEq for LabelBlock {
    fn eq(&self, other: &Self) -> bool {
        self.rendered == other.rendered && self.base == other.base
    }
}

impl Eq for LabelBlock {}

impl LabelBlock {
    /// Renders labels in the given order. Names have to be valid and different, which the
    /// callers' constants are; values may be any text.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut rendered = Vec::with_capacity(256);
        for (name, value) in labels {
            if !rendered.is_empty() {
                rendered.push(b',');
            }
            write_label(name, value, &mut rendered);
        }
        LabelBlock { rendered: rendered.into_boxed_slice(), ..LabelBlock::default() }
    }

    /// The same labels followed by `user`, `project` and `team`.
    pub fn of_tenant<'a>(tenant: &'a Tenant, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let tenancy = [
            ("user", tenant.user.as_str()),
            ("project", tenant.project.as_str()),
            ("team", tenant.team.as_str()),
        ];
        let block = LabelBlock::new(labels.into_iter().chain(tenancy));
        LabelBlock { base: Base::Tenant(Box::new(tenant.clone())), ..block }
    }

    /// Labels behind those of a block that many share, and of its tenant.
    pub fn within<'a>(
        shared: &Arc<LabelBlock>,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        LabelBlock { base: Base::Within(shared.clone()), ..LabelBlock::new(labels) }
    }

    /// The block's own rendered labels, without those that it shares.
    pub fn rendered(&self) -> &[u8] {
        &self.rendered
    }

    /// Appends all rendered labels; false if there is none.
    #[inline]
    pub(super) fn write(&self, page: &mut Vec<u8>) -> bool {
        if let Base::Within(shared) = &self.base {
            return self.write_within(shared, page);
        }
        page.extend_from_slice(&self.rendered);
        !self.rendered.is_empty()
    }

    fn write_within(&self, shared: &LabelBlock, page: &mut Vec<u8>) -> bool {
        let before = shared.write(page);
        if before && !self.rendered.is_empty() {
            page.push(b',');
        }
        page.extend_from_slice(&self.rendered);
        before || !self.rendered.is_empty()
    }

    /// The labels as fields of a protobuf `Metric`: those that are shared, and its own.
    #[inline]
    pub(super) fn protobuf(&self) -> [&[u8]; 2] {
        let shared = match &self.base {
            Base::Within(shared) => shared.own_protobuf(),
            Base::Nothing | Base::Tenant(_) => &[],
        };
        [shared, self.own_protobuf()]
    }

    #[inline]
    fn own_protobuf(&self) -> &[u8] {
        self.protobuf.get_or_init(|| {
            let mut fields = Vec::with_capacity(self.rendered.len() + self.rendered.len() / 4);
            for (name, value) in self.own_pairs() {
                write_protobuf_label(&name, &value, &mut fields);
            }
            fields.into_boxed_slice()
        })
    }

    /// Whose series these are, if anyone's.
    pub fn tenant(&self) -> Option<&Tenant> {
        match &self.base {
            Base::Nothing => None,
            Base::Tenant(tenant) => Some(tenant),
            Base::Within(shared) => shared.tenant(),
        }
    }

    /// The names and unescaped values, those of a shared block first.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = match &self.base {
            Base::Within(shared) => shared.pairs(),
            Base::Nothing | Base::Tenant(_) => Vec::new(),
        };
        pairs.extend(self.own_pairs());
        pairs
    }

    /// The names and unescaped values, read back from the rendered form.
    fn own_pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut rest = std::str::from_utf8(&self.rendered).unwrap_or_default();
        while let Some((name, quoted)) = rest.split_once("=\"") {
            let mut value = String::new();
            let mut characters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((index, character)) = characters.next() {
                match character {
                    '"' => {
                        end = index + 1;
                        break;
                    }
                    '\\' => match characters.next() {
                        Some((_, 'n')) => value.push('\n'),
                        Some((_, escaped)) => value.push(escaped),
                        None => {}
                    },
                    plain => value.push(plain),
                }
            }
            pairs.push((name.to_owned(), value));
            rest = quoted[end..].trim_start_matches(',');
        }
        pairs
    }
}

/// Appends `name="value"` with `\`, `"` and line feed escaped, as text format 0.0.4 and
/// OpenMetrics 1.0 both want it.
pub(super) fn write_label(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    let mut rest = value.as_bytes();
    while let Some(index) = memchr::memchr3(b'\\', b'"', b'\n', rest) {
        out.extend_from_slice(&rest[..index]);
        out.extend_from_slice(match rest[index] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = &rest[index + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The field of a protobuf `Metric` that holds a label, and those of the label itself.
const LABEL: u8 = 1;
const NAME: u8 = 1;
const VALUE: u8 = 2;

/// Appends a label as a field of a protobuf `Metric`.
pub(super) fn write_protobuf_label(name: &str, value: &str, out: &mut Vec<u8>) {
    wire::head(LABEL, wire::field_length(name.len()) + wire::field_length(value.len()), out);
    wire::string(NAME, name, out);
    wire::string(VALUE, value, out);
}

/// How many bytes [`write_protobuf_label`] takes.
pub(super) fn protobuf_label_length(name: &str, value: &str) -> usize {
    wire::field_length(wire::field_length(name.len()) + wire::field_length(value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tenants_block_ends_with_the_tenancy_labels() {
        let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
        let block = LabelBlock::of_tenant(&tenant, [("name", "api")]);
        assert_eq!(
            std::str::from_utf8(block.rendered()).unwrap(),
            r#"name="api",user="ann",project="shop",team="unknown""#
        );
        assert_eq!(block.tenant(), Some(&tenant));
    }

    #[test]
    fn a_block_within_another_has_its_labels_and_its_tenant() {
        let shared = Arc::new(LabelBlock::of_tenant(&Tenant::unknown(), [("service", "api")]));
        let block = LabelBlock::within(&shared, [("route", "/")]);
        let mut page = Vec::new();
        assert!(block.write(&mut page));
        let text = r#"service="api",user="unknown",project="unknown",team="unknown",route="/""#;
        assert_eq!(std::str::from_utf8(&page).unwrap(), text);
        assert_eq!(block.tenant(), Some(&Tenant::unknown()));
        assert_eq!(block.pairs().last().unwrap(), &("route".to_owned(), "/".to_owned()));
        assert_eq!(
            block.protobuf().concat().len(),
            LabelBlock::new(borrowed(&block.pairs())).protobuf()[1].len()
        );
    }

    fn borrowed(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    proptest! {
        #[test]
        fn pairs_read_back_what_went_in(values in proptest::collection::vec(any::<String>(), 0..5)) {
            let names = ["a", "b", "c", "d", "e"];
            let labels: Vec<(&str, &str)> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            let back = LabelBlock::new(labels.iter().copied()).pairs();
            let back: Vec<(&str, &str)> = back.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(back, labels);
        }
    }
}
