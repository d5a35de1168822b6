//! What a machine's resources cost, for `dockmeter report cost`.

use rust_decimal::Decimal;

use super::file;
use super::layers::Layers;
use super::settings::{self, Setting};
use super::{ConfigError, value};

/// The highest price; beyond it sums of a year would not be exact.
const MAX_PRICE: i64 = 1_000_000_000;

/// Prices, and what is done with what nobody used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// What amounts are in, as `EUR`; a word for people.
    pub currency: String,
    /// Price of a core for an hour.
    pub cpu_core_hour: Option<Decimal>,
    /// Price of a GiB (2^30 bytes) of memory for an hour.
    pub memory_gib_hour: Option<Decimal>,
    /// Price of a GiB of disk for a month of 730 hours.
    pub disk_gib_month: Option<Decimal>,
    /// Price of a GiB received.
    pub network_receive_gib: Option<Decimal>,
    /// Price of a GiB sent.
    pub network_transmit_gib: Option<Decimal>,
    /// Price of the whole machine for an hour; the prices of cores, memory and disk then only
    /// say how it is divided among them.
    pub machine_hour: Option<Decimal>,
    /// What is done with what nobody used, and with what the machine itself used.
    pub spread: Spread,
}

impl Cost {
    /// Whether anything has a price.
    pub fn is_priced(&self) -> bool {
        let rates = [self.cpu_core_hour, self.memory_gib_hour, self.disk_gib_month];
        let network = [self.network_receive_gib, self.network_transmit_gib, self.machine_hour];
        rates.iter().chain(&network).any(Option::is_some)
    }
}

/// What is done with the cost of `idle` and `system`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// They are shown in rows of their own.
    #[default]
    Apart,
    /// Tenants bear them in proportion to their cost of the same resource on the same host.
    Proportional,
    /// Tenants of the same host bear them in equal parts.
    Even,
}

impl Spread {
    /// The words of the setting.
    pub const WORDS: [(&'static str, Spread); 3] =
        [("apart", Spread::Apart), ("proportional", Spread::Proportional), ("even", Spread::Even)];

    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Spread::Apart => "apart",
            Spread::Proportional => "proportional",
            Spread::Even => "even",
        }
    }
}

/// Puts the prices together.
pub(super) fn cost(layers: &mut Layers<'_>, file: &file::Cost) -> Result<Cost, ConfigError> {
    let mut price =
        |setting: &'static Setting, text: &Option<file::Text>| layers.one(setting, text.as_ref(), price);
    Ok(Cost {
        cpu_core_hour: price(&settings::COST_CPU_CORE_HOUR, &file.cpu_core_hour)?,
        memory_gib_hour: price(&settings::COST_MEMORY_GIB_HOUR, &file.memory_gib_hour)?,
        disk_gib_month: price(&settings::COST_DISK_GIB_MONTH, &file.disk_gib_month)?,
        network_receive_gib: price(&settings::COST_NETWORK_RECEIVE_GIB, &file.network_receive_gib)?,
        network_transmit_gib: price(&settings::COST_NETWORK_TRANSMIT_GIB, &file.network_transmit_gib)?,
        machine_hour: price(&settings::COST_MACHINE_HOUR, &file.machine_hour)?,
        currency: layers.one(&settings::COST_CURRENCY, file.currency.as_ref(), currency)?,
        spread: layers
            .one(&settings::COST_SPREAD, file.spread.as_ref(), |text| value::word(text, &Spread::WORDS))?,
    })
}

fn price(text: &str) -> Result<Option<Decimal>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let price = Decimal::from_str_exact(text).ok();
    let price = price.filter(|price| !price.is_sign_negative() && *price <= Decimal::from(MAX_PRICE));
    price.map(Some).ok_or_else(|| {
        format!("`{text}` is not a price: a number such as `0.031` from 0 to {MAX_PRICE}, without a currency")
    })
}

fn currency(text: &str) -> Result<String, String> {
    let fits =
        (1..=8).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` is not a currency such as `EUR`: 1 to 8 characters without spaces"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_an_exact_decimal() {
        assert_eq!(price("0.1").unwrap().unwrap().to_string(), "0.1");
        for text in ["-1", "1e3", "1,5", "EUR 3", "NaN", "1000000001", "0x1"] {
            assert!(price(text).is_err(), "{text}");
        }
    }
}
