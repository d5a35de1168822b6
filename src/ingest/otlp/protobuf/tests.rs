//! Requests in protobuf, made field by field.

use super::*;
use crate::ingest::otlp::model::Faults;
use proptest::prelude::*;

/// A body read with as much memory as it takes.
fn metrics(body: &[u8]) -> Result<Metrics<'_>, Malformed> {
    super::metrics(body, &Allowance::new(u64::MAX))
}

/// A message, field by field.
#[derive(Clone, Default)]
pub(in crate::ingest::otlp) struct Message(pub(in crate::ingest::otlp) Vec<u8>);

impl Message {
    pub(in crate::ingest::otlp) fn varint(mut self, number: u32, value: u64) -> Self {
        self.key(number, 0);
        self.raw_varint(value);
        self
    }

    pub(in crate::ingest::otlp) fn fixed64(mut self, number: u32, value: u64) -> Self {
        self.key(number, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn double(self, number: u32, value: f64) -> Self {
        self.fixed64(number, value.to_bits())
    }

    pub(in crate::ingest::otlp) fn bytes(mut self, number: u32, value: &[u8]) -> Self {
        self.key(number, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(in crate::ingest::otlp) fn text(self, number: u32, value: &str) -> Self {
        self.bytes(number, value.as_bytes())
    }

    pub(in crate::ingest::otlp) fn message(self, number: u32, value: Message) -> Self {
        self.bytes(number, &value.0)
    }

    fn key(&mut self, number: u32, wire_type: u64) {
        self.raw_varint(u64::from(number) << 3 | wire_type);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

pub(in crate::ingest::otlp) fn new() -> Message {
    Message::default()
}

pub(in crate::ingest::otlp) fn key_value(key: &str, value: Message) -> Message {
    new().text(1, key).message(2, value)
}

fn request(metric: Message) -> Vec<u8> {
    let service = key_value("service.name", new().text(1, "shop"));
    let resource = new().message(1, service);
    let scope = new().message(1, new().text(1, "a library")).message(2, metric);
    new().message(1, new().message(1, resource).message(2, scope)).0
}

fn only_metric(body: &[u8]) -> Metric<'_> {
    let mut metrics = metrics(body).unwrap();
    assert_eq!(metrics.faults, Faults::default());
    metrics.resources.remove(0).metrics.remove(0)
}

#[test]
fn a_sum_comes_with_its_resource_and_its_attributes() {
    let point = new()
        .fixed64(2, 10)
        .fixed64(3, 20)
        .fixed64(6, -3_i64 as u64)
        .message(7, key_value("ok", new().varint(2, 1)))
        .message(7, key_value("code", new().varint(3, -5_i64 as u64)));
    let sum = new().message(1, point).varint(2, 2).varint(3, 1);
    let body = request(new().text(1, "jobs").text(2, "Jobs.").text(3, "{job}").message(7, sum));
    let read = metrics(&body).unwrap();
    assert_eq!(read.resources[0].attributes, [Attribute::text("service.name", "shop")]);
    let metric = &read.resources[0].metrics[0];
    assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("jobs", "Jobs.", "{job}"));
    let Data::Sum { temporality: Temporality::Cumulative, monotonic: true, points } = &metric.data else {
        panic!("{metric:?}")
    };
    let point = Point {
        attributes: vec![
            Attribute { key: "ok".into(), value: AnyValue::Bool(true) },
            Attribute { key: "code".into(), value: AnyValue::Int(-5) },
        ],
        start_ns: 10,
        time_ns: 20,
        ended: false,
        value: Number::Int(-3),
        exemplars: vec![],
    };
    assert_eq!(*points, [point]);
}

#[test]
fn a_histogram_is_read_packed_or_not() {
    let counts: Vec<u8> = [1_u64, 2, 3].into_iter().flat_map(u64::to_le_bytes).collect();
    let packed = new()
        .fixed64(4, 6)
        .double(5, 2.5)
        .bytes(6, &counts)
        .bytes(7, &[0.1_f64, 1.0].map(f64::to_le_bytes).concat());
    let single = [1, 2, 3].into_iter().fold(new().fixed64(4, 6).double(5, 2.5), |m, c| m.fixed64(6, c));
    let single = single.double(7, 0.1).double(7, 1.0);
    for point in [packed, single] {
        let body = request(new().text(1, "h").message(9, new().message(1, point).varint(2, 1)));
        let Data::Histogram { temporality: Temporality::Delta, points } = only_metric(&body).data else {
            panic!("a histogram")
        };
        let expected = Buckets { count: 6, sum: Some(2.5), bounds: vec![0.1, 1.0], counts: vec![1, 2, 3] };
        assert_eq!(points[0].value, expected);
    }
}

#[test]
fn an_exponential_histogram_and_a_summary_are_read() {
    let run = new().varint(1, 3).bytes(2, &[1, 0, 0xac, 0x02]);
    let point = new().fixed64(4, 301).varint(6, 1).message(8, run).fixed64(7, 4).double(14, 1e-6);
    let body = request(new().message(10, new().message(1, point).varint(2, 2)));
    let Data::ExponentialHistogram { points, .. } = only_metric(&body).data else { panic!() };
    let value = &points[0].value;
    assert_eq!((value.scale, value.sum, value.zero_count, value.zero_threshold), (-1, None, 4, 1e-6));
    assert_eq!(value.positive, Run { offset: -2, counts: vec![1, 0, 300] });

    let quantile = new().double(1, 0.5).double(2, 3.0);
    let point = new().fixed64(4, 2).double(5, 6.0).message(6, quantile);
    let body = request(new().message(11, new().message(1, point)));
    let Data::Summary(points) = only_metric(&body).data else { panic!() };
    assert_eq!(points[0].value, Quantiles { count: 2, sum: 6.0, values: vec![(0.5, 3.0)] });
}

#[test]
fn nested_values_become_json_and_bytes_base64() {
    let list = new().message(1, new().varint(3, 1)).message(1, new().text(1, "a"));
    let map = new().message(1, key_value("k", new().message(5, list)));
    let point = new()
        .fixed64(6, 1)
        .message(7, key_value("map", new().message(6, map)))
        .message(7, key_value("bytes", new().bytes(7, &[0xff, 0])));
    let body = request(new().message(5, new().message(1, point)));
    let Data::Gauge(points) = only_metric(&body).data else { panic!() };
    let texts: Vec<_> = points[0].attributes.iter().map(|a| a.value.as_text().into_owned()).collect();
    assert_eq!(texts, [r#"{"k":[1,"a"]}"#, "/wA="]);
}

#[test]
fn a_point_that_cannot_be_read_costs_itself_alone() {
    let good = new().fixed64(6, 1);
    let truncated = [0x31, 1, 2];
    let wrong_type = new().varint(6, 1);
    let gauge = new().bytes(1, &truncated).message(1, good).message(1, wrong_type).message(1, new());
    let body = request(new().text(1, "g").message(5, gauge));
    let read = metrics(&body).unwrap();
    assert_eq!(read.resources[0].metrics[0].data.len(), 1);
    assert_eq!(
        (read.faults.malformed, read.faults.first.as_deref()),
        (3, Some("the message ends within a field"))
    );
}

#[test]
fn a_series_that_has_ended_needs_no_value() {
    let body = request(new().message(5, new().message(1, new().varint(8, 1))));
    let Data::Gauge(points) = only_metric(&body).data else { panic!() };
    assert!(points[0].ended);
}

#[test]
fn text_that_is_not_utf_8_is_mended() {
    let body = request(new().bytes(1, b"caf\xe9").message(5, new().message(1, new().fixed64(6, 1))));
    let read = metrics(&body).unwrap();
    assert_eq!(read.resources[0].metrics[0].name, "caf\u{fffd}");
    assert_eq!((read.faults.mended, read.faults.malformed), (1, 0));
}

#[test]
fn values_nested_without_end_are_refused() {
    let mut value = new().text(1, "deep");
    for _ in 0..100 {
        value = new().message(5, new().message(1, value));
    }
    let point = new().fixed64(6, 1).message(7, key_value("k", value));
    let body = request(new().message(5, new().message(1, point)));
    assert_eq!(metrics(&body).unwrap().faults.first, Some(Malformed::TooDeep.to_string()));
}

#[test]
fn a_broken_request_is_refused_and_an_empty_one_is_empty() {
    assert_eq!(metrics(&[]), Ok(Metrics::default()));
    assert_eq!(metrics(&[0x0a, 0x05, 1]), Err(Malformed::Truncated));
}

proptest! {
    #[test]
    fn an_attribute_is_the_same_however_its_fields_stand(key in "\\PC{0,150}", value in "\\PC{0,150}") {
        let text = new().text(1, &value);
        let turned = new().message(2, text.clone()).text(1, &key);
        let twice = new().text(1, "old").text(1, &key).message(2, new().text(1, "old").text(1, &value));
        let more = key_value(&key, text.clone().varint(9, 1)).varint(9, 1);
        for message in [key_value(&key, text), turned, twice, more] {
            let allowance = Allowance::new(u64::MAX);
            let read = attribute(&message.0, &mut Reading::within(&allowance));
            prop_assert_eq!(read, Ok(Attribute::text(&*key, &*value)));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = metrics(&bytes);
        let _ = metrics(&request(Message(bytes.clone())));
    }
}
