//! `node_uname_info`. Source: `uname(2)`; in a container the name of the machine is that of
//! the container, so it is taken from the host's `/etc/hostname` where the host's root is seen.

use std::path::Path;
use std::sync::Arc;

use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Host, Uname};

/// What the kernel says.
#[derive(Debug, Default)]
pub(super) struct Reader {
    hostname: Option<String>,
    last: Arc<Uname>,
}

impl Reader {
    pub(super) fn new(paths: &Paths) -> Self {
        let elsewhere = paths.rootfs != Path::new("/");
        let hostname = elsewhere.then(|| std::fs::read_to_string(paths.root("etc/hostname")).ok()).flatten();
        let hostname = hostname.map(|text| text.trim().to_owned()).filter(|name| !name.is_empty());
        Reader { hostname, last: Arc::default() }
    }

    pub(super) fn read(&mut self) -> Arc<Uname> {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let now = Uname {
            sysname: text(uname.sysname()),
            release: text(uname.release()),
            version: text(uname.version()),
            machine: text(uname.machine()),
            nodename: self.hostname.clone().unwrap_or_else(|| text(uname.nodename())),
            domainname: text(uname.domainname()),
        };
        if now != *self.last {
            self.last = Arc::new(now);
        }
        self.last.clone()
    }
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(uname) = &host.uname else { return };
    let own = [
        ("sysname", uname.sysname.as_str()),
        ("release", &uname.release),
        ("version", &uname.version),
        ("machine", &uname.machine),
        ("nodename", &uname.nodename),
        ("domainname", &uname.domainname),
    ];
    sink.family(&c::UNAME);
    sink.sample(&LabelBlock::default(), &own, Value::Int(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_container_the_machine_has_the_hosts_name() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/hostname"), "box17\n").unwrap();
        let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
        let uname = Reader::new(&paths).read();
        assert_eq!((uname.nodename.as_str(), uname.sysname.as_str()), ("box17", "Linux"));
        let own = rustix::system::uname();
        assert_eq!(Reader::new(&Paths::default()).read().nodename, own.nodename().to_str().unwrap());
    }
}
