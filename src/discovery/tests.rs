//! Who is found where, under whose labels, and who is not.

use super::*;
use crate::config::Discovery;
use crate::inventory::{Binding, ContainerId};
use crate::tenant::Tenant;

fn container(number: u8, labels: &[(&str, &str)]) -> Container {
    let id: ContainerId = format!("{number:02x}").repeat(32).parse().unwrap();
    let mut container = Container::new(id, Status::Running);
    container.name = LabelValue::clean(&format!("c{number}"));
    container.tenant = Tenant::claimed(Some("ann"), Some("shop"), Some("core"));
    container.tenant_known = true;
    container.state.pid = Some(7);
    container.network.mode = "bridge".to_owned();
    container.network.networks = attached(&[("bridge", "172.17.0.2")]);
    container.labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    container
}

fn attached(networks: &[(&str, &str)]) -> Vec<(String, IpAddr)> {
    networks.iter().map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap())).collect()
}

fn found(config: &Discovery, containers: Vec<Container>) -> (Vec<Target>, Vec<String>) {
    let mut snapshot = Snapshot::default();
    for container in containers {
        snapshot.containers.insert(container.id, Arc::new(container));
    }
    let (targets, mistakes) = targets(config, &snapshot);
    (targets, mistakes.into_iter().map(|mistake| mistake.message).collect())
}

fn one(config: &Discovery, container: Container) -> Result<Target, String> {
    let (mut targets, mut mistakes) = found(config, vec![container]);
    targets.pop().ok_or_else(|| mistakes.pop().unwrap_or_else(|| "not looked at".to_owned()))
}

const PORT: (&str, &str) = (PORT_LABEL, "9100");

#[test]
fn a_container_is_found_at_its_own_address_under_its_tenants_labels() {
    let target =
        one(&Discovery::default(), container(1, &[PORT, ("user", "eve"), ("dockmeter.user", "eve")]))
            .unwrap();
    assert_eq!(target.address, "172.17.0.2:9100");
    let label = |name: &str| target.labels.get(name).map(String::as_str);
    for (name, value) in [
        ("user", "ann"),
        ("project", "shop"),
        ("team", "core"),
        ("service", "c1"),
        ("service_instance", "010101010101"),
        ("__scheme__", "http"),
        ("__metrics_path__", "/metrics"),
        ("__meta_dockmeter_network", "bridge"),
    ] {
        assert_eq!(label(name), Some(value), "{name}");
    }
    for name in ["__scrape_interval__", "__scrape_timeout__", "__address__", "job", "instance"] {
        assert_eq!(label(name), None, "{name}");
    }
}

#[test]
fn labels_say_how_it_is_scraped() {
    let labels = [
        PORT,
        (PATH_LABEL, "/probe?module=a%20b&module=c&target=x"),
        (SCHEME_LABEL, "HTTPS"),
        (INTERVAL_LABEL, "1m"),
        ("com.docker.compose.service", "api"),
    ];
    let target = one(&Discovery::default(), container(1, &labels)).unwrap();
    for (name, value) in [
        ("__metrics_path__", "/probe"),
        ("__param_module", "a b"),
        ("__param_target", "x"),
        ("__scheme__", "https"),
        ("__scrape_interval__", "1m"),
        ("__scrape_timeout__", "10s"),
        ("service", "api"),
    ] {
        assert_eq!(target.labels.get(name).map(String::as_str), Some(value), "{name}");
    }
    let often =
        one(&Discovery::default(), container(1, &[PORT, (INTERVAL_LABEL, "10ms"), (SERVICE_LABEL, "web")]))
            .unwrap();
    assert_eq!(
        (&often.labels["__scrape_interval__"][..], &often.labels["__scrape_timeout__"][..]),
        ("5s", "5s")
    );
    assert_eq!(often.labels["service"], "web");
}

