//! What Prometheus is told to scrape in the `prometheus.yml` that `dockmeter rules render` writes.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::Layers;
use super::{ConfigError, file, settings, value};

/// More often than samples are taken is for nothing; more seldom, and rates of two minutes are gone.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// Which exporters are scraped, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// How often.
    pub interval: Duration,
    /// `HOST:PORT` of each dockmeter, as Prometheus reaches it.
    pub targets: Vec<String>,
}

impl Default for Scrape {
    fn default() -> Self {
        Scrape { interval: Duration::from_secs(5), targets: vec!["127.0.0.1:10417".to_owned()] }
    }
}

/// Reads both.
pub(super) fn scrape(layers: &mut Layers<'_>, file: &file::Scrape) -> Result<Scrape, ConfigError> {
    let interval = layers
        .one(&settings::SCRAPE_INTERVAL, file.interval.as_ref(), |text| value::duration(text, INTERVAL))?;
    let targets = layers.many(&settings::SCRAPE_TARGETS, &file.targets, |given| given.parse(target))?;
    Ok(Scrape { interval, targets })
}

/// An address, which is written into a file as it is.
fn target(text: &str) -> Result<String, String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty()
                && host.chars().all(is_plain)
                && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{text}` is not `HOST:PORT`, such as `127.0.0.1:10417`")),
    }
}
