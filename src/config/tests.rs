//! What a file, a flag and a variable come to, and the exact words of every refusal.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::metrics::catalogue::{self, COLLECTORS};
use crate::tenant::Dimension;

/// The configuration of a file's text, with flags and environment.
fn load(text: &[u8], flags: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dockmeter.yml");
    fs::write(&path, text).unwrap();
    let mut sources = Sources { default_file: Some(path), ..Sources::default() };
    for (flag, value) in flags {
        sources.flags.entry((*flag).to_owned()).or_default().push((*value).to_owned());
    }
    sources.env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let folder = format!("{}/", folder.path().display());
    sources.load().map_err(|error| error.to_string().replace(&folder, ""))
}

pub(super) fn file(text: &str) -> Config {
    load(text.as_bytes(), &[], &[]).unwrap()
}

pub(super) fn refused(text: &str) -> String {
    load(text.as_bytes(), &[], &[]).unwrap_err()
}

#[test]
fn nothing_said_is_the_default() {
    let config = Sources::default().load().unwrap();
    assert_eq!(config.file, None);
    assert_eq!(config.web.listen_addresses, ["127.0.0.1:10417".parse().unwrap()]);
    assert_eq!(config.web.max_requests, 40);
    assert_eq!(config.docker.host, Endpoint::Unix("/var/run/docker.sock".into()));
    assert_eq!(config.linger, Duration::from_secs(60));
    assert_eq!(config.sampling_full, Duration::from_secs(5));
    let host = (config.host.sample_every, config.host.peak_window);
    assert_eq!(host, (Duration::from_secs(1), Duration::from_secs(60)));
    let (five_minutes, hour) = (Duration::from_secs(300), Duration::from_secs(3600));
    let disk = Disk { interval: five_minutes, budget_percent: 2.0, engine_interval: hour };
    assert_eq!(config.disk, disk);
    assert_eq!(config.container_labels, ["com.docker.compose.project", "com.docker.compose.service"]);
    assert_eq!(config.policy.caps, crate::tenant::Caps::default());
    assert_eq!(config.paths, Paths::default());
    assert_eq!(config.log, Log { level: tracing::Level::INFO, format: LogFormat::Logfmt });
    let opt_in = |name: &str| catalogue::host::OPT_IN.contains(&name);
    assert!(COLLECTORS.iter().all(|name| config.collects(name) != opt_in(name)));
    assert!(config.policy.ignore_image_labels && !config.policy.rules.is_strict());
}

#[test]
fn a_whole_file_is_understood() {
    let config = file(
        "docker: {host: 'tcp://10.0.0.1:2375'}\n\
         containers:\n  \
           include: [{image: '^registry/'}, {label: tier=prod}]\n  \
           exclude: [{name: '^dockmeter$'}, {label: ci}]\n  \
           labels: []\n  \
           linger: 2m\n  \
           peak_window: 5m\n\
         tenancy:\n  \
           user: [{label: dockmeter.user}, {compose_dir_owner: true}, {name: '^jupyter-(.+?)(?:--.*)?$', decode: jupyter}]\n  \
           project: [{label: com.docker.compose.project}, {label: devcontainer.local_folder, decode: basename}]\n  \
           team: [{map: {from: project, file: teams.yml}}, {default: guests}]\n  \
           ignore_image_labels: false\n  \
           strict: true\n\
         sampling: {fast: 100ms, full: 10s, host: 2s}\n\
         disk: {interval: 1h, budget: 0.5, engine_interval: 1d}\n\
         web: {listen_address: ['0.0.0.0:10417', ':80'], max_requests: 8, trust_networks: [10.0.0.0/8], allowed_hosts: [metrics.example.com], cors_origins: ['https://dash.example.com']}\n\
         auth: {tokens: [{name: prom, hash: 'sha256:0000000000000000000000000000000000000000000000000000000000000000', scopes: [read]}]}\n\
         limits: {users: 10, projects: 20, teams: 3}\n\
         log: {level: debug, format: json}\n\
         collectors: {container_cpu: false}\n",
    );
    assert_eq!(config.docker.host, Endpoint::Tcp("10.0.0.1:2375".into()));
    assert!(config.container_labels.is_empty());
    assert_eq!((config.policy.filter.include.len(), config.policy.filter.exclude.len()), (2, 2));
    assert_eq!(config.policy.rules.list(Dimension::User).len(), 3);
    let team: Vec<String> =
        config.policy.rules.list(Dimension::Team).iter().map(ToString::to_string).collect();
    let folder = config.file.as_deref().and_then(Path::parent).unwrap().display().to_string();
    let map = format!("{{map: {{from: project, file: \"{folder}/teams.yml\"}}}}");
    assert_eq!(team, [map.as_str(), "{value: \"guests\"}"], "paths are meant from the file's folder");
    assert!(config.policy.rules.is_strict() && !config.policy.ignore_image_labels);
    assert_eq!(config.disk.budget_percent, 0.5);
    assert_eq!(config.disk.engine_interval, Duration::from_secs(86_400));
    assert_eq!(config.tokens[0].name, "prom");
    assert_eq!(config.web.listen_addresses.len(), 2);
    assert_eq!((config.sampling_fast.as_millis(), config.peak_window.as_secs()), (100, 300));
    assert_eq!(config.host.sample_every.as_secs(), 2);
    assert!(!config.collects("container_cpu") && config.collects("container_memory"));
}

