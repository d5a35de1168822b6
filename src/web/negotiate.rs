//! Which format and which coding a client asks for: `Accept` and `Accept-Encoding`.
//!
//! Source: RFC 9110, sections 12.5.1 and 12.5.3. Of the ranges that fit an offer the most
//! specific one gives its quality. Ranges that we do not offer (OpenMetrics 0.0.1) fit nothing;
//! where nothing fits, text 0.0.4 is served, as every Prometheus client does.

use axum::http::{HeaderMap, HeaderName, header};

use crate::metrics::Format;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

/// A format that is offered.
struct Offer {
    format: Format,
    kind: &'static str,
    subtype: &'static str,
    /// A range that names one of these has to name it so.
    parameters: &'static [(&'static str, &'static str)],
    /// Only a range without wildcards and with all the parameters fits.
    explicit: bool,
}

/// What is offered; of formats that are equally welcome the first.
const OFFERS: [Offer; 3] = [
    Offer {
        format: Format::Text,
        kind: "text",
        subtype: "plain",
        parameters: &[("version", "0.0.4")],
        explicit: false,
    },
    Offer {
        format: Format::OpenMetrics,
        kind: "application",
        subtype: "openmetrics-text",
        parameters: &[("version", "1.0.0")],
        explicit: false,
    },
    // Bytes that only a program can read, of a type whose name does not say which messages.
    Offer {
        format: Format::Protobuf,
        kind: "application",
        subtype: "vnd.google.protobuf",
        parameters: &[("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")],
        explicit: true,
    },
];

/// A quality value in thousandths, 0 to 1000, so that it compares exactly.
type Quality = u16;

/// One element of a list: a value, its parameters, its quality.
struct Range<'a> {
    value: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: Quality,
}

impl<'a> Range<'a> {
    fn parse(element: &'a str) -> Self {
        let mut parts = element.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let parameters: Vec<_> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        let mut range = Range { value, parameters, quality: 1000 };
        range.quality = range.parameter("q").map_or(1000, thousandths);
        range
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// How closely the range fits an offer, or `None` if it does not.
    fn fit(&self, offer: &Offer) -> Option<u8> {
        let (kind, subtype) = self.value.split_once('/')?;
        let wildcard = |fit: u8| (!offer.explicit).then_some(fit);
        match (kind, subtype) {
            ("*", "*") => return wildcard(0),
            (_, "*") => return if kind.eq_ignore_ascii_case(offer.kind) { wildcard(1) } else { None },
            _ if !kind.eq_ignore_ascii_case(offer.kind) => return None,
            _ if !subtype.eq_ignore_ascii_case(offer.subtype) => return None,
            _ => {}
        }
        let mut fit = 2;
        for (name, value) in offer.parameters {
            match self.parameter(name) {
                Some(wanted) if wanted == *value => fit = 3,
                Some(_) => return None,
                None if offer.explicit => return None,
                None => {}
            }
        }
        Some(fit)
    }
}

/// A quality that cannot be read is none.
fn thousandths(text: &str) -> Quality {
    let quality = text.parse::<f32>().ok().filter(|quality| (0.0..=1.0).contains(quality));
    quality.map_or(0, |quality| (quality * 1000.0).round() as Quality)
}

fn ranges(headers: &HeaderMap, name: HeaderName) -> Vec<Range<'_>> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|e| !e.is_empty())
        .map(Range::parse)
        .collect()
}

/// The format of the page: the one that is preferred, and text where none is.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let ranges = ranges(headers, header::ACCEPT);
    let preference = |offer: &Offer| {
        let fitting = ranges.iter().filter_map(|range| Some((range.fit(offer)?, range.quality)));
        let (fit, quality) = fitting.max_by_key(|(fit, _)| *fit).unwrap_or((0, 0));
        (quality, fit)
    };
    let wanted = OFFERS.iter().map(|offer| (preference(offer), offer.format)).filter(|((q, _), _)| *q > 0);
    let best = wanted.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.map_or(Format::Text, |(_, format)| format)
}

