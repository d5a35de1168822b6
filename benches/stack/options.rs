//! The flags of a part: `--name NUMBER` or `--name NUMBER,NUMBER`, each with a default.

use std::collections::BTreeMap;
use std::io;

use crate::measured::failure;

/// A part's flags with the numbers they have, or were given.
pub(crate) struct Options(BTreeMap<&'static str, Vec<u64>>);

impl Options {
    /// Reads what was given for flags like `("containers", "50,500")`.
    pub(crate) fn read(
        flags: &[(&'static str, &str)],
        mut arguments: impl Iterator<Item = String>,
    ) -> io::Result<Self> {
        let mut options = Options(BTreeMap::new());
        for (name, default) in flags {
            options.0.insert(name, numbers(default).unwrap_or_default());
        }
        while let Some(argument) = arguments.next() {
            let flag = flags.iter().find(|(name, _)| argument.strip_prefix("--") == Some(name));
            let Some((name, _)) = flag else {
                let known: Vec<_> = flags.iter().map(|(name, given)| format!("`--{name} {given}`")).collect();
                return Err(failure(format!("`{argument}` is none of {}", known.join(", "))));
            };
            let given = arguments.next().unwrap_or_default();
            let given = numbers(&given).ok_or_else(|| failure(format!("`--{name}` needs whole numbers")))?;
            options.0.insert(name, given);
        }
        Ok(options)
    }

    pub(crate) fn all(&self, name: &str) -> &[u64] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn one(&self, name: &str) -> u64 {
        self.all(name).first().copied().unwrap_or_default()
    }
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}
