//! `node_vmstat_*`: page faults, swapping, refaults, kills. Source: `/proc/vmstat`.

use super::scan::{Finder, lines, number};
use crate::metrics::catalogue::host::vmstat::FIELDS;
use crate::snapshot::host::Fields;

/// The fields of the table.
pub(super) fn parse(vmstat: &[u8]) -> Option<Fields> {
    let mut values = vec![None; FIELDS.len()];
    let mut finder = Finder::new(FIELDS);
    for line in lines(vmstat) {
        let Some(space) = memchr::memchr(b' ', line) else { continue };
        let Some(index) = finder.find(|field| field.key.as_bytes() == &line[..space]) else { continue };
        values[index] = Some(number(&line[space + 1..])?);
    }
    values.iter().any(Option::is_some).then(|| Fields(values.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_an_older_kernel_is_absent() {
        let fields = parse(b"nr_free_pages 5\npgfault 12\npgmajfault 3\noom_kill 0\n").unwrap();
        let value = |key: &str| FIELDS.iter().position(|field| field.key == key).and_then(|at| fields.0[at]);
        assert_eq!(value("pgfault"), Some(12));
        assert_eq!(value("oom_kill"), Some(0));
        assert_eq!(value("workingset_refault_file"), None);
        assert_eq!(parse(b"pgfault -1\n"), None);
        assert_eq!(parse(b"nr_free_pages 5\n"), None);
    }
}
