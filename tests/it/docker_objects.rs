//! What the engine holds beside running containers, against what a user makes and removes.

use crate::engine::{Engine, IDLE, IMAGE};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// An engine of the story's own, where nothing else comes and goes.
fn engine(name: &str) -> Option<Engine> {
    let engine = Engine::own(name)?;
    engine.start();
    Some(engine)
}

fn value(page: &Page, family: &str) -> Option<f64> {
    page.value(family, &[])
}

fn volumes(page: &Page) -> f64 {
    page.sum("dockmeter_docker_volumes", &[])
}

fn conflicts(page: &Page, name: &str) -> Option<f64> {
    page.value("dockmeter_docker_port_conflicts", &[("name", name)])
}

/// The life of images, networks, volumes and ports on any engine.
fn everything_is_counted(engine: &Engine, used: &str, unused: &str, port: u16) {
    engine.docker(&["network", "create", &format!("{used}-net")]);
    engine.docker(&["network", "create", &format!("{unused}-net")]);
    engine.docker(&["volume", "create", &format!("{unused}-volume")]);
    engine.build(&format!("{unused}-image"), &format!("FROM {IMAGE}\nLABEL made={unused}\n"));
    engine.docker(&["tag", IMAGE, &format!("{used}-tag")]);
    let publish = format!("--publish=127.0.0.1:{port}:80");
    let options = [&format!("--network={used}-net"), &format!("--volume={used}-volume:/v"), &publish];
    let web = engine.run(&format!("{used}-web"), &options.map(String::as_str), IDLE);

    let exporter = Exporter::of(engine);
    let page = exporter.until("everything has been listed", |page| {
        let unused = value(page, "dockmeter_docker_volumes_unused")?;
        let ports = page.value("dockmeter_docker_published_ports", &[("name", &format!("{used}-web"))])?;
        page.all("dockmeter_docker_info", &[]).next()?;
        (unused >= 1.0 && ports == 1.0).then(|| page.clone())
    });
    assert_eq!(value(&page, "dockmeter_docker_images_unused"), Some(1.0), "the built one alone");
    assert_eq!(value(&page, "dockmeter_docker_images"), Some(2.0), "a second tag is no second image");
    assert_eq!(value(&page, "dockmeter_docker_images_dangling"), Some(0.0));
    let made = value(&page, "dockmeter_docker_oldest_unused_image_timestamp_seconds");
    assert!(made.is_some_and(|made| made > 1.7e9), "{made:?}");
    let old = page.value("dockmeter_docker_images_unused_by_age", &[("older_than", "1d")]);
    assert_eq!(old, Some(0.0), "it was made just now");
    assert_eq!(value(&page, "dockmeter_docker_networks_unused"), Some(1.0));
    assert_eq!(page.value("dockmeter_docker_networks", &[("driver", "bridge")]), Some(3.0));
    assert_eq!((volumes(&page), value(&page, "dockmeter_docker_volumes_unused")), (2.0, Some(1.0)));
    let info = page.all("dockmeter_docker_info", &[]).next().expect("the engine describes itself");
    assert_eq!(info.label("storage_driver"), Some(engine.docker(&["info", "-f", "{{.Driver}}"]).as_str()));
    let published = page.all("dockmeter_docker_published_port_info", &[]).next().expect("a published port");
    let said =
        ["host_ip", "host_port", "container_port", "protocol"].map(|label| published.label(label).unwrap());
    assert_eq!(said, ["127.0.0.1", &port.to_string(), "80", "tcp"]);
    assert_eq!(conflicts(&page, &format!("{used}-web")), Some(0.0));

    // A container that waits for the port that another one has.
    let rival = format!("{used}-rival");
    let publish = format!("--publish={port}:80");
    engine.docker(&["create", "--name", &rival, "--restart=always", &publish, IMAGE, "true"]);
    let page = exporter.until("both want the port", |page| {
        conflicts(page, &rival).filter(|count| *count == 1.0).map(|_| page.clone())
    });
    assert_eq!(conflicts(&page, &format!("{used}-web")), Some(1.0));
    assert_eq!(page.value("dockmeter_docker_containers", &[("state", "created")]), Some(1.0));
    assert_eq!(page.value("dockmeter_docker_containers", &[("state", "running")]), Some(1.0));
    engine.docker(&["rm", &rival]);
    exporter.until("the conflict is over", |page| {
        (conflicts(page, &format!("{used}-web")) == Some(0.0)).then_some(())
    });

    // What is removed is seen by its events, long before the next hour.
    let created = |page: &Page| {
        page.value("dockmeter_docker_events_total", &[("type", "volume"), ("action", "create")])
    };
    engine.docker(&["volume", "create", &format!("{unused}-more")]);
    engine.docker(&["rmi", &format!("{unused}-image")]);
    engine.docker(&["network", "rm", &format!("{unused}-net")]);
    exporter.until("the removals are seen", |page| {
        let left = ["dockmeter_docker_images_unused", "dockmeter_docker_networks_unused"];
        left.iter().all(|family| value(page, family) == Some(0.0)).then_some(())
    });
    let page = exporter.until("the volume is seen", |page| (volumes(page) == 3.0).then(|| page.clone()));
    assert!(created(&page).is_some_and(|count| count >= 1.0));
    let listed = page.value("dockmeter_docker_calls_total", &[("call", "images"), ("result", "answered")]);
    assert!(listed.is_some_and(|listed| listed <= 6.0), "{listed:?} lists of images");
    web.docker(&["rm", "-f"]);
    exporter.until("the image is unused now", |page| {
        (value(page, "dockmeter_docker_images_unused") == Some(1.0)).then_some(())
    });
}

#[test]
fn images_networks_volumes_and_ports_are_counted_as_they_come_and_go() {
    let Some(engine) = engine("objects") else { return };
    everything_is_counted(&engine, "obj", "spare", 18_417);
}