#[test]
fn flag_stands_before_variable_before_file_before_default() {
    let text = b"sampling: {full: 20s}" as &[u8];
    let (flag, variable) = (("sampling.full", "40s"), ("DOCKMETER_SAMPLING_FULL", "30s"));
    let seconds = |text, flags: &[_], env: &[_]| load(text, flags, env).unwrap().sampling_full.as_secs();
    assert_eq!(seconds(b"", &[], &[]), 5);
    assert_eq!(seconds(text, &[], &[]), 20);
    assert_eq!(seconds(text, &[], &[("DOCKMETER_SAMPLING_FULL", "")]), 20, "an empty variable is unset");
    assert_eq!(seconds(text, &[], &[variable]), 30);
    assert_eq!(seconds(text, &[flag], &[variable]), 40);
}

#[test]
fn a_budget_is_a_number_within_bounds() {
    for wrong in ["0", "51", "two", "NaN", "inf", "-1"] {
        let refused = load(b"", &[("disk.budget", wrong)], &[]).unwrap_err();
        assert_eq!(refused, format!("--disk.budget: `{wrong}` is not a number from 0.1 to 50"));
    }
}

#[test]
fn lists_are_replaced_as_a_whole_and_split_in_variables() {
    let text = b"web: {trust_networks: [10.0.0.0/8, 11.0.0.0/8]}" as &[u8];
    let networks = |env: &[_]| load(text, &[], env).unwrap().web.trust_networks.len();
    assert_eq!(networks(&[]), 2);
    assert_eq!(networks(&[("DOCKMETER_WEB_TRUST_NETWORK", "fd00::/8")]), 1);
    assert_eq!(networks(&[("DOCKMETER_WEB_TRUST_NETWORK", "fd00::/8, fe80::/10, 10.0.0.0/8")]), 3);
}

#[test]
fn docker_s_own_variable_stands_between_ours_and_the_file() {
    let text = b"docker: {host: 'unix:///file.sock'}" as &[u8];
    let docker = ("DOCKER_HOST", "unix:///docker.sock");
    let host = |env: &[_]| load(text, &[], env).map(|config| config.docker.host.to_string());
    assert_eq!(host(&[]), Ok("unix:///file.sock".into()));
    assert_eq!(host(&[docker]), Ok("unix:///docker.sock".into()));
    assert_eq!(
        host(&[docker, ("DOCKMETER_DOCKER_HOST", "unix:///ours.sock")]),
        Ok("unix:///ours.sock".into())
    );
    assert_eq!(
        host(&[("DOCKER_HOST", "ssh://ann@host")]),
        Err("DOCKER_HOST: `ssh://ann@host`: `ssh` is not in this version; use `unix:///var/run/docker.sock` or `tcp://host:port`".into())
    );
}

#[test]
fn tls_is_asked_for_as_docker_s_own_command_is_asked() {
    let docker = |flags: &[_], env: &[_]| load(b"", flags, env).map(|config| config.docker);
    let files = |env: &[_]| docker(&[], env).unwrap().tls();
    let host = ("DOCKER_HOST", "tcp://h");
    assert_eq!(files(&[host, ("DOCKER_CERT_PATH", "/certs")]), None, "a folder alone asks for nothing");
    let verify = ("DOCKER_TLS_VERIFY", "0");
    let tls = files(&[host, verify, ("DOCKER_CERT_PATH", "/certs")]).expect("any value asks for TLS");
    assert_eq!(tls.ca, Path::new("/certs/ca.pem"));
    assert_eq!(tls.certificate, Path::new("/certs/cert.pem"));
    assert_eq!(tls.key, Path::new("/certs/key.pem"));
    let home = [host, verify, ("HOME", "/root")];
    assert_eq!(files(&home).unwrap().ca, Path::new("/root/.docker/ca.pem"));
    assert_eq!(
        docker(&[], &home).unwrap().host,
        Endpoint::Tcp("h:2376".into()),
        "the port of TLS is another"
    );
    let configured = [host, verify, ("HOME", "/root"), ("DOCKER_CONFIG", "/etc/d")];
    assert_eq!(files(&configured).unwrap().ca, Path::new("/etc/d/ca.pem"));
    assert_eq!(files(&[verify]), None, "a socket needs none");
    let ours = docker(&[("docker.tls-verify", "false")], &[host, verify]).unwrap();
    assert_eq!(ours.tls(), None, "a flag stands before the variable");
}

