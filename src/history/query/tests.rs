//! Summaries are what Prometheus's functions would say, and figures have their units.

use super::*;

fn bin(at: i64, cpu: u64, memory: Spread) -> Bin {
    let mut bin =
        Bin { at, elapsed_ms: 5_000, counters: vec![None; Counter::COUNT], gauges: vec![None; Gauge::COUNT] };
    bin.counters[Counter::Cpu as usize] = Some(cpu);
    bin.counters[Counter::Receive as usize] = Some(500);
    bin.gauges[Gauge::WorkingSet as usize] = Some(memory);
    bin
}

fn spread(values: &[u64]) -> Spread {
    let one = |value: &u64| Spread { count: 1, min: *value, max: *value, last: *value, above: 0, squares: 0 };
    values.iter().map(one).reduce(Spread::and).unwrap()
}

#[test]
fn a_summary_is_of_samples_where_there_are_samples_and_of_steps_where_there_are_rates() {
    let bins = [bin(60_000, 2_500_000, spread(&[1, 3])), bin(120_000, 7_500_000, spread(&[8]))];
    let named = |name: &str| FIGURES.into_iter().find(|figure| figure.name == name).unwrap();
    let figures = ["cpu_usage_cores", "memory_working_set_bytes", "threads"].map(named);
    let answer = Answer::of(&figures, &bins);
    assert_eq!(answer.points[0], Point { at: 60_000, values: vec![Some(0.5), Some(2.0), None] });
    let cpu = answer.summaries[0].unwrap();
    assert_eq!((cpu.count, cpu.sum, cpu.avg, cpu.median, cpu.stddev), (2, 2.0, 1.0, 1.0, 0.5));
    let memory = answer.summaries[1].unwrap();
    assert_eq!((memory.count, memory.sum, memory.avg, memory.min, memory.max), (3, 12.0, 4.0, 1.0, 8.0));
    assert_eq!(memory.median, 5.0, "of the steps' means 2 and 8");
    assert!((memory.stddev - (26.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    assert_eq!(answer.summaries[2], None);
    assert_eq!(answer.totals[0], ("network_receive_bytes", Some(1_000)));
    assert_eq!(answer.totals[2], ("disk_read_bytes", None));
}

#[test]
fn percentiles_lie_between_two_values_as_in_prometheus() {
    let summary = Summary::of((1..=5).map(f64::from).collect()).unwrap();
    assert_eq!((summary.median, summary.p95, summary.p99), (3.0, 4.8, 4.96));
    assert_eq!(Summary::of(Vec::new()), None);
}
