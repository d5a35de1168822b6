//! Every setting, declared once as data: flag, environment variable, key of
//! `dockmeter.yml`, default and documentation. `--help`, the layering of sources,
//! `config show` and `docs/configuration.md` come from here.

use crate::paths;

/// How often a setting may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One value.
    One,
    /// The flag may be repeated, the variable holds values between commas, the key a list.
    Many,
}

/// What a switch takes: also nothing, which is `true`.
pub const BOOLEAN: &str = "BOOLEAN";

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The flag without its dashes; `None` for what only the file can say.
    pub flag: Option<&'static str>,
    /// The key in the file, with dots between the levels; `None` for what the file cannot say.
    pub key: Option<&'static str>,
    /// How often it may be given.
    pub arity: Arity,
    /// What a value is, in capitals.
    pub value: &'static str,
    /// The values in force if nothing is said.
    pub default: &'static [&'static str],
    /// What it is for: one sentence, and what else there is to know.
    pub help: &'static str,
}

impl Setting {
    /// The environment variables, the first that is set wins: that of the flag and, for the
    /// engine, the one that every Docker client reads.
    pub fn variables(&self) -> Vec<String> {
        let docker = DOCKERS_OWN.iter().find(|(setting, _)| setting.name() == self.name());
        let docker = docker.map(|(_, variable)| (*variable).to_owned());
        self.flag.map(env_name).into_iter().chain(docker).collect()
    }

    /// The flag that switches it off, if it is a switch that is on.
    pub fn negation(&self) -> Option<String> {
        (self.value == BOOLEAN && self.default == ["true"])
            .then_some(self.flag?)
            .map(|flag| format!("{NO_FLAG}{flag}"))
    }

    /// The name that stands for the setting in origins and errors: its key, else its flag.
    pub fn name(&self) -> &'static str {
        self.key.or(self.flag).unwrap_or_default()
    }
}

/// The environment variable of a flag: `DOCKMETER_` and the flag in capitals.
pub fn env_name(flag: &str) -> String {
    format!("{ENV_PREFIX}{}", flag.to_ascii_uppercase().replace(['.', '-'], "_"))
}

/// The beginning of all our environment variables.
pub const ENV_PREFIX: &str = "DOCKMETER_";

/// Where Docker's own clients look for the engine.
pub const DOCKER_HOST_VARIABLE: &str = "DOCKER_HOST";

/// What asks Docker's own clients for TLS, if it is not empty.
pub const DOCKER_TLS_VARIABLE: &str = "DOCKER_TLS_VERIFY";

/// Where Docker's own clients look for certificates.
pub const DOCKER_CERT_VARIABLE: &str = "DOCKER_CERT_PATH";

/// The folder of Docker's own configuration, where certificates are if none is named.
pub const DOCKER_CONFIG_VARIABLE: &str = "DOCKER_CONFIG";

/// The user's folder, with `.docker` in it.
pub const HOME_VARIABLE: &str = "HOME";

/// The folder of a user's sockets, those of rootless engines among them.
pub const RUNTIME_VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Variables that are not ours and are read.
pub const FOREIGN_VARIABLES: [&str; 6] = [
    DOCKER_HOST_VARIABLE,
    DOCKER_TLS_VARIABLE,
    DOCKER_CERT_VARIABLE,
    DOCKER_CONFIG_VARIABLE,
    HOME_VARIABLE,
    RUNTIME_VARIABLE,
];

/// The settings for which Docker's own clients have a variable.
const DOCKERS_OWN: [(&Setting, &str); 3] = [
    (&DOCKER_HOST, DOCKER_HOST_VARIABLE),
    (&DOCKER_TLS_VERIFY, DOCKER_TLS_VARIABLE),
    (&DOCKER_CERT_PATH, DOCKER_CERT_VARIABLE),
];

/// Mount points that node_exporter leaves out.
pub const MOUNT_POINTS_EXCLUDE: &str =
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";

/// Types of file systems that node_exporter leaves out.
pub const FS_TYPES_EXCLUDE: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";

/// Block devices that node_exporter leaves out: partitions, and what lies in memory.
pub const DISKS_EXCLUDE: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

/// Network devices of containers and of networks that Docker makes.
pub const DEVICES_EXCLUDE: &str = "^(veth.*|br-[0-9a-f]{12}|cali.*)$";

