//! A release as its users get it: the Debian package installed, used, removed and purged on a
//! machine with systemd, the tarball, the checksums, completions in a real shell, and names that
//! the static binary resolves.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use crate::engine::{BUSY, Engine, done};
use crate::exporter::BINARY;
use crate::exposition::{Dialect, Page};
use crate::guest::Guest;
use crate::poll::eventually;
use crate::release::{Release, script};

/// Where the service listens if nobody says otherwise.
const PORT: u16 = 10417;

/// The page of the service in a guest, once it has answered.
fn page(guest: &Guest) -> Option<Page> {
    let answer = guest.page(PORT, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{head}");
    Some(Page::parse(body.as_bytes(), Dialect::Text).unwrap_or_else(|error| panic!("{error}\n{body}")))
}

fn journal(guest: &Guest) -> String {
    guest.run(&["journalctl", "--unit=dockmeter", "--no-pager", "--output=cat"])
}

/// What the kernel says of the service's process, from `/proc/PID/status`.
fn status(guest: &Guest, field: &str) -> String {
    let pid = guest.run(&["systemctl", "show", "--property=MainPID", "--value", "dockmeter"]);
    let line = guest.run(&["grep", &format!("^{field}:"), &format!("/proc/{pid}/status")]);
    line.split_once(':').expect("a field").1.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_package_serves_right_after_installation_and_leaves_nothing_behind() {
    let Some(engine) = Engine::shared() else { return };
    let package = Release::made().file(".deb");
    let package_here = format!("{}:/run/dockmeter.deb", package.display());
    let socket = format!("{}:/run/docker.sock", engine.socket().display());
    let data_root = engine.docker(&["info", "--format={{.DockerRootDir}}"]);
    let container = engine.run("package-busy", &["--label=dockmeter.user=package-ann"], BUSY);
    container.exec(&["dd", "if=/dev/urandom", "of=/file", "bs=64k", "count=32"]);
    let Some(guest) = Guest::start("package", &[&package_here, &socket, &data_root]) else { return };
    let before: BTreeSet<_> = guest.written().into_iter().collect();

    guest.run(&["dpkg", "--install", "/run/dockmeter.deb"]);
    assert_eq!(guest.run(&["systemctl", "is-active", "dockmeter"]), "active");
    assert_eq!(guest.run(&["systemctl", "is-enabled", "dockmeter"]), "enabled");
    let ann = [("name", "package-busy"), ("user", "package-ann")];
    let full = eventually("the service shows containers with their use and their disk", || {
        let page = page(&guest)?;
        let cpu = page.value("container_cpu_usage_seconds_total", &ann)?;
        let layer = page.value("container_fs_writable_layer_bytes", &ann)?;
        (cpu > 0.0 && layer >= f64::from(2 << 20)).then_some(page)
    });
    // Its hardening is in nobody's way.
    for sample in full.all("dockmeter_collector_success", &[]).collect::<Vec<_>>() {
        assert_eq!(sample.value, 1.0, "{sample:?}");
    }
    for family in ["node_timex_sync_status", "node_memory_MemTotal_bytes", "node_filesystem_size_bytes"] {
        assert!(full.all(family, &[]).next().is_some(), "`{family}` is missing");
    }
    assert_eq!(full.all("node_filesystem_device_error", &[]).filter(|sample| sample.value > 0.0).count(), 0);

    // A user without groups of the engine's, and with three capabilities.
    let user = guest.run(&["id", "--user", "dockmeter"]);
    let group = guest.run(&["id", "--group", "dockmeter"]);
    assert_eq!(status(&guest, "Uid"), [user.as_str(); 4].join(" "));
    assert_eq!(status(&guest, "Groups"), group);
    let overrides_ptraces_nices = (1_u64 << 1) | (1 << 19) | (1 << 23);
    for set in ["CapEff", "CapBnd", "CapAmb"] {
        let set = u64::from_str_radix(&status(&guest, set), 16).unwrap();
        assert_eq!(set, overrides_ptraces_nices, "{set:x}");
    }
    assert_eq!((status(&guest, "NoNewPrivs").as_str(), status(&guest, "Seccomp").as_str()), ("1", "2"));

    let kept = guest.run(&["ls", "/var/lib/dockmeter"]);
    assert!(kept.contains(".history"), "the history survives a restart: {kept}");
    reload_reads_the_configuration_again(&guest);
    let said = journal(&guest);
    let mut complaints = said.lines().filter(|line| line.contains("level=warn"));
    assert!(complaints.all(|line| line.contains("refused")), "it complains of more than that: {said}");

    upgrade_keeps_what_was_changed(&guest);
    a_socket_of_systemd_starts_it(&guest);
    removal_ends_it_and_keeps_the_configuration(&guest);

    guest.run(&["dpkg", "--purge", "dockmeter"]);
    let left: Vec<_> = guest
        .written()
        .into_iter()
        .filter(|path| !before.contains(path) && path.to_lowercase().contains("dockmeter"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    let named = guest.attempt(&["grep", "--recursive", "--files-with-matches", "dockmeter", "/etc"]);
    let named = String::from_utf8_lossy(&named.stdout).into_owned();
    // `adduser` keeps the last version of each list beside it.
    let named: Vec<_> = named.lines().filter(|file| !file.ends_with('-')).collect();
    assert!(named.is_empty(), "{named:#?}");
}

fn reload_reads_the_configuration_again(guest: &Guest) {
    let write = |text: &str| {
        guest.run(&["sh", "-c", &format!("echo '{text}' >> /etc/dockmeter/dockmeter.yml")]);
        guest.run(&["systemctl", "reload", "dockmeter"]);
    };
    write("containers: {exclude: [{name: ^package-busy$}]}");
    eventually("the changed configuration counts", || {
        let page = page(guest)?;
        page.all("container_state", &[("name", "package-busy")]).next().is_none().then_some(())
    });
    write("containers: {exclude: []}");
    eventually("a key that stands there twice is refused", || {
        let said = journal(guest);
        said.lines().any(|line| line.contains("dockmeter.yml") && line.contains("refused")).then_some(())
    });
    assert_eq!(guest.run(&["systemctl", "is-active", "dockmeter"]), "active");
}

fn upgrade_keeps_what_was_changed(guest: &Guest) {
    let process = || guest.run(&["systemctl", "show", "--property=MainPID", "--value", "dockmeter"]);
    guest.run(&["sed", "--in-place", "/exclude: \\[\\]/d", "/etc/dockmeter/dockmeter.yml"]);
    let old = process();
    guest.run(&["dpkg", "--force-confold", "--install", "/run/dockmeter.deb"]);
    assert_ne!(process(), old, "the new version runs");
    let kept = guest.run(&["cat", "/etc/dockmeter/dockmeter.yml"]);
    assert!(kept.contains("package-busy"), "{kept}");
    eventually("the upgraded service answers", || page(guest));
}

fn a_socket_of_systemd_starts_it(guest: &Guest) {
    guest.run(&["systemctl", "stop", "dockmeter"]);
    guest.run(&["sh", "-c", "echo ARGS=--web.systemd-socket >> /etc/default/dockmeter"]);
    guest.run(&["systemctl", "start", "dockmeter.socket"]);
    assert!(!guest.attempt(&["systemctl", "is-active", "dockmeter"]).status.success(), "it runs already");
    eventually("the first request starts the service", || page(guest));
    // Ended by the removal of the package, as the service is.
    assert_eq!(guest.run(&["systemctl", "is-active", "dockmeter", "dockmeter.socket"]), "active\nactive");
}

fn removal_ends_it_and_keeps_the_configuration(guest: &Guest) {
    guest.run(&["dpkg", "--remove", "dockmeter"]);
    assert_eq!(guest.page(PORT, "/-/healthy"), "", "it still answers");
    assert!(!guest.attempt(&["pidof", "dockmeter"]).status.success());
    assert!(!guest.attempt(&["test", "-e", "/usr/bin/dockmeter"]).status.success());
    guest.run(&["test", "-e", "/etc/dockmeter/dockmeter.yml"]);
    let said = guest.run(&["journalctl", "--no-pager", "--output=cat", "--lines=200"]);
    assert!(!said.contains("dockmeter.service: Failed"), "it did not end in peace: {said}");
}

#[test]
fn a_release_is_complete_and_the_same_when_it_is_packed_again() {
    let release = Release::made();
    done(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(release.folder()));
    let sums = fs::read_to_string(release.folder().join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 3, "{sums}");

    let again = tempfile::tempdir().unwrap();
    let again = again.path().join("again");
    done(script().arg("--binary").arg(release.binary()).arg("--out").arg(&again));
    assert_eq!(fs::read_to_string(again.join("SHA256SUMS")).unwrap(), sums);

    let listed = done(Command::new("tar").arg("-tzf").arg(release.file(".tar.gz")));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = ["dockmeter", "dockmeter.1", "README.md", "LICENSE", "docs/install.md", "docs/privileges.md"];
    let completions = ["completions/dockmeter.bash", "completions/_dockmeter", "completions/dockmeter.fish"];
    let units = ["packaging/dockmeter.service", "packaging/dockmeter.socket", "packaging/dockmeter.yml"];
    for file in [&files[..], &completions, &units].concat() {
        assert!(
            listed.lines().any(|line| line.split_once('/').is_some_and(|(_, path)| path == file)),
            "{file}"
        );
    }
}

#[test]
fn the_binary_of_a_release_needs_nothing_and_says_nothing_of_where_it_was_built() {
    let binary = Release::made().binary();
    let empty = tempfile::tempdir().unwrap();
    fs::copy(&binary, empty.path().join("dockmeter")).unwrap();
    // With nothing else in its root, no loader and no library can be found.
    let version = done(
        Command::new("chroot")
            .arg(empty.path())
            .args(["/dockmeter", "--version"])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin"),
    );
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("dockmeter {}\n", env!("CARGO_PKG_VERSION"))
    );
    let bytes = fs::read(&binary).unwrap();
    let here = env!("CARGO_MANIFEST_DIR");
    assert!(memchr::memmem::find(&bytes, here.as_bytes()).is_none(), "the binary names `{here}`");
}

#[test]
fn the_static_binary_finds_an_engine_by_name_and_loads_no_module_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (hosts, switch) = (folder.path().join("hosts"), folder.path().join("nsswitch.conf"));
    fs::write(&hosts, "127.0.0.1 localhost engine-of-the-tests.example\n").unwrap();
    // Whoever asks modules ends here; static glibc would crash in one of another version.
    fs::write(&switch, "hosts: dockmeter_absent [UNAVAIL=return] files\n").unwrap();
    for name in ["localhost", "engine-of-the-tests.example"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        // Its own view of `/etc`.
        let script = format!(
            "mount --bind {} /etc/hosts && mount --bind {} /etc/nsswitch.conf && \
             exec {} --web.listen-address=127.0.0.1:0 --docker.host=tcp://{name}:{}",
            hosts.display(),
            switch.display(),
            Release::made().binary().display(),
            address.port()
        );
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation=private", "sh", "-c", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        eventually(&format!("it connects to `{name}`"), || listener.accept().ok());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_shell_completes_flags_and_commands() {
    let script = done(Command::new(BINARY).args(["completions", "bash"]).env_clear());
    // Longer than one argument of a command may be.
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &script.stdout).unwrap();
    let complete = |words: &[&str]| {
        let array = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let program = format!(
            ". {}\nCOMP_WORDS=({array}); COMP_CWORD={last}\n_dockmeter dockmeter '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.path().display(),
            words[last],
            words[last - 1],
        );
        let output = done(Command::new("bash").args(["--norc", "-c", &program]));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["dockmeter", "--web.listen"]), ["--web.listen-address"]);
    assert_eq!(
        complete(&["dockmeter", "--no-collector.net"]),
        ["--no-collector.netdev", "--no-collector.netclass", "--no-collector.netstat"]
    );
    assert_eq!(complete(&["dockmeter", "conf"]), ["config"]);
    assert_eq!(complete(&["dockmeter", "config", "ch"]), ["check"]);
    assert_eq!(complete(&["dockmeter", "completions", "z"]), ["zsh"]);
}