#[test]
fn tls_that_cannot_be_is_refused() {
    let message = |flags: &[_], env: &[_]| load(b"", flags, env).unwrap_err();
    assert_eq!(
        message(&[("docker.tls-verify", "true")], &[]),
        "--docker.tls-verify: TLS is spoken over `tcp://` only, and the engine is at `unix:///var/run/docker.sock`"
    );
    assert_eq!(
        message(&[], &[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "1")]),
        "DOCKER_TLS_VERIFY: TLS needs `ca.pem`, `cert.pem` and `key.pem`; name their folder with `--docker.cert-path` or `DOCKER_CERT_PATH`"
    );
    assert_eq!(
        message(&[("docker.tls-verify", "1")], &[]),
        "--docker.tls-verify: `1` is neither `true` nor `false`"
    );
}

#[test]
fn certificates_named_in_the_file_are_meant_from_its_folder() {
    let config = file("docker: {host: 'tcp://h', tls_verify: true, cert_path: certs}");
    let folder = config.file.as_deref().and_then(Path::parent).unwrap();
    assert_eq!(config.docker.tls().unwrap().key, folder.join("certs/key.pem"));
}

#[test]
fn without_a_word_the_sockets_of_rootless_engines_and_podman_are_looked_for() {
    let elsewhere = |env: &[_]| load(b"", &[], env).unwrap().docker.elsewhere;
    let runtime = ("XDG_RUNTIME_DIR", "/run/user/7");
    let sockets = ["/run/user/7/docker.sock", "/run/podman/podman.sock", "/run/user/7/podman/podman.sock"];
    assert_eq!(elsewhere(&[runtime]), sockets.map(PathBuf::from));
    assert_eq!(elsewhere(&[]), [PathBuf::from("/run/podman/podman.sock")]);
    assert!(elsewhere(&[runtime, ("DOCKER_HOST", "unix:///a.sock")]).is_empty());
}

