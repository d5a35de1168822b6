//! A page costs no allocation for a container whose labels have not changed. In a program of its
//! own, since it counts every allocation there is.

#[path = "../benches/inner/mod.rs"]
mod inner;

use dhat::{HeapStats, Profiler};
use dockmeter::metrics::Sink;
use dockmeter::metrics::protobuf::ProtobufEncoder;
use dockmeter::metrics::text::{Dialect, TextEncoder};
use inner::page;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Large enough for every page here, as the buffer of the page before is.
fn buffer() -> Vec<u8> {
    Vec::with_capacity(16 << 20)
}

/// How many allocations a page makes, once its labels have been written before.
fn allocations(containers: usize, render: impl Fn(&mut dyn FnMut(&mut dyn Sink), Vec<u8>)) -> u64 {
    let blocks = page::blocks(containers);
    let histogram = page::histogram();
    let mut fill = |sink: &mut dyn Sink| {
        page::fill(sink, usize::MAX, &blocks);
        page::fill_histograms(sink, &blocks, &histogram);
    };
    render(&mut fill, buffer());
    let buffer = buffer();
    let before = HeapStats::get().total_blocks;
    render(&mut fill, buffer);
    HeapStats::get().total_blocks - before
}

#[test]
fn a_page_allocates_nothing_for_a_container_whose_labels_have_not_changed() {
    let _counting = Profiler::builder().testing().build();
    let text = |fill: &mut dyn FnMut(&mut dyn Sink), buffer| {
        let mut encoder = TextEncoder::new(Dialect::OpenMetrics, buffer);
        fill(&mut encoder);
        encoder.finish();
    };
    let protobuf = |fill: &mut dyn FnMut(&mut dyn Sink), buffer| {
        let mut encoder = ProtobufEncoder::new(buffer);
        fill(&mut encoder);
        encoder.finish();
    };
    assert_eq!(allocations(10, text), allocations(500, text), "in text");
    assert_eq!(allocations(10, protobuf), allocations(500, protobuf), "in protobuf");
}
