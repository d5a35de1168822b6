//! Pages byte by byte, written as people read them: hexadecimal bytes, `'text'`, `# comment`.

use super::*;
use crate::metrics::catalogue::{Labels, Owner, Unit};
use crate::metrics::foreign::{Namer, admit};
use crate::metrics::{Histogram, Metric, TenantFilter, catalogue};
use crate::tenant::{Dimension, Narrowing, Tenant};

static DURATION: Metric = Metric {
    name: "test_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "A duration.",
    labels: Labels::Tenant,
    own_labels: &[],
    source: "a test",
    collector: "test",
    owner: Owner::Dockmeter,
};

/// The bytes of the notation.
fn bytes(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in notation.lines() {
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            if let Some((text, after)) = rest.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
                bytes.extend_from_slice(text.as_bytes());
                rest = after.trim_start();
            } else {
                bytes.push(u8::from_str_radix(&rest[..2], 16).expect(line));
                rest = rest[2..].trim_start();
            }
        }
    }
    bytes
}

fn page(fill: impl Fn(&mut ProtobufEncoder)) -> Vec<u8> {
    let mut encoder = ProtobufEncoder::new(vec![b'x'; 3]);
    fill(&mut encoder);
    encoder.finish()
}

#[test]
fn gauges_and_counters_stand_in_their_families() {
    let written = page(|page| {
        let api = LabelBlock::new([("name", "api")]);
        page.family(&catalogue::THREADS_MAX);
        page.family(&catalogue::FS_READS_BYTES);
        page.sample(&api, &[("device", "")], Value::Int(4096));
        page.sample(&LabelBlock::default(), &[], Value::Nanos(1_500_000_000));
        page.family(&catalogue::MACHINE_CPU_CORES);
        page.sample(&LabelBlock::default(), &[], Value::Int(4));
    });
    let expected = bytes(
        "
        f7 80 80 80 00                              # a family of 119 bytes, with leading zeros
          0a 1e 'container_fs_reads_bytes_total'    #   name
          12 19 'Bytes read from a device.'         #   help
          18 00                                     #   type: counter
          2a 05 'bytes'                             #   unit
          22 24                                     #   metric
            0a 0b  0a 04 'name'  12 03 'api'        #     label
            0a 0a  0a 06 'device'  12 00            #     label
            1a 09  09 00 00 00 00 00 00 b0 40       #     counter: 4096
          22 0b                                     #   metric
            1a 09  09 00 00 00 00 00 00 f8 3f       #     counter: 1.5
        c9 80 80 80 00                              # a family of 73 bytes
          0a 11 'machine_cpu_cores'                 #   name
          12 1e 'Logical cores that are online.'    #   help
          18 01                                     #   type: gauge
          2a 05 'cores'                             #   unit
          22 0b                                     #   metric
            12 09  09 00 00 00 00 00 00 10 40       #     gauge: 4
        ",
    );
    assert_eq!(written, expected);
}

#[test]
fn what_a_failed_collector_has_written_is_taken_back() {
    let kept = |page: &mut ProtobufEncoder| {
        page.family(&catalogue::MACHINE_CPU_CORES);
        page.sample(&LabelBlock::default(), &[], Value::Int(4));
    };
    let lost = |page: &mut ProtobufEncoder| {
        page.family(&catalogue::MACHINE_MEMORY);
        page.sample(&LabelBlock::default(), &[], Value::Int(1));
        page.family(&DURATION);
        page.histogram(&LabelBlock::default(), &[], Histogram::new(&[1.0]).view());
    };
    let rolled_back = page(|page| {
        kept(page);
        let mark = page.mark();
        lost(page);
        assert_eq!(page.series(), 6);
        page.roll_back(mark);
        assert_eq!(page.series(), 1);
    });
    assert_eq!(rolled_back, page(kept), "the family that was open before still gets its length");
    let first = page(|page| {
        let mark = page.mark();
        lost(page);
        page.roll_back(mark);
        kept(page);
    });
    assert_eq!(first, page(kept));
}

