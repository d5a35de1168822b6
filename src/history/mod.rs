//! What was: an embedded history of every container and of how everything is.
//!
//! - `field`: what is kept, in whole numbers of native units, `host` of the machine; `codec`: rows
//!   of them to bytes.
//! - `tier`: 5 s, 1 min, 5 min and 1 h; `bin`: what happened in a step, exactly.
//! - `track`, `store`: everything in memory, within a bound; `clock`: whether the time is believed.
//! - `crc`, `segment`, `files`, `journal`: the same in append-only files, if a folder is named.
//! - `keeper`: all of that together, driven by samples alone; `recorder`: the thread around it.
//! - [`Query`]: what one asks, of the embedded history or of a Prometheus (`upstream`); `measure`:
//!   what can be asked of many containers and services at once.
//!
//! Files are what survives; answers come from memory. Where no folder is named there are no files.

mod bin;
mod clock;
mod codec;
mod crc;
mod field;
mod files;
mod host;
mod journal;
mod keeper;
mod measure;
mod query;
mod recorder;
mod segment;
mod store;
mod tier;
mod track;
mod upstream;

pub use bin::{Bin, Spread};
pub use field::{About, Counter, DOMAINS, Gauge, Key, Sample, SystemPoint, SystemSample};
pub use host::{HOST_FIGURES, HostFigure, HostValues};
pub use keeper::{Keeper, Options, Standing, Taken};
pub use measure::{
    By, Line, MEASURES, MEMORY_LIMIT, Meaning, Measure, RESTARTS, Wanted, Whom, advice, bound, efficiency,
    insight, sizing, version,
};
pub use query::{Answer, Ask, FIGURES, Figure, Machine, Point, Query, Summary};
pub use recorder::{History, Judge, Recorder};
pub use tier::{Retention, Step};
pub use upstream::Upstream;
