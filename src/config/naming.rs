//! Under which names the metrics that dashboards know are shown: `--instrumentation.names`.

/// Under which names standard metrics are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// Those of dashboards from before OpenTelemetry, as `http_requests_total`.
    #[default]
    Classic,
    /// Those of the semantic conventions, as `http_server_request_duration_seconds`.
    Otel,
    /// Both.
    Both,
}

impl Naming {
    /// Every naming with its word.
    pub const ALL: [(&'static str, Naming); 3] =
        [("classic", Naming::Classic), ("otel", Naming::Otel), ("both", Naming::Both)];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Naming::Classic => "classic",
            Naming::Otel => "otel",
            Naming::Both => "both",
        }
    }

    /// Whether classic names are shown.
    pub fn has_classic(self) -> bool {
        self != Naming::Otel
    }

    /// Whether names of the conventions are shown.
    pub fn has_conventions(self) -> bool {
        self != Naming::Classic
    }
}
