//! Keyed hashes of what has come, and maps by them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash as _, Hasher, RandomState};

use crate::ingest::otlp::model::Attribute;

/// Places by a keyed hash, which is not hashed again.
pub(super) type ByHash = HashMap<u64, usize, BuildHasherDefault<AsItIs>>;

/// Room for the attributes of most points.
const USUAL_LENGTH: usize = 512;

/// A hash of attributes in their order. They are put together first, since a keyed hasher takes
/// longer to begin and end a piece than for the few bytes in it.
pub(super) fn hash_of(hasher: &RandomState, attributes: &[Attribute<'_>]) -> u64 {
    let mut together = Together(Vec::with_capacity(USUAL_LENGTH));
    for attribute in attributes {
        attribute.key.hash(&mut together);
        attribute.value.hash_into(&mut together);
    }
    hasher.hash_one(together.0)
}

/// Keeps what is to be hashed.
struct Together(Vec<u8>);

impl Hasher for Together {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u8(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Takes a hash for itself.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are whole numbers, so that this is not called.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::AnyValue;

    #[test]
    fn attributes_differ_by_where_one_ends_and_by_their_types() {
        let number = |value| Attribute { key: "n".into(), value };
        let lists = [
            vec![],
            vec![Attribute::text("ab", "c")],
            vec![Attribute::text("a", "bc")],
            vec![Attribute::text("a", "b"), Attribute::text("c", "")],
            vec![Attribute::text("c", ""), Attribute::text("a", "b")],
            vec![number(AnyValue::Int(1))],
            vec![number(AnyValue::Double(1.0))],
            vec![number(AnyValue::Bool(true))],
            vec![Attribute::text("n", "1")],
        ];
        let hasher = RandomState::new();
        let hashes: std::collections::BTreeSet<u64> =
            lists.iter().map(|list| hash_of(&hasher, list)).collect();
        assert_eq!(hashes.len(), lists.len());
        assert_eq!(hash_of(&hasher, &lists[1]), hash_of(&hasher, &lists[1].clone()));
    }
}