#[test]
fn a_histogram_has_both_forms_in_one_message() {
    let mut histogram = Histogram::new(&[0.5, 1.0]);
    for value in [0.0, 1.0, 1.0, 2.0, 2.0, 2.0] {
        histogram.observe(value);
    }
    let written = page(|page| {
        page.family(&DURATION);
        page.histogram(&LabelBlock::new([("a", "b")]), &[("c", "d")], histogram.view());
    });
    let expected = bytes(
        "
        85 81 80 80 00                              # a family of 133 bytes
          0a 15 'test_duration_seconds'             #   name
          12 0b 'A duration.'                       #   help
          18 04                                     #   type: histogram
          2a 07 'seconds'                           #   unit
          22 54                                     #   metric
            0a 06  0a 01 'a'  12 01 'b'             #     label
            0a 06  0a 01 'c'  12 01 'd'             #     label
            3a 42                                   #     histogram
              08 06                                 #       count
              11 00 00 00 00 00 00 20 40            #       sum: 8
              1a 0b                                 #       bucket
                08 01                               #         cumulative count
                11 00 00 00 00 00 00 e0 3f          #         upper bound: 0.5
              1a 0b                                 #       bucket
                08 03                               #         cumulative count
                11 00 00 00 00 00 00 f0 3f          #         upper bound: 1
              28 06                                 #       schema: 3
              31 00 00 00 00 00 00 50 3f            #       zero threshold: 1/1024
              38 01                                 #       zero count
              62 04  08 00 10 01                    #       span: bucket 0, which ends at 1
              62 04  08 0e 10 01                    #       span: bucket 8, which ends at 2
              6a 02  04 02                          #       deltas: 2, and 1 more
        ",
    );
    assert_eq!(written, expected);
}

#[test]
fn an_empty_histogram_is_a_native_one_all_the_same() {
    let written = page(|page| {
        page.family(&DURATION);
        page.histogram(&LabelBlock::default(), &[], Histogram::new(&[]).view());
    });
    let expected = bytes(
        "
        cb 80 80 80 00
          0a 15 'test_duration_seconds'
          12 0b 'A duration.'
          18 04
          2a 07 'seconds'
          22 1a
            3a 18
              08 00
              11 00 00 00 00 00 00 00 00
              28 06
              31 00 00 00 00 00 00 50 3f            # above zero, by which readers tell the form
              38 00
        ",
    );
    assert_eq!(written, expected);
}

#[test]
fn a_page_is_narrowed_to_a_tenant_as_text_is() {
    let ann = LabelBlock::of_tenant(&Tenant::claimed(Some("ann"), None, None), []);
    let bob = LabelBlock::of_tenant(&Tenant::claimed(Some("bob"), None, None), []);
    let wanted = Narrowing::default().to(Dimension::User, ["ann".to_owned()]);
    let fill = |page: &mut dyn Sink, blocks: &[&LabelBlock]| {
        page.family(&catalogue::TENANT_CPU);
        blocks.iter().for_each(|labels| page.sample(labels, &[], Value::Nanos(1)));
        page.family(&DURATION);
        blocks.iter().for_each(|labels| page.histogram(labels, &[], Histogram::new(&[1.0]).view()));
    };
    let narrowed =
        page(|page| fill(&mut TenantFilter::new(page, &wanted), &[&bob, &ann, &LabelBlock::default()]));
    assert_eq!(narrowed, page(|page| fill(page, &[&ann])));
}

#[test]
fn a_summary_has_quantiles_count_and_sum() {
    let quantiles = admit("protobuf_test_seconds", Kind::Summary, "A summary.", Namer::Programs).unwrap();
    let written = page(|page| {
        page.open(Family::Foreign(quantiles.clone()));
        page.summary(&LabelBlock::default(), &[], Summary { count: 3, sum: 1.5, quantiles: &[(0.5, 0.25)] });
    });
    let expected = bytes(
        "
        c8 80 80 80 00                              # a family of 72 bytes
          0a 15 'protobuf_test_seconds'             #   name
          12 0a 'A summary.'                        #   help
          18 02                                     #   type: summary
          22 21                                     #   metric
            22 1f                                   #     summary
              08 03  11 00 00 00 00 00 00 f8 3f     #       3 values, 1.5 in all
              1a 12                                 #       quantile
                09 00 00 00 00 00 00 e0 3f          #         0.5
                11 00 00 00 00 00 00 d0 3f          #         0.25
        ",
    );
    assert_eq!(written, expected);
}

#[test]
fn a_family_is_announced_for_each_form_of_histograms_that_stand_next_to_each_other() {
    let classic =
        Distribution { count: 1, sum: None, bounds: &[1.0], counts: &[1, 0], native: None, exemplars: &[] };
    let form =
        Exponential { schema: 0, zero_count: 0, zero_threshold: 1e-128, positive: &[(1, 1)], negative: &[] };
    let native = Distribution { native: Some(form), ..classic };
    let announced = |histograms: &[Distribution<'_>]| {
        let written = page(|page| {
            page.family(&DURATION);
            histograms.iter().for_each(|one| page.histogram(&LabelBlock::default(), &[], *one));
        });
        memchr::memmem::find_iter(&written, DURATION.name).count()
    };
    assert_eq!(announced(&[classic, classic]), 1);
    assert_eq!(announced(&[native, native]), 1);
    assert_eq!(announced(&[classic, native, classic]), 3);
}