#[test]
fn the_network_is_the_one_that_is_named_else_the_first() {
    let two = |labels: &[(&str, &str)]| {
        let mut container = container(1, labels);
        container.network.networks = attached(&[
            ("back", "10.0.0.2"),
            ("metrics", "10.1.0.2"),
            ("metrics", "fd00::2"),
            ("v6", "fd01::2"),
        ]);
        container
    };
    let on = |networks: &[&str]| Discovery {
        networks: networks.iter().map(|name| (*name).to_owned()).collect(),
        ..Discovery::default()
    };
    for (networks, label, address) in [
        (&[][..], "", Ok("10.0.0.2:9100")),
        (&[], "metrics", Ok("10.1.0.2:9100")),
        (&["other", "metrics"], "", Ok("10.1.0.2:9100")),
        (&["metrics"], "back", Ok("10.0.0.2:9100")),
        (&["v6"], "", Ok("[fd01::2]:9100")),
        (&["other"], "", Err("discovery.networks")),
        (&[], "other", Err("no address in the network `other`")),
    ] {
        let found = one(&on(networks), two(&[PORT, (NETWORK_LABEL, label)])).map(|target| target.address);
        match address {
            Ok(address) => assert_eq!(found.as_deref(), Ok(address)),
            Err(words) => assert!(found.unwrap_err().contains(words), "{networks:?} {label}"),
        }
    }
}

#[test]
fn elsewhere_a_container_is_found_at_the_port_that_it_publishes() {
    let config = |host: &str| Discovery { published_address: Some(host.to_owned()), ..Discovery::default() };
    let publishing = |ip: &str, protocol| {
        let mut container = container(1, &[PORT]);
        container.ports.bound =
            vec![Binding { host_port: 32768, protocol, host_ip: ip.parse().ok(), container_port: 9100 }];
        container
    };
    let everywhere = one(&config("host-a"), publishing("", Protocol::Tcp)).unwrap();
    assert_eq!(everywhere.address, "host-a:32768");
    assert_eq!(one(&config("fd00::1"), publishing("", Protocol::Tcp)).unwrap().address, "[fd00::1]:32768");
    for hidden in
        [publishing("127.0.0.1", Protocol::Tcp), publishing("", Protocol::Udp), container(1, &[PORT])]
    {
        assert!(one(&config("host-a"), hidden).unwrap_err().contains("does not publish its port 9100"));
    }
}

#[test]
fn nothing_but_a_containers_own_address_is_ever_named() {
    let mut host = container(1, &[PORT]);
    (host.network.mode, host.network.networks) = ("host".to_owned(), Vec::new());
    assert!(one(&Discovery::default(), host).unwrap_err().contains("a port may be anybody's"));

    let owner = container(2, &[]);
    let mut beside = container(1, &[PORT]);
    (beside.network.mode, beside.network.networks) = (format!("container:{}", owner.id), Vec::new());
    let (targets, _) = found(&Discovery::default(), vec![owner.clone(), beside.clone()]);
    assert_eq!(targets[0].address, "172.17.0.2:9100", "what shares a network shares its address");
    beside.tenant = Tenant::claimed(Some("eve"), None, None);
    let (targets, mistakes) = found(&Discovery::default(), vec![owner, beside.clone()]);
    assert!(targets.is_empty() && mistakes[0].contains("somebody else"), "{mistakes:?}");
    assert!(one(&Discovery::default(), beside).is_err());
}

#[test]
fn who_does_not_opt_in_or_is_not_known_yet_is_not_looked_at() {
    let with = |change: fn(&mut Container)| {
        let mut container = container(1, &[PORT]);
        change(&mut container);
        found(&Discovery::default(), vec![container])
    };
    let nothing = (Vec::new(), Vec::new());
    assert_eq!(with(|container| container.labels.clear()), nothing);
    assert_eq!(with(|container| container.tenant_known = false), nothing);
    assert_eq!(with(|container| container.removed_at = Some(jiff::Timestamp::UNIX_EPOCH)), nothing);
    for status in [Status::Exited, Status::Paused, Status::Created, Status::Restarting] {
        let container = Container { state: crate::inventory::State::new(status), ..container(1, &[PORT]) };
        assert_eq!(found(&Discovery::default(), vec![container]), nothing);
    }
}

#[test]
fn a_label_that_says_nothing_sensible_is_told_of() {
    for (key, value) in [
        (PORT_LABEL, "0"),
        (PORT_LABEL, "http"),
        (PORT_LABEL, "evil:80"),
        (PATH_LABEL, "metrics"),
        (PATH_LABEL, "/a b"),
        (PATH_LABEL, "/x?a-b=1"),
        (SCHEME_LABEL, "file"),
        (INTERVAL_LABEL, "often"),
        (INTERVAL_LABEL, "1h"),
        (NETWORK_LABEL, "nowhere"),
    ] {
        let mistake = one(&Discovery::default(), container(1, &[PORT, (key, value)])).unwrap_err();
        assert!(mistake.contains(key), "{key}={value}: {mistake}");
    }
}
