//! The engine's answers come late, damaged, cut off, or not at all.

use std::time::Duration;

use super::{a_scrape, cpu, is_read};
use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::wire::{Weather, Wire};

/// In weather that takes the engine away: what runs is read on, and once it is fair again nothing
/// that is alive is missing and nothing that is gone is kept.
fn out_of_reach(name: &str, weather: Weather) {
    let Some(engine) = Engine::shared() else { return };
    let wire = Wire::to(&engine);
    let exporter = Exporter::at(&wire.host(), &[]);
    let [steady, leaves, comes] = ["steady", "leaves", "comes"].map(|part| format!("{name}-{part}"));
    let _steady = engine.run(&steady, &[], BUSY);
    let leaving = engine.run(&leaves, &[], IDLE);
    is_read(&exporter, &steady);
    is_read(&exporter, &leaves);

    wire.set(weather);
    // Whatever the engine says now does not arrive as it was said.
    let _comes = engine.run(&comes, &[], BUSY);
    exporter.until_value("dockmeter_docker_up", &[], 0.0);
    drop(leaving);
    let before = cpu(&exporter, &steady);
    for _ in 0..5 {
        a_scrape(&exporter);
    }
    exporter.until("the kernel is still read", |page| {
        (page.sum("container_cpu_usage_seconds_total", &[("name", &steady)]) > before).then_some(())
    });
    assert_eq!(exporter.page().value("dockmeter_collector_success", &[("collector", "docker")]), Some(1.0));

    wire.set(Weather::Fair);
    exporter.until_value("dockmeter_docker_up", &[], 1.0);
    is_read(&exporter, &comes);
    exporter.until("what is gone has left the page", |page| {
        page.samples().all(|sample| sample.label("name") != Some(leaves.as_str())).then_some(())
    });
    assert!(cpu(&exporter, &steady) > before);
}

#[test]
fn an_engine_that_answers_garbage_is_down_and_what_runs_is_read_on() {
    out_of_reach("garbled", Weather::Garbled);
}

#[test]
fn an_engine_that_breaks_off_in_the_middle_of_its_answers_is_down_and_what_runs_is_read_on() {
    out_of_reach("cut", Weather::Cut);
}

#[test]
fn an_engine_that_answers_slowly_is_waited_for_and_no_scrape_is() {
    let Some(engine) = Engine::shared() else { return };
    let wire = Wire::to(&engine);
    let exporter = Exporter::at(&wire.host(), &[]);
    let leaving = engine.run("slow-leaves", &[], IDLE);
    is_read(&exporter, "slow-leaves");

    wire.set(Weather::Slow(Duration::from_secs(1)));
    let _comes = engine.run("slow-comes", &[], BUSY);
    for _ in 0..5 {
        a_scrape(&exporter);
    }
    is_read(&exporter, "slow-comes");
    drop(leaving);
    exporter.until("what is gone has left the page", |page| {
        assert_eq!(page.value("dockmeter_docker_up", &[]), Some(1.0), "slow is not away");
        page.samples().all(|sample| sample.label("name") != Some("slow-leaves")).then_some(())
    });
}

#[test]
fn an_event_stream_that_is_dead_while_all_else_is_answered_is_found_out_by_a_container_that_ends() {
    let Some(engine) = Engine::shared() else { return };
    let wire = Wire::to(&engine);
    let exporter = Exporter::at(&wire.host(), &[]);
    let _steady = engine.run("mute-steady", &[], BUSY);
    let ends = engine.run("mute-ends", &[], IDLE);
    is_read(&exporter, "mute-steady");
    is_read(&exporter, "mute-ends");
    assert_eq!(exporter.page().value("dockmeter_docker_missed_ends_total", &[]), Some(0.0));

    wire.set(Weather::Mute);
    ends.docker(&["kill"]);
    exporter.until_value("container_state", &[("name", "mute-ends"), ("state", "exited")], 1.0);
    exporter.until("the miss is counted", |page| {
        page.value("dockmeter_docker_missed_ends_total", &[]).filter(|missed| *missed >= 1.0)
    });
    let _comes = engine.run("mute-comes", &[], BUSY);
    wire.set(Weather::Fair);
    // An event that comes through, or the next end, makes the rest known.
    ends.docker(&["start"]);
    exporter.until_value("container_state", &[("name", "mute-ends"), ("state", "running")], 1.0);
    is_read(&exporter, "mute-steady");
}