/// Declares the settings and the table of all of them.
macro_rules! settings {
    ($($ident:ident $flag:expr, $key:expr, $arity:ident $value:literal [$($default:expr),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $ident: Setting = Setting {
                flag: $flag,
                key: $key,
                arity: Arity::$arity,
                value: $value,
                default: &[$($default),*],
                help: $help,
            };
        )*

        /// Every setting, in the order of the reference.
        pub static ALL: &[&Setting] = &[$(&$ident),*];
    };
}

settings! {
    CONFIG_FILE Some("config.file"), None, One "FILE" []
        "The configuration file. A file named here has to exist; otherwise `/etc/dockmeter/dockmeter.yml` is read if there is one.";
    WEB_LISTEN_ADDRESS Some("web.listen-address"), Some("web.listen_address"), Many "ADDRESS" ["127.0.0.1:10417"]
        "Where pages are served: an IP address and a port, `localhost:PORT`, `:PORT` for every address of the machine, or `unix:PATH` for a socket in the file system, whose permissions say who may read. Off loopback every read needs a token, but from trusted networks.";
    WEB_SYSTEMD_SOCKET Some("web.systemd-socket"), Some("web.systemd_socket"), One "BOOLEAN" ["false"]
        "Whether the sockets are served that systemd has bound for this service (`LISTEN_FDS`), instead of `--web.listen-address`; `--web.systemd-socket` alone means `true`.";
    WEB_CONFIG_FILE Some("web.config.file"), Some("web.config_file"), One "FILE" []
        "TLS, certificates of clients, users with passwords, headers and a limit of requests, in the file format of Prometheus and its exporters. Read again when it or a certificate in it changes.";
    WEB_MAX_REQUESTS Some("web.max-requests"), Some("web.max_requests"), One "COUNT" ["40"]
        "How many requests are answered at once, 1 to 10000; more get the status 503.";
    WEB_TRUST_NETWORKS Some("web.trust-network"), Some("web.trust_networks"), Many "CIDR" []
        "A network that reads without a token, as the one that only Prometheus is in.";
    WEB_ALLOWED_HOSTS Some("web.allowed-host"), Some("web.allowed_hosts"), Many "NAME" []
        "A further name under which pages are asked for. A request for another host is refused, which keeps foreign web pages from reading through a visitor's browser.";
    WEB_TOKEN_FILE Some("web.token-file"), None, Many "FILE" []
        "A file with more tokens: a list `tokens` whose entries are those of `auth.tokens`. `dockmeter token new --output=FILE` makes one. It has to exist, and is read again on SIGHUP.";
    WEB_CORS_ORIGINS Some("web.cors-origin"), Some("web.cors_origins"), Many "ORIGIN" []
        "The origin of another server's pages that may read here through a visitor's browser, as `https://dash.example.com`: exactly as browsers send it, and no patterns. Without it no other server's page reads.";
    DOCKER_HOST Some("docker.host"), Some("docker.host"), One "ADDRESS" ["unix:///var/run/docker.sock"]
        "The engine: `unix:///PATH` or `tcp://HOST:PORT`. Docker's own variable stands behind ours and before the file. If nobody says anything and the default does not exist, `$XDG_RUNTIME_DIR/docker.sock`, `/run/podman/podman.sock` and `$XDG_RUNTIME_DIR/podman/podman.sock` are looked for.";
    DOCKER_TLS_VERIFY Some("docker.tls-verify"), Some("docker.tls_verify"), One "BOOLEAN" ["false"]
        "Whether TLS is spoken with an engine at `tcp://`, its certificate verified and ours shown. Docker's own variable means `true` with any value.";
    DOCKER_CERT_PATH Some("docker.cert-path"), Some("docker.cert_path"), One "DIRECTORY" []
        "Where `ca.pem`, `cert.pem` and `key.pem` are; read again with every new connection. If none is named, `$DOCKER_CONFIG`, else `$HOME/.docker`. Without `cert.pem` and `key.pem` no certificate is shown.";
    CONTAINER_LINGER Some("container.linger"), Some("containers.linger"), One "DURATION" ["60s"]
        "How long a removed container's last values stay, 1s to 1h. At least two scrapes, so that Prometheus sees the end.";
    CONTAINER_PEAK_WINDOW Some("container.peak-window"), Some("containers.peak_window"), One "DURATION" ["60s"]
        "How far `container_cpu_peak_cores` and `container_memory_peak_bytes` look back, 10s to 1h. Longer than the time between two scrapes, so that every scraper sees every peak.";
    CONTAINER_SOURCE Some("container.source"), Some("containers.source"), One "SOURCE" ["auto"]
        "Where the numbers of containers come from: `cgroup` (the kernel's files), `api` (the engine's statistics, dearer and coarser), or `auto`: the kernel's files of this machine, and the engine's statistics where there are none, as with an engine on another machine.";
    CONTAINERS_LABELS None, Some("containers.labels"), Many "KEY" ["com.docker.compose.project", "com.docker.compose.service"]
        "Docker labels that every series of a container carries as `container_label_*`, for dashboards made for cAdvisor. At most 32; every one costs memory on every series. `[]` is none.";
    CONTAINERS_INCLUDE None, Some("containers.include"), Many "PATTERN" []
        "Only containers that fit one of these are looked at; all if empty. A pattern is `{name: REGEX}`, `{image: REGEX}`, `{label: KEY}` or `{label: KEY=VALUE}`.";
    CONTAINERS_EXCLUDE None, Some("containers.exclude"), Many "PATTERN" []
        "Containers that fit one of these are not looked at, nor those with the label `dockmeter.ignore=true`.";
    SAMPLING_FAST Some("sampling.fast"), Some("sampling.fast"), One "DURATION" ["250ms"]
        "How often CPU and memory use of every running container are sampled, 100ms to 5s and not longer than `sampling.full`.";
    SAMPLING_FULL Some("sampling.full"), Some("sampling.full"), One "DURATION" ["5s"]
        "How often everything is read between scrapes, 1s to 60s.";
    SAMPLING_HOST Some("sampling.host"), Some("sampling.host"), One "DURATION" ["1s"]
        "How often CPU, memory, disks and network of the machine are sampled for `dockmeter_host_*_peak_*`, 250ms to 10s. `--no-collector.host_peaks` samples none.";
    DISK_INTERVAL Some("disk.interval"), Some("disk.interval"), One "DURATION" ["5m"]
        "How long a writable layer or a volume is left alone after it was measured, 10s to 24h. `--no-collector.container_disk` measures none.";
    DISK_BUDGET Some("disk.budget"), Some("disk.budget"), One "PERCENT" ["2"]
        "How much of all time may go into measuring disks, waiting for them included, 0.1 to 50 percent of one core.";
    DISK_ENGINE_INTERVAL Some("disk.engine-interval"), Some("disk.engine_interval"), One "DURATION" ["1h"]
        "How often the engine is asked what its images, volumes and build cache take, 1m to 7d; the question makes the engine look at every file. `--no-collector.docker_disk` never asks.";
    TENANCY_USER None, Some("tenancy.user"), Many "RULE" []
        "How the user is found; the first rule that yields a value wins. Built in: `dockmeter.user`, Coder, owner of the Compose directory, JupyterHub's names, slice of a rootless engine.";
    TENANCY_PROJECT None, Some("tenancy.project"), Many "RULE" []
        "How the project is found. Built in: the labels `dockmeter.project`, and those of Coolify, Coder, Compose, Swarm, Dokku and Dev Containers.";
    TENANCY_TEAM None, Some("tenancy.team"), Many "RULE" []
        "How the team is found. Built in: the label `dockmeter.team`.";
    TENANCY_IGNORE_IMAGE_LABELS None, Some("tenancy.ignore_image_labels"), One "BOOLEAN" ["true"]
        "Whether a label that the image brought along counts for nothing. Compose's own labels count on containers that Compose made. While an image cannot be inspected, all labels count.";
    TENANCY_STRICT None, Some("tenancy.strict"), One "BOOLEAN" ["false"]
        "Whether cgroup slices and map files come before labels. For hosts where whoever starts containers must not choose whose they are.";
    TENANCY_LIMITS_AS_RESERVATIONS Some("tenancy.limits-as-reservations"), Some("tenancy.limits_as_reservations"), One "BOOLEAN" ["false"]
        "Whether a container that has reserved no cores, or no memory, is billed as if it had reserved its limit.";
    LIMITS_USERS None, Some("limits.users"), One "COUNT" ["1000"]
        "How many distinct users there can be; the next ones are `other`.";
    LIMITS_PROJECTS None, Some("limits.projects"), One "COUNT" ["1000"]
        "How many distinct projects there can be; the next ones are `other`.";
    LIMITS_TEAMS None, Some("limits.teams"), One "COUNT" ["200"]
        "How many distinct teams there can be; the next ones are `other`.";
    LIMITS_SERIES_PER_TENANT None, Some("limits.series_per_tenant"), One "COUNT" ["20000"]
        "How many series the programs of one tenant may send, a quarter of them of one metric; what is new beyond that counts in a series with `overflow=\"true\"` until old ones have gone.";
    LIMITS_SERIES_TOTAL None, Some("limits.series_total"), One "COUNT" ["200000"]
        "How many series all programs together may send.";
    LIMITS_SERIES_BYTES None, Some("limits.series_bytes"), One "BYTES" ["256MiB"]
        "How much memory the series of all programs may take, 1MiB to 64GiB; those of one tenant a quarter of it.";
    LIMITS_BODY_BYTES None, Some("limits.body_bytes"), One "BYTES" ["8MiB"]
        "How long a request of a program may be, before and after it is unpacked, 64KiB to 64MiB.";
    LIMITS_PENDING_BYTES None, Some("limits.pending_bytes"), One "BYTES" ["128MiB"]
        "How much memory requests of programs may take while they are read, 1MiB to 64GiB; those of one tenant a quarter of it, but always one request. A tenant that wants more is answered 429, and 503 when all together do.";
    LIMITS_POINTS_PER_SECOND None, Some("limits.points_per_second"), One "COUNT" ["10000"]
        "How many points the programs of one tenant may send per second, over ten seconds; then 429 asks them to wait. 256 bytes of a body count as a point at least.";
    INGEST_LISTEN_ADDRESS Some("ingest.listen-address"), Some("ingest.listen_address"), Many "ADDRESS" []
        "Where programs send what they measure, and nothing else is served: an IP address and a port (4318 is OpenTelemetry's), `:PORT`, or `unix:PATH`. `--web.listen-address` takes it, too.";
    QUERIES_SLOW Some("queries.slow"), Some("queries.slow"), One "DURATION" ["1s"]
        "From when on a database call is slow, 1ms to 1h: it counts in `db_slow_queries_total`, and its statement is listed by `/api/queries/slow`, without values.";
    INSTRUMENTATION_EXEMPLARS Some("instrumentation.exemplars"), Some("instrumentation.exemplars"), One "BOOLEAN" ["false"]
        "Keep exemplars that programs send, the latest of each bucket, and show them in OpenMetrics and protobuf: the trace of one request among those that were counted. Prometheus takes them with `--enable-feature=exemplar-storage`. Each takes about 400 bytes; there are 5,000 at most for a tenant and 50,000 in all.";
    INSTRUMENTATION_NAMES Some("instrumentation.names"), Some("instrumentation.names"), One "NAMES" ["classic"]
        "Under which names HTTP and database metrics of programs are shown: `classic` (`http_requests_total`, `db_query_duration_seconds`), `otel` (OpenTelemetry's, as `http_server_request_duration_seconds`) or `both`, which takes twice the series. A reload changes it.";
    AUTH_TOKENS None, Some("auth.tokens"), Many "TOKEN" []
        "Who may come in with a token, and what for: `{name: NAME, hash: 'sha256:…', scopes: [read]}`. Scopes are `read`, `write` and `admin`, and none includes another. With `user`, `project` or `team` a token is bound to that tenant and nothing else exists for it; with `expires: 2027-01-31` it ends then; `delegate: true` lets a `write` token of a project or team name the user of each point that it sends. `dockmeter token new` makes one.";
    TEXTFILE_DIRECTORY Some("collector.textfile.directory"), Some("host.textfile_directory"), Many "DIRECTORY" []
        "A directory whose `*.prom` files are shown as metrics of the host; files are to be written under another name and renamed.";
    HOST_PEAK_WINDOW Some("host.peak-window"), Some("host.peak_window"), One "DURATION" ["60s"]
        "How far `dockmeter_host_*_peak_*` look back, 10s to 1h. Longer than the time between two scrapes, so that every scraper sees every peak.";
    FILESYSTEM_MOUNT_POINTS_EXCLUDE Some("collector.filesystem.mount-points-exclude"), Some("host.mount_points_exclude"), One "REGEX" [MOUNT_POINTS_EXCLUDE]
        "Mount points that are left out, beside what lies below the folder of the engine's data.";
    FILESYSTEM_FS_TYPES_EXCLUDE Some("collector.filesystem.fs-types-exclude"), Some("host.fs_types_exclude"), One "REGEX" [FS_TYPES_EXCLUDE]
        "Types of file systems that are left out.";
    DISKSTATS_DEVICE_EXCLUDE Some("collector.diskstats.device-exclude"), Some("host.diskstats_device_exclude"), One "REGEX" [DISKS_EXCLUDE]
        "Block devices that are left out.";
    NETDEV_DEVICE_EXCLUDE Some("collector.netdev.device-exclude"), Some("host.netdev_device_exclude"), One "REGEX" [DEVICES_EXCLUDE]
        "Network devices that are left out, by `netclass` too. The default leaves out those that come and go with containers and their networks, whose traffic the containers' own series show; `^$` leaves out none, as node_exporter does.";
    PROBES Some("probe"), Some("probes"), Many "TARGET" []
        "What is probed all the time: `NAME=tcp://HOST:PORT` or `NAME=URL` with `http://` or `https://`. The file says more: `{name: NAME, tcp: HOST:PORT}` or `{name: NAME, http: URL, status: [2xx], ca_file: FILE}`, each with `interval` (15s; 1s to 1h) and `timeout` (5s; 100ms to 60s, and not longer than the interval). Flags replace the targets of the file. At most 100; a reload changes them.";
    DATABASES None, Some("databases"), Many "SERVER" []
        "PostgreSQL servers that are read: `{postgres: 'postgres://USER@HOST:PORT/DATABASE', password_file: FILE}`, with `user`, `project` and `team` for whose it is, `ca_file`, `interval` and `timeout`. The database is `postgres` if none is named; behind it may stand `?sslmode=` with `disable`, `prefer`, `require`, `verify-ca` or `verify-full`. At most 100; a reload changes them.";
    POSTGRES_PASSWORD_DIRECTORY Some("postgres.password-directory"), Some("postgres.password_directory"), One "DIRECTORY" []
        "Where the passwords for PostgreSQL servers in containers lie, one a file. Then containers with the label `dockmeter.postgres=true` are read, too; `dockmeter.postgres.password_file` says which of the files, `postgres` if nothing else.";
    POSTGRES_INTERVAL Some("postgres.interval"), Some("postgres.interval"), One "DURATION" ["15s"]
        "How often PostgreSQL servers are read, 1s to 1h; sizes and tables every minute at most.";
    POSTGRES_TIMEOUT Some("postgres.timeout"), Some("postgres.timeout"), One "DURATION" ["5s"]
        "How long a reading of a PostgreSQL server may take, connecting included, 100ms to 60s; the server ends a statement itself a little earlier.";
    PROMETHEUS_URL Some("prometheus.url"), Some("prometheus.url"), One "URL" []
        "The Prometheus that scrapes dockmeter, `http://HOST:PORT` or `https://…`, for reports and for the history of containers.";
    PROMETHEUS_USERNAME Some("prometheus.username"), Some("prometheus.username"), One "NAME" []
        "The user of basic auth with it.";
    PROMETHEUS_PASSWORD_FILE Some("prometheus.password-file"), Some("prometheus.password_file"), One "FILE" []
        "The file that holds that user's password; read for each report.";
    PROMETHEUS_BEARER_TOKEN_FILE Some("prometheus.bearer-token-file"), Some("prometheus.bearer_token_file"), One "FILE" []
        "The file that holds a bearer token for it, instead of a password.";
    PROMETHEUS_CA_FILE Some("prometheus.ca-file"), Some("prometheus.ca_file"), One "FILE" []
        "Certificates (PEM) of the authorities that its certificate has to come from; the system's if none is named.";
    ALERTMANAGER_URL Some("alertmanager.url"), Some("alertmanager.url"), One "URL" []
        "The Alertmanager that Prometheus sends alerts to, `http://HOST:PORT` or `https://…`: `/api/alerts` reads from it.";
    ALERTMANAGER_USERNAME Some("alertmanager.username"), Some("alertmanager.username"), One "NAME" []
        "The user of basic auth with it.";
    ALERTMANAGER_PASSWORD_FILE Some("alertmanager.password-file"), Some("alertmanager.password_file"), One "FILE" []
        "The file that holds that user's password; read at the start and at every reload.";
    ALERTMANAGER_BEARER_TOKEN_FILE Some("alertmanager.bearer-token-file"), Some("alertmanager.bearer_token_file"), One "FILE" []
        "The file that holds a bearer token for it, instead of a password.";
    ALERTMANAGER_CA_FILE Some("alertmanager.ca-file"), Some("alertmanager.ca_file"), One "FILE" []
        "Certificates (PEM) of the authorities that its certificate has to come from; the system's if none is named.";
    GRAFANA_URL Some("grafana.url"), Some("grafana.url"), One "URL" []
        "The Grafana that `dockmeter grafana plan` and `apply` work on, `http://HOST:PORT` or `https://…`.";
    GRAFANA_TOKEN_FILE Some("grafana.token-file"), Some("grafana.token_file"), One "FILE" []
        "The file that holds a token of a service account there with the role Admin; `dockmeter grafana token` makes one.";
    GRAFANA_USERNAME Some("grafana.username"), Some("grafana.username"), One "NAME" []
        "The user of basic auth with it, instead of a token; an administrator.";
    GRAFANA_PASSWORD_FILE Some("grafana.password-file"), Some("grafana.password_file"), One "FILE" []
        "The file that holds that user's password.";
    GRAFANA_CA_FILE Some("grafana.ca-file"), Some("grafana.ca_file"), One "FILE" []
        "Certificates (PEM) of the authorities that its certificate has to come from; the system's if none is named.";
    GRAFANA_PROMETHEUS_URL Some("grafana.prometheus-url"), Some("grafana.prometheus_url"), One "URL" []
        "Prometheus as Grafana reaches it; `prometheus.url` if nothing is said.";
    GRAFANA_ALERTMANAGER_URL Some("grafana.alertmanager-url"), Some("grafana.alertmanager_url"), One "URL" []
        "Alertmanager as Grafana reaches it; `alertmanager.url` if nothing is said.";
    GRAFANA_ALERTS Some("grafana.alerts"), Some("grafana.alerts"), One "WHICH" ["tenants"]
        "Which alerts Grafana evaluates: those about `tenants`, `all`, or `none`. Prometheus' own give way while it does.";
    GRAFANA_TEAMS None, Some("grafana.teams"), Many "TEAM" []
        "Teams that get a folder with their own dashboards, beside those of `alerting.teams`, by the value of the label `team`: `core: {members: [ann@example.org]}`. With `members`, who is in the team is as listed here; without, that is left to Grafana.";
    GRAFANA_CONTACT_POINTS None, Some("grafana.contact_points"), Many "CONTACT POINT" []
        "Further contact points, by name: `{type: webhook, settings: {url: URL}}` with anything that Grafana takes. Grafana shows them as `dockmeter-NAME`.";
    GRAFANA_MUTE_TIMINGS None, Some("grafana.mute_timings"), Many "TIMING" []
        "Mute timings, by name, as lists of Grafana's time intervals: `nights: [{times: [{start_time: '22:00', end_time: '24:00'}]}]`. Grafana shows them as `dockmeter-NAME`.";
    GRAFANA_TEMPLATES None, Some("grafana.templates"), Many "TEMPLATE" []
        "Notification templates, by name, as text. Grafana shows them as `dockmeter-NAME`.";
    GRAFANA_POLICIES None, Some("grafana.policies"), Many "POLICY" []
        "Notification policies, in Grafana's own form, for alerts that dockmeter made: each is a branch of the organisation's tree that takes only alerts with `managed_by=dockmeter`. All other branches stay as they are.";
    GRAFANA_STATE_FILE Some("grafana.state-file"), Some("grafana.state_file"), One "FILE" ["dockmeter-grafana.json"]
        "Where `apply` notes what it made, so that the next `plan` can tell changes made in Grafana from changes made here. It holds no secrets.";
    DISCOVERY_NETWORKS Some("discovery.network"), Some("discovery.networks"), Many "NAME" []
        "A network of the engine that Prometheus is in. `/api/sd/prometheus` names the address that a container has in the first of these that it is in, and no container that is in none; without any, the address in its first network by name.";
    DISCOVERY_PUBLISHED_ADDRESS Some("discovery.published-address"), Some("discovery.published_address"), One "HOST" []
        "The name or IP address of this host, for a Prometheus elsewhere. Containers are then found at the ports that they publish on the host, and not at their own addresses; who publishes none is not found.";
    DISCOVERY_MIN_INTERVAL Some("discovery.min-interval"), Some("discovery.min_interval"), One "DURATION" ["5s"]
        "How often a container may ask to be scraped at most, 1s to 1h; `dockmeter.scrape.interval` below it counts as this.";
    HEALTH_WARNING Some("health.warning"), Some("health.warning"), One "PERCENT" ["90"]
        "From which share of CPU, memory, disk and other limits on `/api/system/health` warns, 1 to 100 percent.";
    HEALTH_UNHEALTHY Some("health.unhealthy"), Some("health.unhealthy"), One "PERCENT" ["95"]
        "From which share on it says `unhealthy`; not below `health.warning`.";
    HISTORY_ENABLED Some("history"), Some("history.enabled"), One "BOOLEAN" ["true"]
        "Whether the history of containers and of the machine is kept here; `--no-history` keeps none and takes no memory for it. The history of containers is then asked of Prometheus alone (`prometheus.url`), and how everything was is not told.";
    HISTORY_PATH Some("history.path"), Some("history.path"), One "DIRECTORY" []
        "Where the history of containers and of the machine is written, so that a restart loses nothing of it; made if it is not there, and of one dockmeter alone. Without it the history is in memory only. See [history.md](history.md).";
    HISTORY_RETENTION_5S Some("history.retention.5s"), Some("history.retention.5s"), One "DURATION" ["1h"]
        "How long samples of every 5 s are kept, 10m to 12h.";
    HISTORY_RETENTION_1M Some("history.retention.1m"), Some("history.retention.1m"), One "DURATION" ["24h"]
        "How long steps of a minute are kept, 1h to 7d; not shorter than a finer step.";
    HISTORY_RETENTION_5M Some("history.retention.5m"), Some("history.retention.5m"), One "DURATION" ["7d"]
        "How long steps of five minutes are kept, 6h to 35d, likewise.";
    HISTORY_RETENTION_1H Some("history.retention.1h"), Some("history.retention.1h"), One "DURATION" ["30d"]
        "How long steps of an hour are kept, 1d to 400d, likewise.";
    HISTORY_MEMORY_BYTES Some("history.memory-bytes"), Some("history.memory_bytes"), One "BYTES" ["64MiB"]
        "How much memory the history may take, 1MiB to 64GiB; beyond it what is oldest for its step goes before its time.";
    HISTORY_DISK_BYTES Some("history.disk-bytes"), Some("history.disk_bytes"), One "BYTES" ["512MiB"]
        "How long the files of the history may be together, 1MiB to 64GiB; beyond it the oldest go before their time.";
    ANOMALIES_ENABLED Some("anomalies"), Some("anomalies.enabled"), One "BOOLEAN" ["true"]
        "Whether it is told as it happens what of a container is not as usual, by the week before; `--no-anomalies` spares its memory. `/api/analytics/anomalies` answers all the same. See [analysis.md](analysis.md#live).";
    ANOMALIES_MEMORY_BYTES Some("anomalies.memory-bytes"), Some("anomalies.memory_bytes"), One "BYTES" ["32MiB"]
        "How much memory the detectors for that may take, 1MiB to 64GiB: 12 kB a value that is ever worth a look, of which a container has two to four. Values beyond that are not watched, which is logged.";
    REPORT_SLA_FOLDER Some("report.sla.folder"), Some("report.sla.folder"), One "DIRECTORY" []
        "Where the exporter writes the report on objectives by itself at the end of each period, as `sla-2026-10.md`, `.json` and `.csv`; made if it is not there. Needs `prometheus.url`; with `alertmanager.url` each team is told by an alert `SlaReport`. Without a folder nothing is written, and `dockmeter report sla` makes the same report.";
    REPORT_SLA_EVERY Some("report.sla.every"), Some("report.sla.every"), One "PERIOD" ["month"]
        "How long the period of that report is: a calendar `month` or a `quarter`.";
    REPORT_SLA_TIME_ZONE Some("report.sla.time-zone"), Some("report.sla.time_zone"), One "ZONE" ["UTC"]
        "The time zone in which its periods begin and end, `UTC` or a name such as `Europe/Berlin`.";
    REPORT_WEEKLY_DAY Some("report.weekly.day"), Some("report.weekly.day"), One "DAY" ["monday"]
        "The day on which each team is told what held its requests up in the week before, by an alert `WeeklyReport` of `alertmanager.url`: `monday` to `sunday`, or `never`.";
    REPORT_WEEKLY_TIME Some("report.weekly.time"), Some("report.weekly.time"), One "HH:MM" ["08:00"]
        "The time of day at which they are told.";
    REPORT_WEEKLY_TIME_ZONE Some("report.weekly.time-zone"), Some("report.weekly.time_zone"), One "ZONE" ["UTC"]
        "The time zone of that time, `UTC` or a name such as `Europe/Berlin`.";
    FINDINGS_ENABLED Some("findings"), Some("findings.enabled"), One "BOOLEAN" ["true"]
        "Whether it is looked all the time for what holds requests up on this host, for `dockmeter_findings`; `--no-findings` looks only when somebody asks.";
    FINDINGS_INTERVAL Some("findings.interval"), Some("findings.interval"), One "DURATION" ["5m"]
        "How often it is looked, 1m to 1h.";
    SLO_PERIOD None, Some("slo.period"), One "DURATION" ["30d"]
        "The period that error budgets are for, in whole days, 1d to 366d. Prometheus has to keep its data for longer.";
    SLO_OBJECTIVES None, Some("slo.objectives"), Many "OBJECTIVE" []
        "What is promised of services: `{slo: availability, objective: 99.9, project: shop}`, `{slo: latency, objective: 99, threshold: 500ms}`, `{slo: uptime, objective: 99.5}`, in percent. `user`, `project`, `team` and `service` say for which; what is left out may be any. Containers say the same of themselves by labels (`dockmeter.slo.availability=99.9`). Of two for the same service the stricter holds. A reload changes them.";
    SLO_CUSTOM None, Some("slo.custom"), Many "OBJECTIVE" []
        "Objectives of what programs count themselves: `{name: jobs, objective: 99.5, total: jobs_total, bad: 'jobs_total{result=\"failed\"}'}`, with `user`, `project`, `team` and `service` as in `slo.objectives`. Counters are chosen by `=` and `!=`. A reload changes them.";
    SCRAPE_INTERVAL Some("scrape.interval"), Some("scrape.interval"), One "DURATION" ["5s"]
        "How often Prometheus reads dockmeter, in the `prometheus.yml` that `dockmeter rules render` writes, 1s to 1m.";
    SCRAPE_TARGETS Some("scrape.target"), Some("scrape.targets"), Many "HOST:PORT" ["127.0.0.1:10417"]
        "Every dockmeter that it reads, as it reaches them.";
    COST_CURRENCY None, Some("cost.currency"), One "WORD" ["EUR"]
        "What prices and amounts are in; a word for the reader, nothing is converted.";
    COST_CPU_CORE_HOUR None, Some("cost.cpu_core_hour"), One "PRICE" []
        "Price of one core for an hour, as `0.031`.";
    COST_MEMORY_GIB_HOUR None, Some("cost.memory_gib_hour"), One "PRICE" []
        "Price of a GiB (2^30 bytes) of memory for an hour.";
    COST_DISK_GIB_MONTH None, Some("cost.disk_gib_month"), One "PRICE" []
        "Price of a GiB on disk for a month of 730 hours.";
    COST_NETWORK_RECEIVE_GIB None, Some("cost.network_receive_gib"), One "PRICE" []
        "Price of a GiB received.";
    COST_NETWORK_TRANSMIT_GIB None, Some("cost.network_transmit_gib"), One "PRICE" []
        "Price of a GiB sent.";
    COST_MACHINE_HOUR None, Some("cost.machine_hour"), One "PRICE" []
        "Price of a whole machine for an hour. It is divided over cores, memory and disk so that their costs sum to it; the prices of these then only say how they compare, and have defaults.";
    COST_SPREAD None, Some("cost.spread"), One "HOW" ["apart"]
        "What is done with the cost of what nobody used (`idle`) and of the machine itself (`system`): `apart` shows them, `proportional` adds them to tenants in proportion to their own cost, `even` in equal parts.";
    ALERTING_PLATFORM_TEAM None, Some("alerting.platform_team"), One "TEAM" ["platform"]
        "The team that gets alerts of the host and of the stack, and those of teams that no receiver is named for.";
    ALERTING_NOTIFY_FROM None, Some("alerting.notify_from"), One "SEVERITY" ["warning"]
        "The least severity that somebody is told of: `info`, `warning` or `critical`. What is below it is seen in Prometheus, Alertmanager and `/api/alerts`.";
    ALERTING_RECEIVERS None, Some("alerting.receivers"), Many "RECEIVER" []
        "Where messages go, by name: `{webhook: {url: URL}}` (or `url_file`, and `token_file`), `{email: {to: ADDRESS}}`, `{slack: {url_file: FILE, channel: '#NAME'}}`, or `{alertmanager: {pagerduty_configs: [...]}}` with anything that Alertmanager takes. Secrets are in files, which Alertmanager reads. See [alerting.md](alerting.md).";
    ALERTING_TEAMS None, Some("alerting.teams"), Many "TEAM" []
        "The receiver of each team: `{receiver: NAME}`, and when it is not told: `quiet_hours: {times: [{from: '22:00', to: '07:00', days: ['monday:friday']}], timezone: Europe/Berlin}`; what is critical is told all the same unless `critical: true` stands there. A team that is not named is the platform team's.";
    ALERTING_ALERTS None, Some("alerting.alerts"), Many "ALERT" []
        "What is changed about an alert, by its name in [alerts.md](alerts.md): `fire` and `clear`, its thresholds; `for`; `severity`; `enabled: false`.";
    ALERTING_GROUP_WAIT None, Some("alerting.group_wait"), One "DURATION" ["30s"]
        "How long the first alerts of a team, project and name wait for others before one message is sent, 1s to 1d.";
    ALERTING_GROUP_INTERVAL None, Some("alerting.group_interval"), One "DURATION" ["5m"]
        "How long what changes among them waits, 1s to 1d.";
    ALERTING_REPEAT_INTERVAL None, Some("alerting.repeat_interval"), One "DURATION" ["4h"]
        "After how long alerts that still fire are told of again, 1s to 7d.";
    ALERTING_MINIMUM_EVENTS None, Some("alerting.minimum_events"), One "COUNT" ["100"]
        "Requests in an hour below which a share of bad ones does not fire a burn-rate alert at once; then single bad requests count instead.";
    ALERTING_CATALOGUE_DIRECTORY None, Some("alerting.catalogue_directory"), One "DIRECTORY" []
        "Alerts and recording rules of your own, as files `*.yml` like those of `alerting/`.";
    ALERTING_CHANGES_FILE Some("alerting.changes-file"), Some("alerting.changes_file"), One "FILE" []
        "Where `PUT /api/alerts/rules/NAME` keeps what an administrator changes about alerts, on top of `alerting.alerts`; read at the start, at a reload, and by `rules render` and `grafana apply`. Without one nothing can be changed there. See [alerting.md](alerting.md#changing-an-alert).";
    ALERTING_RULES_OUTPUT Some("alerting.rules-output"), Some("alerting.rules_output"), One "DIRECTORY" []
        "The folder that Prometheus reads rules from, as `dockmeter rules render --output` writes it. After a change of an alert its `rules/` and `tests/` are rendered anew, and Prometheus (`prometheus.url`) is asked to read them.";
    ALERTING_WATCHDOG_RECEIVER None, Some("alerting.watchdog_receiver"), One "RECEIVER" []
        "Who hears the alert that always fires, such as a service that calls when it stops.";
    ALERTING_GRAFANA_URL Some("alerting.grafana-url"), Some("alerting.grafana_url"), One "URL" ["http://127.0.0.1:3000"]
        "Where people open Grafana; links of alerts begin with it.";
    ALERTING_RUNBOOK_URL None, Some("alerting.runbook_url"), One "URL" ["docs/alerts.md"]
        "The page that says what to do about each alert; `#` and the alert's name in small letters are added.";
    ALERTING_SMTP_SMARTHOST None, Some("alerting.smtp_smarthost"), One "HOST:PORT" []
        "The mail server of receivers with `email`.";
    ALERTING_SMTP_FROM None, Some("alerting.smtp_from"), One "ADDRESS" []
        "The sender of mail.";
    ALERTING_SMTP_USERNAME None, Some("alerting.smtp_username"), One "NAME" []
        "The user at the mail server; no login without one.";
    ALERTING_SMTP_PASSWORD_FILE None, Some("alerting.smtp_password_file"), One "FILE" []
        "The file with that user's password, as Alertmanager sees it.";
    ALERTING_SMTP_REQUIRE_TLS None, Some("alerting.smtp_require_tls"), One "BOOLEAN" ["true"]
        "Whether mail goes over TLS only.";
    LOG_LEVEL Some("log.level"), Some("log.level"), One "LEVEL" ["info"]
        "What is logged to standard error: `error`, `warn`, `info` or `debug`.";
    LOG_FORMAT Some("log.format"), Some("log.format"), One "FORMAT" ["logfmt"]
        "How it is logged: `logfmt` or `json`.";
    PATH_PROCFS Some("path.procfs"), None, One "DIRECTORY" [paths::PROCFS]
        "Where the host's `/proc` is seen. If it is not given it is looked for below `path.rootfs`, and if none of the three is given, below `/host`.";
    PATH_SYSFS Some("path.sysfs"), None, One "DIRECTORY" [paths::SYSFS]
        "Where the host's `/sys` is seen; looked for likewise.";
    PATH_ROOTFS Some("path.rootfs"), None, One "DIRECTORY" ["/"]
        "Where the host's `/` is seen. If none of the three is given and `/host/proc` is there, as in a container with `-v /:/host:ro,rslave`, it is `/host`.";
}

/// The beginning of the flag that switches off what is on: `--no-history`.
pub const NO_FLAG: &str = "no-";

/// The beginning of the flag, and the section of the file, that switch a collector.
pub const COLLECTOR_FLAG: &str = "collector.";

/// The beginning of the flag that switches a collector off.
pub const NO_COLLECTOR_FLAG: &str = "no-collector.";
