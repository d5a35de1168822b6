//! Records of HTTP requests.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Measurement, amount, error_class, needed, owned, said};
use crate::ingest::allowance::Allowance;
use crate::ingest::measure::HttpRequest;
use crate::ingest::metered;
use crate::ingest::otlp::lenient::{Double, Scalar, Text, Unsigned};
use crate::ingest::route::template;
use crate::ingest::slow::SlowCalls;
use crate::ingest::store::{By, Refused, Writer};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    route: Option<Text<'a>>,
    status_code: Option<Unsigned>,
    duration_seconds: Option<Double>,
    request_bytes: Option<Double>,
    response_bytes: Option<Double>,
    #[serde(borrow)]
    error: Option<Scalar<'a>>,
}

/// Reads a record.
pub(super) fn read<'a>(raw: &'a str, allowance: &Allowance) -> Result<HttpRequest<'a>, String> {
    let record: Record<'_> = metered::read(raw, allowance).map_err(|why| why.to_string())?;
    let bytes = |name, value: Option<Double>| value.map(|value| amount(name, value.0)).transpose();
    Ok(HttpRequest {
        method: needed("method", said(record.method))?,
        route: said(record.route).map(|route| Cow::Owned(template(&route).into_owned())),
        status: record.status_code.map(status).transpose()?,
        error: record.error.map_or(Ok(None), error_class)?,
        seconds: amount("duration_seconds", needed("duration_seconds", record.duration_seconds)?.0)?,
        request_bytes: bytes("request_bytes", record.request_bytes)?,
        response_bytes: bytes("response_bytes", record.response_bytes)?,
    })
}

fn status(code: Unsigned) -> Result<u16, String> {
    let known = u16::try_from(code.0).ok().filter(|code| (100..600).contains(code));
    known.ok_or_else(|| format!("`status_code` is {}; it has to be from 100 to 599", code.0))
}

impl Measurement for HttpRequest<'_> {
    fn memory(&self) -> usize {
        [Some(&self.method), self.route.as_ref(), self.error.as_ref()].into_iter().flatten().map(owned).sum()
    }

    fn record(&self, writer: &mut Writer<'_>, _: SlowCalls<'_>) -> Result<(), Refused> {
        HttpRequest::record(self, By::Program, writer)
    }
}
