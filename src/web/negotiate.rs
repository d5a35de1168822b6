//! Which format and which coding a client asks for: `Accept` and `Accept-Encoding`.
//!
//! Source: RFC 9110, sections 12.5.1 and 12.5.3. Of the ranges that fit an offer the most
//! specific one gives its quality. Ranges that we do not offer (protobuf, OpenMetrics 0.0.1)
//! fit nothing; where nothing fits, text 0.0.4 is served, as every Prometheus client does.

use axum::http::{HeaderMap, HeaderName, header};

use crate::metrics::text::Format;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

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
        let quality = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("q"));
        let quality = quality.map_or(1000, |(_, value)| thousandths(value));
        Range { value, parameters, quality }
    }

    /// How closely the range fits a media type, or `None` if it does not.
    fn fit(&self, (kind, subtype, version): (&str, &str, &str)) -> Option<u8> {
        let (wanted_kind, wanted_subtype) = self.value.split_once('/')?;
        match (wanted_kind, wanted_subtype) {
            ("*", "*") => Some(0),
            (_, "*") => wanted_kind.eq_ignore_ascii_case(kind).then_some(1),
            _ => {
                let same =
                    wanted_kind.eq_ignore_ascii_case(kind) && wanted_subtype.eq_ignore_ascii_case(subtype);
                match self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("version")) {
                    Some((_, wanted)) => (same && *wanted == version).then_some(3),
                    None => same.then_some(2),
                }
            }
        }
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

/// The format of the page: OpenMetrics where it is preferred, else text.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let ranges = ranges(headers, header::ACCEPT);
    let preference = |offer| {
        let fitting = ranges.iter().filter_map(|range| Some((range.fit(offer)?, range.quality)));
        let (fit, quality) = fitting.max_by_key(|(fit, _)| *fit).unwrap_or((0, 0));
        (quality, fit)
    };
    let text = preference(("text", "plain", "0.0.4"));
    let open_metrics = preference(("application", "openmetrics-text", "1.0.0"));
    let refused = open_metrics.0 == 0;
    if open_metrics > text && !refused { Format::OpenMetrics } else { Format::Text }
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
            // Prometheus 3 with native histograms: protobuf first
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            // Prometheus 3 with `scrape_protocols: [PrometheusProto, PrometheusText0.0.4]`
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4",
                Format::Text,
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