#[test]
fn every_mistake_in_the_file_is_one_line_with_its_place() {
    for (text, message) in [
        (
            "web:\n  max_request: 4\n",
            "2:3: unknown key `max_request`, expected `listen_address`, `systemd_socket`, `config_file`, `max_requests`, `trust_networks`, `allowed_hosts` or `cors_origins`",
        ),
        ("log: {level: info}\nlog: {level: warn}\n", "2:1: key `log` stands twice in one mapping; keep one"),
        ("web: {listen_address: ':1'}", "1:23: expected a list"),
        ("web: 5", "1:6: expected a mapping"),
        ("sampling: {full: [5s]}", "1:18: expected a single value"),
        (
            "sampling:\n  full: 5 s\n",
            "2:9: `5 s` is not a duration such as `250ms`, `5s`, `1m`, `24h` or `7d`",
        ),
        ("sampling: {full: 2m}", "1:18: `2m` is not from 1s to 1m"),
        ("sampling: {host: 20s}", "1:18: `20s` is not from 250ms to 10s"),
        ("host: {peak_window: 9s}", "1:21: `9s` is not from 10s to 1h"),
        ("sampling: {fast: 50ms}", "1:18: `50ms` is not from 100ms to 5s"),
        (
            "sampling: {full: 1s, fast: 2s}",
            "1:28: `2s` is longer than `sampling.full`, which is 1s; lower it",
        ),
        ("containers: {peak_window: 1s}", "1:27: `1s` is not from 10s to 1h"),
        ("web: {max_requests: -1}", "1:21: `-1` is not a whole number from 1 to 10000"),
        (
            "web: {listen_address: []}",
            "1:23: an exporter without an address cannot be read; give one, or leave the key out",
        ),
        (
            "web:\n  trust_networks:\n    - 10.0.0.0/8\n    - 10.0.0.1/8\n",
            "4:7: `10.0.0.1/8` is not a network such as `10.0.0.0/8`, `192.168.1.7` or `fd00::/8`, with no bits set behind the prefix",
        ),
        (
            "web: {allowed_hosts: ['http://a']}",
            "1:23: `http://a` is not the name of a host; leave scheme and port out",
        ),
        (
            "web: {cors_origins: ['*']}",
            "1:22: `*` is no origin as browsers send it, such as `https://dash.example.com` or `http://10.0.0.7:3000`: scheme and host in lower case, a port unless it is the scheme's own, and nothing behind",
        ),
        ("containers: {exclude: [{name: '(a'}]}", "1:31: `(a` is not a regular expression: unclosed group"),
        (
            "containers: {exclude: [{name: a, image: b}]}",
            "1:24: a pattern has exactly one of `name`, `image` or `label`",
        ),
        ("containers: {labels: [a.b, a-b]}", "1:28: `a-b` would be a second `container_label_a_b`; keep one"),
        (
            "tenancy: {user: [{name: '^dev-'}]}",
            "1:25: `^dev-` has no group; put the part that is the value in parentheses",
        ),
        (
            "tenancy: {user: [{label: a, decode: base64}]}",
            "1:37: `base64` is not `plain`, `jupyter` or `basename`",
        ),
        (
            "tenancy: {user: [{cgroup_user: true, decode: jupyter}]}",
            "1:18: `decode` belongs to a `label` or a `name`",
        ),
        ("tenancy: {user: [{cgroup_user: false}]}", "1:32: leave the rule out instead of `false`"),
        (
            "tenancy: {user: [{default: unknown}]}",
            "1:28: `unknown` has a meaning of its own; give another value, or leave the rule out",
        ),
        (
            "tenancy: {team: [{map: {from: owner, file: a}}]}",
            "1:31: `owner` is not `user`, `project` or `team`",
        ),
        (
            "tenancy:\n  user: [{map: {from: team, file: a}}]\n  team: [{map: {from: user, file: b}}]\n",
            "3:9: `team` is mapped from `user`, which is itself found by way of `team`; take one of the two `map` rules out",
        ),
        ("tenancy: {strict: yes}", "1:19: `yes` is neither `true` nor `false`"),
        (
            "docker: {host: 'ssh://a'}",
            "1:16: `ssh://a`: `ssh` is not in this version; use `unix:///var/run/docker.sock` or `tcp://host:port`",
        ),
        ("limits: {teams: 0}", "1:17: `0` is not a whole number from 1 to 100000"),
        ("log: {format: xml}", "1:15: `xml` is not `logfmt` or `json`"),
        (
            "auth: {tokens: [{name: a, hash: secret, scopes: [read]}]}",
            "1:33: a token's hash is `sha256:` and 64 hexadecimal digits; `dockmeter token new` makes one",
        ),
        (
            "auth: {tokens: [{name: a, hash: b, scopes: [write, all]}]}",
            "1:52: `all` is not `read`, `write` or `admin`",
        ),
        (
            "auth: {tokens: [{name: a, hash: b, scopes: []}]}",
            "1:44: a token without a scope may do nothing; give `[read]`",
        ),
        ("log: [", "1:6: expected a mapping"),
        ("probes: [{name: a}]", "1:10: a target has exactly one of `tcp` or `http`"),
        (
            "probes: [{name: a, tcp: b}]",
            "1:25: `b` is not a host and a port, such as `db:5432` or `[fd00::1]:5432`",
        ),
        (
            "probes: [{name: a, tcp: 'b:1'}, {name: a, http: 'http://b'}]",
            "1:40: a second target is called `a`",
        ),
        ("probes: [{name: a, tcp: 'b:1', status: [200]}]", "1:10: `status` and `ca_file` belong to `http`"),
        (
            "probes: [{name: a, http: 'http://b', status: [20]}]",
            "1:47: `20` is not a status code such as `200` or `2xx`",
        ),
        ("probes: [{name: a, http: 'http://b', ca_file: c}]", "1:47: `ca_file` belongs to `https://`"),
        (
            "probes: [{name: a, tcp: 'b:1', interval: 2s, timeout: 3s}]",
            "1:55: `3s` is longer than the target's `interval`, which is 2s; lower it",
        ),
        (
            "probes: [{name: a, http: 'http://me:secret@b'}]",
            "1:26: a name and a password in an address are not in this version",
        ),
        ("log: {level: \"in\\nfo\"}", "1:14: `in\\nfo` is not `error`, `warn`, `info` or `debug`"),
        (
            "\"a\\nb\": 1",
            "1:1: unknown key `a\\nb`, expected `docker`, `containers`, `tenancy`, `sampling`, `disk`, `web`, `auth`, `limits`, `log`, `host`, `collectors`, `probes`, `prometheus`, `alertmanager`, `grafana`, `discovery`, `health`, `scrape`, `cost`, `ingest`, `instrumentation`, `queries`, `databases`, `postgres`, `alerting`, `slo`, `report`, `findings`, `history` or `anomalies`",
        ),
    ] {
        assert_eq!(refused(text), format!("dockmeter.yml:{message}"), "{text}");
    }
}

