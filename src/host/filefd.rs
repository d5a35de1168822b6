//! `node_filefd_*`. Source: `/proc/sys/fs/file-nr`.

use super::scan::{number, words};
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Sink, Value};
use crate::snapshot::host::{FileHandles, Host};

/// Three numbers, of which the second is always 0.
pub(super) fn parse(file_nr: &[u8]) -> Option<FileHandles> {
    let mut words = words(file_nr.trim_ascii_end());
    let allocated = number(words.next()?)?;
    let maximum = number(words.nth(1)?)?;
    Some(FileHandles { allocated, maximum })
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(handles) = host.filefd else { return };
    show(sink, &c::FILEFD_ALLOCATED, Some(Value::Int(handles.allocated)));
    show(sink, &c::FILEFD_MAXIMUM, Some(Value::Int(handles.maximum)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_third_number_count() {
        let handles = FileHandles { allocated: 943, maximum: u64::MAX >> 1 };
        assert_eq!(parse(b"943\t0\t9223372036854775807\n"), Some(handles));
        assert_eq!(parse(b"943\t0\n"), None);
    }
}
