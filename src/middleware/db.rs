//! Database calls of any client, timed around their future.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::family::{Family, Fixed, Names, Series, Shape, Style};
use super::histogram::{Histogram, QUERY_NS};
use super::http::{CANCELLED, FAILED, PANIC};
use super::series::{Caps, Outcome, Subject, Table, Whose};
use crate::label::{ANONYMOUS, clean};

const CLASSIC: [Family; 2] = [
    Family { name: "db_queries_total", help: "Database client operations.", shape: Shape::Count, cell: 0 },
    Family {
        name: "db_query_duration_seconds",
        help: "Duration of database client operations.",
        shape: Shape::Histogram,
        cell: 0,
    },
];

const OTEL: [Family; 1] = [Family { name: "db_client_operation_duration_seconds", ..CLASSIC[1] }];

const CLASSIC_LABELS: [&str; 2] = ["query_type", "table"];
/// The classic names have no word for the system.
const OTEL_LABELS: [&str; 4] = ["db_operation_name", "db_collection_name", "error_type", "db_system_name"];

/// What is measured of calls that have ended alike.
#[derive(Debug)]
struct Cells {
    duration_ns: Histogram,
}

impl Default for Cells {
    fn default() -> Self {
        Cells { duration_ns: Histogram::new(&QUERY_NS) }
    }
}

/// How database calls are measured; [`register`](DbMetrics::register) makes the timer.
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before it is registered and its timer is used"]
pub struct DbMetrics {
    names: Names,
    fixed: Fixed,
    system: String,
    owner: Option<String>,
    by_user: bool,
    caps: Caps,
}

impl DbMetrics {
    /// Calls of a database system, by the name that OpenTelemetry's `db.system.name` has for it:
    /// `postgresql`, `mysql`, `sqlite`, ….
    pub fn new(system: &str) -> Self {
        DbMetrics {
            names: Names::default(),
            fixed: Fixed::default(),
            system: system.to_owned(),
            owner: None,
            by_user: false,
            caps: Caps { kinds: 50, places: 200, users: 200, subjects: 2000 },
        }
    }

    /// Gives series a label `user`; a call that [names](Query::user) none is the owner's, or
    /// `anonymous` where there is no owner.
    pub fn by_user(mut self) -> Self {
        self.by_user = true;
        self
    }

    /// The `user` of calls that name none.
    pub fn owner(mut self, user: &str) -> Self {
        self.owner = Some(clean(user).into_owned()).filter(|user| !user.is_empty());
        self
    }

    /// The label `project` of all series.
    pub fn project(mut self, project: &str) -> Self {
        self.fixed.set("project", project);
        self
    }

    /// The label `team` of all series.
    pub fn team(mut self, team: &str) -> Self {
        self.fixed.set("team", team);
        self
    }

    /// The label `service` of all series.
    pub fn service(mut self, service: &str) -> Self {
        self.fixed.set("service", service);
        self
    }

    /// What families and labels are called.
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// The most different tables, 200 unless said; further ones are `other`.
    pub fn max_tables(mut self, tables: usize) -> Self {
        self.caps.places = tables;
        self
    }

    /// The most different users, 200 unless said; further ones are `other`.
    pub fn max_users(mut self, users: usize) -> Self {
        self.caps.users = users;
        self
    }

    /// Puts the families into a registry and gives the timer that fills them. Clones of the timer
    /// fill the same.
    ///
    /// # Errors
    /// The registry holds these families already under the same labels of tenancy and service, or
    /// under other names of labels.
    pub fn register(self, registry: &Registry) -> prometheus::Result<DbTimer> {
        let metrics = Arc::new(Metrics::new(self)?);
        registry.register(Box::new(Shown(metrics.clone())))?;
        Ok(DbTimer { table: metrics.system(&metrics.first), metrics })
    }
}

/// Times database calls. Made by [`DbMetrics::register`].
#[derive(Clone, Debug)]
pub struct DbTimer {
    metrics: Arc<Metrics>,
    table: Arc<Table<Cells>>,
}

impl DbTimer {
    /// A timer for another database system that the same program calls, in the same families.
    pub fn system(&self, system: &str) -> DbTimer {
        DbTimer { table: self.metrics.system(system), metrics: self.metrics.clone() }
    }

    /// A call of a type (`SELECT`) on a table; an empty table where there is none, or more than
    /// one. Both are names that the program chose, never text of a statement: a statement's values
    /// would be labels.
    pub fn query<'a>(&'a self, query_type: &'a str, table: &'a str) -> Query<'a> {
        Query { timer: self, query_type, table, whose: Whose::Nobodys }
    }
}