#[test]
fn an_address_or_a_price_that_is_none_is_refused_where_it_stands() {
    for (text, message) in [
        (
            "prometheus: {url: 'p:9090'}",
            "1:19: `p:9090` is not the address of a Prometheus, such as `http://127.0.0.1:9090`",
        ),
        (
            "alertmanager: {url: 'a:9093'}",
            "1:21: `a:9093` is not the address of an Alertmanager, such as `http://127.0.0.1:9093`",
        ),
        ("prometheus: {username: ann}", "1:24: basic auth needs `prometheus.password_file`, too"),
        (
            "cost: {cpu_core_hour: 3 EUR}",
            "1:23: `3 EUR` is not a price: a number such as `0.031` from 0 to 1000000000, without a currency",
        ),
        (
            "report: {sla: {folder: reports}}",
            "1:24: reports are made from what a Prometheus holds; name it by `prometheus.url`, such as `http://127.0.0.1:9090`",
        ),
        ("report: {sla: {every: week}}", "1:23: `week` is not `month` or `quarter`"),
        (
            "report: {sla: {time_zone: Mars}}",
            "1:27: `Mars` is no time zone that this system knows, such as `Europe/Berlin`; `UTC` is always known",
        ),
        ("slo: {period: 30h}", "1:15: `30h` is not a number of whole days such as `30d`"),
        (
            "slo: {objectives: [{slo: availability, objective: 100}]}",
            "1:51: `100` percent leaves no event that may fail, which nobody can hold; an objective is below 100, such as `99.9`",
        ),
        (
            "slo: {objectives: [{slo: uptime, objective: -1}]}",
            "1:45: `-1` percent promises nothing; an objective is above 0, such as `99.9`",
        ),
        (
            "slo: {objectives: [{slo: latency, objective: 99}]}",
            "1:20: a latency needs a `threshold`, such as `500ms`: which requests are fast enough?",
        ),
        (
            "slo: {objectives: [{slo: uptime, objective: 99, threshold: 1s}]}",
            "1:60: `threshold` belongs to `slo: latency`, not to `uptime`",
        ),
        (
            "slo: {objectives: [{slo: speed, objective: 99}]}",
            "1:26: `speed` is not `availability`, `latency` or `uptime`; objectives of counters of your own stand in `slo.custom`",
        ),
        (
            "slo: {objectives: [{slo: uptime}]}",
            "1:20: `objective` is missing: the share of good events in percent, such as `99.9`",
        ),
        (
            "slo: {custom: [{name: stack, objective: 99, total: a_total, bad: b_total}]}",
            "1:23: `stack` has a meaning already; choose another name",
        ),
        (
            "slo: {custom: [{name: jobs, objective: 99, total: a_total}]}",
            "1:16: `bad` is missing: the counter of bad events",
        ),
        (
            "slo: {custom: [{name: jobs, objective: 99, total: 'rate(a)', bad: b_total}]}",
            "1:51: `rate(a)` is not a counter such as `jobs_total` or `jobs_total{result=\"failed\"}`",
        ),
        ("cost: {spread: all}", "1:16: `all` is not `apart`, `proportional` or `even`"),
    ] {
        assert_eq!(refused(text), format!("dockmeter.yml:{message}"), "{text}");
    }
}

#[test]
fn a_server_that_cannot_be_read_is_refused_where_it_stands() {
    for (text, message) in [
        ("databases: [{password_file: a}]", "1:14: missing field `postgres`"),
        (
            "databases: [{postgres: 'postgres://m@b', passwort: a}]",
            "1:42: unknown key `passwort`, expected `postgres`, `password_file`, `ca_file`, `user`, `project`, `team`, `interval` or `timeout`",
        ),
        (
            "databases: [{postgres: 'postgres://m:secret@b'}]",
            "1:24: a password in an address ends up in logs and lists of processes; put it into a file of its own and name that by `password_file`",
        ),
        (
            "databases: [{postgres: 'postgres://m@b', ca_file: c}]",
            "1:51: `ca_file` says whose certificates count, and this `sslmode` looks at none; write `?sslmode=verify-full` behind the address",
        ),
        (
            "databases: [{postgres: 'postgres://m@b/a'}, {postgres: 'postgres://n@b:5432/c'}]",
            "1:56: a second entry for `b:5432`; what a server says is of all its databases, so one is enough",
        ),
        ("postgres: {interval: 0s}", "1:22: `0s` is not from 1s to 1h"),
    ] {
        assert_eq!(refused(text), format!("dockmeter.yml:{message}"), "{text}");
    }
}

#[test]
fn a_servers_files_lie_beside_the_file_that_names_them() {
    let config = file("databases: [{postgres: 'postgres://m@b', password_file: secrets/pg, team: idle}]");
    let server = &config.postgres.servers[0];
    assert!(server.password_file.as_ref().unwrap().ends_with("secrets/pg"));
    assert_ne!(server.password_file.as_ref().unwrap().to_str(), Some("secrets/pg"));
    assert_eq!(server.tenant.team.as_str(), "idle_");
    assert_eq!((server.interval.as_secs(), server.timeout.as_secs()), (15, 5));
}

#[test]
fn what_is_unusual_is_told_live_unless_somebody_says_otherwise() {
    let config = file("").anomalies;
    assert_eq!((config.enabled, config.memory_bytes), (true, 32 << 20));
    let config = file("anomalies: {enabled: false, memory_bytes: 1GiB}").anomalies;
    assert_eq!((config.enabled, config.memory_bytes), (false, 1 << 30));
}

