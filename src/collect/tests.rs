//! A page of collectors that work, fail and panic.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::snapshot::Machine;

struct Scripted(&'static str, fn(&mut dyn Sink) -> Result<(), CollectError>);

impl Collector for Scripted {
    fn name(&self) -> &'static str {
        self.0
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        (self.1)(sink)
    }
}

fn one_core(sink: &mut dyn Sink) -> Result<(), CollectError> {
    sink.family(&catalogue::MACHINE_CPU_CORES);
    sink.sample(&LabelBlock::default(), &[], Value::Int(1));
    Ok(())
}

fn page(collectors: &[Box<dyn Collector>], selection: &Selection, format: Format) -> String {
    let snapshot = Snapshot {
        taken_at: Timestamp::UNIX_EPOCH,
        published_at: Timestamp::UNIX_EPOCH,
        containers: Vec::new(),
        tenants: Vec::new(),
        operations: Vec::new(),
        engine: Arc::default(),
        lookups: (0, 0),
        sources: crate::snapshot::Sources::default(),
        read_errors: Vec::new(),
        read_duration_ns: 0,
        overruns: 0,
        machine: Machine::default(),
        storage: Arc::default(),
        facts: Arc::default(),
        activity: Default::default(),
        disk_walk_ns: None,
        host: None,
    };
    String::from_utf8(render(collectors, selection, &snapshot, format, Vec::new())).unwrap()
}

#[test]
fn a_broken_collector_costs_only_its_own_families() {
    let collectors: Vec<Box<dyn Collector>> = vec![
        Box::new(Scripted("panics", |sink| {
            sink.family(&catalogue::SPEC_CPU_SHARES);
            sink.sample(&LabelBlock::default(), &[], Value::Int(7));
            panic!("on purpose")
        })),
        Box::new(Scripted("fails", |sink| {
            sink.family(&catalogue::MACHINE_MEMORY);
            sink.sample(&LabelBlock::default(), &[], Value::Int(7));
            Err(CollectError::Malformed { what: "meminfo".into() })
        })),
        Box::new(Scripted("works", one_core)),
    ];
    let page = page(&collectors, &Selection::default(), Format::Text);
    assert!(page.contains("machine_cpu_cores 1\n"), "{page}");
    assert!(!page.contains("machine_memory_bytes") && !page.contains("container_spec"), "{page}");
    assert!(page.contains("dockmeter_collector_success{collector=\"panics\"} 0\n"), "{page}");
    assert!(page.contains("dockmeter_collector_success{collector=\"fails\"} 0\n"), "{page}");
    assert!(page.contains("dockmeter_collector_success{collector=\"works\"} 1\n"), "{page}");
    assert!(page.contains("dockmeter_series 8\n"), "{page}");
}

#[test]
fn collect_and_exclude_choose_collectors() {
    let collectors: Vec<Box<dyn Collector>> =
        vec![Box::new(Scripted("a", one_core)), Box::new(Scripted("b", one_core))];
    let only = Selection { collect: vec!["a".into()], ..Selection::default() };
    assert!(!page(&collectors, &only, Format::Text).contains("collector=\"b\""));
    let but = Selection { exclude: vec!["a".into()], ..Selection::default() };
    assert!(!page(&collectors, &but, Format::Text).contains("collector=\"a\""));
}

#[test]
fn an_openmetrics_page_ends_with_eof() {
    let collectors: Vec<Box<dyn Collector>> = vec![Box::new(Scripted("a", one_core))];
    assert!(page(&collectors, &Selection::default(), Format::OpenMetrics).ends_with("# EOF\n"));
}