/// A call that is about to be made.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is measured before a future is timed"]
pub struct Query<'a> {
    timer: &'a DbTimer,
    query_type: &'a str,
    table: &'a str,
    whose: Whose<'a>,
}

impl Query<'_> {
    /// Times the future of a call, from when it is first polled until it ends. An `Err` counts as
    /// the error `error`, a panic as `panic`, and a future that is dropped before its end, as by a
    /// timeout, as `cancelled`.
    pub fn time<F, T, E>(&self, call: F) -> Timed<F>
    where
        F: Future<Output = Result<T, E>>,
    {
        let subject = self.timer.table.subject(self.query_type, self.table, self.whose);
        Timed { call, record: Some(Record { subject, started: None, error: CANCELLED, inside: false }) }
    }
}

impl<'a> Query<'a> {
    /// Names the user on whose behalf it is made; needs [`DbMetrics::by_user`].
    pub fn user(mut self, user: &'a str) -> Self {
        if self.timer.metrics.by_user {
            self.whose = Whose::Named(user);
        }
        self
    }
}

pin_project! {
    /// A call that is timed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timed<F> {
        #[pin]
        call: F,
        record: Option<Record>,
    }
}

impl<F, T, E> Future for Timed<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(record) = this.record {
            record.started.get_or_insert_with(Instant::now);
            record.inside = true;
        }
        let polled = this.call.poll(context);
        if let Some(record) = this.record {
            record.inside = false;
        }
        let result = ready!(polled);
        if let Some(mut record) = this.record.take() {
            record.error = if result.is_ok() { "" } else { FAILED };
        }
        Poll::Ready(result)
    }
}

/// A call that is under way, counted when it is dropped; one that never began is none.
#[derive(Debug)]
struct Record {
    subject: Arc<Subject<Cells>>,
    started: Option<Instant>,
    error: &'static str,
    inside: bool,
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(started) = self.started else { return };
        let error = if self.inside { PANIC } else { self.error };
        let cells = self.subject.ended(Outcome { status: 0, error });
        cells.duration_ns.observe(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

/// What all clones of a timer share.
#[derive(Debug)]
struct Metrics {
    /// The system that the program named first.
    first: String,
    /// By system. There are as many as the program names in its text.
    tables: Mutex<BTreeMap<String, Arc<Table<Cells>>>>,
    names: Names,
    fixed: Fixed,
    nobody: String,
    by_user: bool,
    caps: Caps,
    descriptions: Vec<Desc>,
}

impl Metrics {
    fn new(options: DbMetrics) -> prometheus::Result<Self> {
        let anonymous = if options.by_user { ANONYMOUS } else { "" };
        let nobody = options.owner.unwrap_or_else(|| anonymous.to_owned());
        let mut descriptions = Vec::new();
        for style in options.names.styles() {
            let (families, names) = families(*style);
            let own: Vec<_> = names.iter().copied().chain((!nobody.is_empty()).then_some("user")).collect();
            for family in families {
                descriptions.push(options.fixed.describe(family, &own)?);
            }
        }
        Ok(Metrics {
            first: options.system,
            tables: Mutex::default(),
            names: options.names,
            fixed: options.fixed,
            nobody,
            by_user: options.by_user,
            caps: options.caps,
            descriptions,
        })
    }

    fn system(&self, system: &str) -> Arc<Table<Cells>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Table::new(self.caps, &self.nobody));
        tables.entry(clean(system).into_owned()).or_insert_with(new).clone()
    }

    fn series(&self, style: Style) -> Series<1> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut series = Series::new();
        for (system, table) in &tables {
            table.each(|subject, outcome, cells| {
                let said = [&*subject.kind, &subject.place, outcome.error, system];
                let own = families(style).1.iter().copied().zip(said);
                let labels = self.fixed.with(own.chain([("user", &*subject.user)]));
                series.add(labels, [cells.duration_ns.counts()]);
            });
        }
        series
    }
}

/// Families, and names of labels in the order of query type, table, error and system.
fn families(style: Style) -> (&'static [Family], &'static [&'static str]) {
    match style {
        Style::Classic => (&CLASSIC, &CLASSIC_LABELS),
        Style::Otel => (&OTEL, &OTEL_LABELS),
    }
}

/// The families of all clones of a timer.
struct Shown(Arc<Metrics>);

impl Collector for Shown {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut shown = Vec::new();
        for style in self.0.names.styles() {
            let series = self.0.series(*style);
            shown.extend(families(*style).0.iter().filter_map(|family| series.family(family)));
        }
        shown
    }
}