#[test]
fn a_history_is_kept_where_and_for_as_long_as_the_file_says() {
    let config = file("history: {path: kept, retention: {5s: 2h, 1h: 60d}, disk_bytes: 100MiB}").history;
    assert!(config.path.is_some_and(|path| path.is_absolute() && path.ends_with("kept")));
    assert_eq!(config.retention.map(|time| time.as_secs() / 3_600), [2, 24, 7 * 24, 60 * 24]);
    assert_eq!((config.memory_bytes, config.disk_bytes), (64 << 20, 100 << 20));
    assert_eq!((file("").history.path, file("").history.enabled), (None, true));
    assert!(!file("history: {enabled: false}").history.enabled);
    for (text, message) in [
        ("history: {retention: {1m: 10d}}", "1:27: `10d` is not from 1h to 7d"),
        (
            "history: {retention: {5s: 12h, 1m: 2h}}",
            "1:36: `2h` is shorter than a finer step is kept, which is 12h; raise it",
        ),
        ("history: {retention: {2s: 1h}}", "1:23: unknown key `2s`, expected `5s`, `1m`, `5m` or `1h`"),
    ] {
        assert_eq!(refused(text), format!("dockmeter.yml:{message}"), "{text}");
    }
    assert!(refused("containers: {project: shop}").contains("unknown key `project`"));
}

#[test]
fn a_collector_that_has_to_be_asked_for_is_asked_for_by_its_own_name() {
    assert!(!file("collectors: {host: true}").collects("tcpstat"), "the group is not its name");
    assert!(file("collectors: {tcpstat: true}").collects("tcpstat"));
    assert!(file("collectors: {host: false, tcpstat: true}").collects("tcpstat"));
}

#[test]
fn an_unknown_collector_is_refused_with_those_that_exist() {
    let message = refused("collectors:\n  container_gpu: true\n");
    assert!(
        message.starts_with("dockmeter.yml:2:18: there is no collector `container_gpu`, expected `"),
        "{message}"
    );
}

#[test]
fn a_token_is_understood_with_all_that_it_may_have() {
    let config = file(&format!(
        "auth: {{tokens: [{{name: shop-ci, hash: '{}', scopes: [read, write], project: shop, delegate: true, \
         expires: 2027-01-31}}]}}",
        TokenHash::of("x")
    ));
    let token = &config.tokens[0];
    assert_eq!((token.name.as_str(), token.hash, token.delegate), ("shop-ci", TokenHash::of("x"), true));
    assert_eq!(token.scopes, [Scope::Read, Scope::Write].into_iter().collect());
    assert_eq!(token.binding.project.as_ref().map(|value| value.as_str()), Some("shop"));
    assert_eq!((&token.binding.user, &token.binding.team), (&None, &None));
    assert_eq!(token.expires.unwrap().to_string(), "2027-01-31T00:00:00Z");
    assert!(config.show().contains(
        "- {name: \"shop-ci\", hash: 'sha256:****', scopes: [read, write], project: \"shop\", delegate: true, \
         expires: '2027-01-31T00:00:00Z'}\n"
    ));
}

#[test]
fn a_token_that_says_more_or_less_than_it_means_is_refused_where_it_does() {
    for (rest, message) in [
        ("scopes: [read], project: ''", "an empty text; leave the key out"),
        ("scopes: [read], user: idle", "`idle` is nobody's name"),
        ("scopes: [read, read]", "`read` stands here twice"),
        ("scopes: [admin], team: core", "`admin` is over the whole exporter"),
        ("scopes: [read], project: shop, delegate: true", "it needs the scope `write`"),
        ("scopes: [write], project: shop, user: ann, delegate: true", "cannot be bound to one"),
        ("scopes: [write], delegate: true", "has to be bound to a `project` or a `team`"),
        ("scopes: [write], delegate: yes", "`yes` is neither `true` nor `false`"),
        ("scopes: [read], expires: tomorrow", "`tomorrow` is neither a day"),
        ("scopes: [read], tenant: shop", "unknown key `tenant`, expected `name`, `hash`, `scopes`"),
        ("scopes: [read], project: a, project: b", "key `project` stands twice"),
    ] {
        let entry = format!("{{name: a, hash: '{}', {rest}}}", TokenHash::of("x"));
        let refusal = refused(&format!("auth:\n  tokens:\n  - {entry}\n"));
        assert!(refusal.starts_with("dockmeter.yml:3:") && refusal.contains(message), "{rest}: {refusal}");
    }
}

#[test]
fn two_tokens_of_one_name_or_of_one_hash_are_refused() {
    let entry = |name: &str| format!("{{name: {name}, hash: '{}', scopes: [read]}}", TokenHash::of("x"));
    let message = refused(&format!("auth:\n  tokens:\n  - {}\n  - {}\n", entry("a"), entry("b")));
    assert_eq!(message, "dockmeter.yml:4:21: this is the hash of `a`, too; make a token for each");

    let entry = format!("{{name: a, hash: '{}', scopes: [read]}}", TokenHash::of("x"));
    let message = refused(&format!("auth:\n  tokens:\n  - {entry}\n  - {entry}\n"));
    assert_eq!(message, "dockmeter.yml:4:12: a second token is called `a`");
}