/// The coding of the body. Compressing costs more than making the page, and loopback is fast:
/// a local peer gets gzip only where it refuses everything else.
pub(super) fn coding(headers: &HeaderMap, local: bool) -> Coding {
    let ranges = ranges(headers, header::ACCEPT_ENCODING);
    let quality = |name: &str| ranges.iter().find(|r| r.value.eq_ignore_ascii_case(name)).map(|r| r.quality);
    let gzip = quality("gzip").or(quality("x-gzip")).or(quality("*")).unwrap_or(0);
    let identity = quality("identity");
    let identity_refused = identity.or(quality("*").filter(|q| *q == 0)) == Some(0);
    let wanted = if local { identity_refused } else { identity_refused || identity.unwrap_or(0) <= gzip };
    if gzip > 0 && wanted { Coding::Gzip } else { Coding::Identity }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn format_of(accept: &'static str) -> Format {
        format(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
    }

    fn coding_of(accept: &'static str, local: bool) -> Coding {
        coding(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))]), local)
    }

    #[test]
    fn text_is_served_to_whoever_does_not_ask_for_openmetrics() {
        assert_eq!(format(&HeaderMap::new()), Format::Text);
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/plain",
            "image/png",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.3,text/plain;q=0.5",
            "application/openmetrics-text;q=nonsense",
            ";;,,/;q",
        ] {
            assert_eq!(format_of(accept), Format::Text, "{accept}");
        }
    }

    #[test]
    fn openmetrics_is_served_to_whoever_prefers_it() {
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "application/openmetrics-text;version=\"1.0.0\",text/plain",
            "Application/OpenMetrics-Text, */*",
        ] {
            assert_eq!(format_of(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn protobuf_is_served_only_to_whoever_names_its_messages_and_their_encoding() {
        const NAMED: &str =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let of = |accept: String| {
            format(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::try_from(accept).unwrap())]))
        };
        for more in ["", ",*/*", ";q=0.5,text/plain;q=0.4", ",text/plain", ",application/openmetrics-text"] {
            assert_eq!(of(format!("{NAMED}{more}")), Format::Protobuf, "{more}");
        }
        for more in [";q=0", ";q=0.3,text/plain;q=0.5", ",text/plain;version=0.0.4"] {
            assert_eq!(of(format!("{NAMED}{more}")), Format::Text, "{more}");
        }
        assert_eq!(of(format!("{NAMED};q=0.2,application/*;q=0.1")), Format::Protobuf);
        for accept in [
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=example.Other;encoding=delimited",
        ] {
            assert_eq!(of(accept.to_owned()), Format::Text, "{accept}");
        }
    }

    #[test]
    fn the_headers_that_prometheus_sends_are_understood() {
        let cases = [
            // Prometheus 2.40
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 2.20
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Text,
            ),
            // Prometheus 3
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            // Prometheus 2.42 with native histograms: protobuf first
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            // Prometheus 3 with native histograms: protobuf first
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::Protobuf,
            ),
            // Prometheus 3 with `scrape_protocols: [PrometheusProto, PrometheusText0.0.4]`
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4",
                Format::Protobuf,
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(format_of(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_remote_peer_gets_gzip_if_it_takes_gzip() {
        for accept in
            ["gzip", "x-gzip", "deflate, gzip;q=0.5", "*", "gzip, identity", "GZIP;q=1.0, identity;q=0.5"]
        {
            assert_eq!(coding_of(accept, false), Coding::Gzip, "{accept}");
        }
        for accept in ["", "br", "gzip;q=0", "gzip;q=0.5, identity", "*;q=0", "*, gzip;q=0"] {
            assert_eq!(coding_of(accept, false), Coding::Identity, "{accept}");
        }
    }

    #[test]
    fn a_local_peer_gets_gzip_only_if_it_refuses_everything_else() {
        for accept in ["gzip, identity;q=0", "gzip, *;q=0", "identity;q=0, *"] {
            assert_eq!(coding_of(accept, true), Coding::Gzip, "{accept}");
        }
        for accept in ["gzip", "*", "gzip, identity;q=0.1", "gzip, identity, *;q=0", "identity;q=0", "*;q=0"]
        {
            assert_eq!(coding_of(accept, true), Coding::Identity, "{accept}");
        }
    }
}