#[test]
fn files_add_tokens_to_those_of_the_configuration_and_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.yml", "second.yml"].map(|name| folder.path().join(name));
    let entry = |name: &str| format!("{{name: {name}, hash: '{}', scopes: [read]}}", TokenHash::of(name));
    let list = |names: &[&str]| {
        let entries = names.iter().map(|name| format!("  - {}\n", entry(name)));
        format!("tokens:\n{}", entries.collect::<String>())
    };
    let configuration = format!("auth: {{tokens: [{}]}}", entry("main"));
    let load = |named: &str| load(configuration.as_bytes(), &[], &[("DOCKMETER_WEB_TOKEN_FILE", named)]);
    let named = format!("{}, {}", first.display(), second.display());
    let refused = || load(&named).unwrap_err().replace(&format!("{}/", folder.path().display()), "");

    fs::write(&first, list(&["a", "b"])).unwrap();
    assert!(refused().starts_with("could not read `second.yml`"), "{}", refused());
    for (text, message) in [
        (list(&["b"]), "second.yml:2:12: a second token is called `b`"),
        (list(&["main"]), "second.yml:2:12: a second token is called `main`"),
        ("auth: {}".to_owned(), "second.yml:1:1: unknown key `auth`, expected `tokens`"),
        (
            "tokens: [{name: c, hash: dm_secret, scopes: [read]}]".to_owned(),
            "second.yml:1:26: a token's hash is `sha256:` and 64 hexadecimal digits; `dockmeter token new` makes one",
        ),
    ] {
        fs::write(&second, text).unwrap();
        assert_eq!(refused(), message);
    }

    fs::write(&second, list(&["c"])).unwrap();
    let names = |config: &Config| -> Vec<String> {
        config.tokens.iter().chain(&config.file_tokens).map(|token| token.name.clone()).collect()
    };
    let config = load(&named).unwrap();
    assert_eq!(names(&config), ["main", "a", "b", "c"]);
    let flags = [("web.token-file".to_owned(), vec![first.display().to_string()])].into();
    let config = Sources { flags, ..Sources::default() }.load().unwrap();
    fs::write(&first, list(&["d"])).unwrap();
    assert_eq!((names(&config).len(), names(&config.reload().unwrap())), (2, vec!["d".to_owned()]));
}

#[test]
fn a_refused_flag_or_variable_is_named() {
    assert_eq!(
        load(b"", &[("container.linger", "0s")], &[]).unwrap_err(),
        "--container.linger: `0s` is not from 1s to 1h"
    );
    assert_eq!(
        load(b"", &[], &[("DOCKMETER_PATH_PROCFS", "proc")]).unwrap_err(),
        "DOCKMETER_PATH_PROCFS: `proc` is not an absolute path"
    );
    assert_eq!(
        load(b"", &[], &[("DOCKMETER_COLLECTOR_CONTAINER_CPU", "off")]).unwrap_err(),
        "DOCKMETER_COLLECTOR_CONTAINER_CPU: `off` is neither `true` nor `false`"
    );
}

#[test]
fn a_named_file_has_to_exist_and_the_default_one_need_not() {
    let missing = Sources { default_file: Some("/nowhere/dockmeter.yml".into()), ..Sources::default() };
    assert_eq!(missing.load().unwrap().file, None);
    let flags = [("config.file".to_owned(), vec!["/nowhere/dockmeter.yml".to_owned()])].into();
    let message = Sources { flags, ..Sources::default() }.load().unwrap_err().to_string();
    assert!(message.starts_with("could not read `/nowhere/dockmeter.yml`"), "{message}");
}

#[test]
fn a_reload_reads_the_file_again_and_keeps_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dockmeter.yml");
    fs::write(&path, "sampling: {full: 10s}").unwrap();
    let flags = [("web.max-requests".to_owned(), vec!["7".to_owned()])].into();
    let config = Sources { flags, default_file: Some(path.clone()), ..Sources::default() }.load().unwrap();
    fs::write(&path, "sampling: {full: 20s}").unwrap();
    let again = config.reload().unwrap();
    assert_eq!((again.sampling_full.as_secs(), again.web.max_requests), (20, 7));
    fs::write(&path, "sampling: {").unwrap();
    assert!(again.reload().is_err());
}

#[test]
fn what_is_shown_can_be_read_back() {
    let text = "containers: {exclude: [{name: '\"quoted\" \\d'}, {label: 'a=b # c'}], labels: []}\n\
                tenancy: {strict: true, user: [{name: '^x-(.*)', decode: jupyter}, {cgroup_user: true}, {value: é}]}\n\
                web: {trust_networks: [10.0.0.0/8]}\nsampling: {full: 1500ms, fast: 300ms}\ncollectors: {container_cpu: false}\n\
                probes: [{name: a, tcp: '[::1]:5'}, {name: b, http: 'https://b/c', status: [2xx, 404], ca_file: ca.pem, interval: 1m, timeout: 250ms}]\n\
                databases: [{postgres: 'postgres://m@[::1]/a?sslmode=verify-ca', password_file: p, ca_file: ca.pem, project: shop}, {postgres: 'postgres://m@b', interval: 2s}]\n\
                prometheus: {url: 'http://p'}\n\
                grafana: {alerts: all, teams: {core: {members: [ann]}, web: {}}, mute_timings: {nights: [{weekdays: [sunday]}]}, templates: {short: \"a\\nb\"}, policies: [{receiver: ops}], state_file: /s/grafana.json}\n\
                report: {sla: {folder: reports, every: quarter, time_zone: Europe/Berlin}}\n\
                slo: {period: 28d, objectives: [{slo: latency, objective: '99.50', threshold: 250ms, user: ann}, {slo: uptime, objective: 99}], custom: [{name: jobs, objective: 95, total: jobs_total, bad: 'jobs_total{result=\"failed\"}', service: a}]}\n";
    let without_origins = |page: String| -> Vec<String> {
        page.lines()
            .map(|line| line.rsplit_once("  #").map_or(line, |(value, _)| value).to_owned())
            .skip(1)
            .collect()
    };
    let shown = file(text).show();
    assert_eq!(without_origins(file(&shown).show()), without_origins(shown));
}

#[test]
fn show_has_every_key_and_says_where_values_come_from() {
    let page = load(b"log:\n  level: warn", &[("log.format", "json")], &[]).unwrap().show();
    for key in settings::ALL.iter().filter_map(|setting| setting.key) {
        for (depth, part) in key.split('.').enumerate() {
            assert!(page.contains(&format!("\n{}{part}:", "  ".repeat(depth))), "{key}\n{page}");
        }
    }
    assert!(page.contains("  level: warn  # ") && page.contains("dockmeter.yml:2:10\n"), "{page}");
    assert!(page.contains("  format: json  # --log.format\n"), "{page}");
    assert!(page.contains("  full: 5s  # default\n"), "{page}");
}

#[test]
fn hashes_of_tokens_are_masked() {
    let hash = TokenHash::of("x");
    let config = file(&format!("auth: {{tokens: [{{name: a, hash: '{hash}', scopes: [read]}}]}}"));
    let digits = hash.to_string().replace("sha256:", "");
    assert!(!config.show().contains(&digits) && !format!("{:?}", config.tokens).contains(&digits));
}

#[test]
fn the_reference_has_every_setting() {
    let page = reference();
    for setting in settings::ALL {
        let names = setting.flag.iter().chain(&setting.key).map(|name| (*name).to_owned());
        for name in names.chain(setting.variables()) {
            assert!(page.contains(&name), "{name}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_configuration_or_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(message) = load(&bytes, &[], &[]) {
            prop_assert!(!message.contains('\n'), "{}", message);
        }
    }

    #[test]
    fn any_value_of_any_key_is_taken_or_refused_in_one_line(
        key in proptest::sample::select(settings::ALL.iter().filter_map(|setting| setting.key).collect::<Vec<_>>()),
        value in "[ -~é]{0,30}|\\[[^\\]]{0,20}\\]|\\{[a-z]{1,8}: [^}]{0,20}\\}",
    ) {
        let file = match key.split_once('.') {
            Some((section, key)) => format!("{section}:\n  {key}: {value}\n"),
            None => format!("{key}: {value}\n"),
        };
        if let Err(message) = load(file.as_bytes(), &[], &[]) {
            prop_assert!(!message.contains('\n') && message.contains("dockmeter.yml"), "{}", message);
        }
    }
}

#[test]
fn in_a_container_the_hosts_file_systems_are_found_by_themselves() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    let load = |flags: &[(&str, &Path)]| {
        let flag =
            |(name, value): &(&str, &Path)| ((*name).to_owned(), vec![value.to_str().unwrap().to_owned()]);
        let flags = flags.iter().map(flag).collect();
        let sources = Sources { flags, host_root: Some(root.to_owned()), ..Sources::default() };
        sources.load().unwrap().paths
    };
    let nothing_there = load(&[]);
    assert_eq!(nothing_there, crate::paths::Paths::default());
    fs::create_dir(root.join("proc")).unwrap();
    fs::write(root.join("proc/stat"), "").unwrap();
    let found = load(&[]);
    assert_eq!((found.procfs, found.sysfs, found.rootfs), (root.join("proc"), root.join("sys"), root.into()));
    // Whoever says where one of them is knows better.
    let sys = Path::new("/sys");
    let said = load(&[("path.sysfs", sys)]);
    assert_eq!(said, crate::paths::Paths::default());
    let said = load(&[("path.sysfs", sys), ("path.rootfs", root)]);
    assert_eq!((said.procfs, said.sysfs, said.rootfs), (root.join("proc"), sys.into(), root.into()));
    assert_eq!(load(&[("path.rootfs", Path::new("/"))]), crate::paths::Paths::default());
}
