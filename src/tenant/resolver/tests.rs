//! The rules at work on containers as platforms make them.

use std::fs;

use super::*;
use crate::tenant::{MapCycle, NamePattern};

type Labels<'a> = &'a [(&'a str, &'a str)];

fn labels(pairs: Labels<'_>) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn resolver(rules: Rules) -> Resolver {
    Resolver::new(Policy { rules, ..Policy::default() }, Paths::default()).unwrap()
}

/// User, project and team of a container with a name and labels of its own.
fn tenant_of(resolver: &Resolver, name: &str, own: Labels<'_>) -> [String; 3] {
    attribute(resolver, name, own, Some(&[]))
}

fn attribute(resolver: &Resolver, name: &str, own: Labels<'_>, image: Option<Labels<'_>>) -> [String; 3] {
    let image = image.map(labels);
    let facts = Facts { name, labels: &labels(own), image_labels: image.as_ref(), cgroup: None, here: true };
    let tenant = resolver.tenant(&facts);
    [tenant.user, tenant.project, tenant.team].map(|value| value.as_str().to_owned())
}

fn map(from: Dimension, file: &std::path::Path) -> Rule {
    Rule::Map { from, file: file.to_owned() }
}

#[test]
fn the_built_in_rules_know_the_platforms() {
    let resolver = resolver(Rules::default());
    let cases: &[(&str, Labels<'_>, [&str; 3])] = &[
        ("web", &[], ["unknown", "unknown", "unknown"]),
        (
            "web",
            &[("dockmeter.user", "ann"), ("dockmeter.project", "shop"), ("dockmeter.team", "core")],
            ["ann", "shop", "core"],
        ),
        ("shop-api-1", &[("com.docker.compose.project", "shop")], ["unknown", "shop", "unknown"]),
        (
            "shop-api-1",
            &[("com.docker.compose.project", "shop"), ("dockmeter.project", "store")],
            ["unknown", "store", "unknown"],
        ),
        ("shop_api.1.x", &[("com.docker.stack.namespace", "shop")], ["unknown", "shop", "unknown"]),
        (
            "app-x8",
            &[("coolify.projectName", "shop"), ("com.docker.compose.project", "x8kq")],
            ["unknown", "shop", "unknown"],
        ),
        ("shop.web.1", &[("com.dokku.app-name", "shop")], ["unknown", "shop", "unknown"]),
        (
            "coder-ann-dev",
            &[("coder.owner", "ann"), ("coder.workspace_name", "dev")],
            ["ann", "dev", "unknown"],
        ),
        ("vsc-shop", &[("devcontainer.local_folder", "/home/ann/src/shop")], ["unknown", "shop", "unknown"]),
        ("jupyter-ann-2dlee", &[], ["ann-lee", "unknown", "unknown"]),
        ("jupyter-ann--gpu", &[], ["ann", "unknown", "unknown"]),
        ("jupyter-hub-1", &[("com.docker.compose.project", "jupyter")], ["unknown", "jupyter", "unknown"]),
        ("web", &[("dockmeter.team", "other")], ["unknown", "unknown", "other_"]),
        (
            "web",
            &[("dockmeter.project", " "), ("com.docker.compose.project", "shop")],
            ["unknown", "shop", "unknown"],
        ),
    ];
    for (name, own, tenant) in cases {
        assert_eq!(&tenant_of(&resolver, name, own), tenant, "{name} {own:?}");
    }
}

#[test]
fn the_first_rule_with_a_value_wins() {
    let rules = Rules::new(
        vec![
            Rule::label("owner"),
            Rule::Name {
                pattern: NamePattern::new("^(?:dev)-(?<who>[^-]+)").unwrap(),
                decode: Decode::Plain,
            },
            Rule::Value("nobody".into()),
        ],
        vec![],
        vec![],
    );
    let resolver = resolver(rules.unwrap());
    assert_eq!(tenant_of(&resolver, "dev-bob-1", &[("owner", "ann")])[0], "ann");
    assert_eq!(tenant_of(&resolver, "dev-bob-1", &[("owner", "")])[0], "bob");
    assert_eq!(tenant_of(&resolver, "db", &[])[0], "nobody");
}

#[test]
fn a_rootless_engine_says_whose_its_containers_are() {
    let resolver = resolver(Rules::default());
    let none = BTreeMap::new();
    let cgroup = Some("0::/user.slice/user-987654.slice/user@987654.service/app.slice/docker-3f.scope\n");
    let facts = Facts { name: "web", labels: &none, image_labels: Some(&none), cgroup, here: true };
    assert_eq!(resolver.tenant(&facts).user.as_str(), "987654");
}

#[test]
fn the_owner_of_the_compose_directory_is_the_user() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    fs::create_dir_all(root.path().join("home/ann/shop")).unwrap();
    let uid = rustix::process::getuid().as_raw();
    fs::write(root.path().join("etc/passwd"), format!("ann:x:{uid}:100::/home/ann:/bin/sh\n")).unwrap();
    let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
    let resolver = Resolver::new(Policy::default(), paths).unwrap();
    let directory = |path| tenant_of(&resolver, "shop-api-1", &[(COMPOSE_DIR, path)])[0].clone();
    assert_eq!(directory("/home/ann/shop"), "ann");
    assert_eq!(directory("/home/bob/shop"), "unknown");
    let own = labels(&[(COMPOSE_DIR, "/home/ann/shop")]);
    let elsewhere = Facts { name: "shop-api-1", labels: &own, image_labels: None, cgroup: None, here: false };
    assert_eq!(resolver.tenant(&elsewhere).user.as_str(), "unknown", "the path is another machine's");
}

#[test]
fn an_image_cannot_take_its_containers_out() {
    let resolver = resolver(Rules::default());
    let (ignoring, none) = (labels(&[("dockmeter.ignore", "true")]), labels(&[]));
    let observes = |image_labels| {
        resolver.observes(
            &Facts { name: "web", labels: &ignoring, image_labels, cgroup: None, here: true },
            "web:1",
        )
    };
    assert!(observes(Some(&ignoring)), "baked into the image");
    assert!(!observes(Some(&none)), "set by who started it");
    assert!(!observes(None), "not known yet");
}

#[test]
fn an_image_cannot_claim_a_tenant() {
    let resolver = resolver(Rules::default());
    let baked: Labels<'_> = &[("dockmeter.team", "core")];
    assert_eq!(attribute(&resolver, "a", baked, Some(baked))[2], "unknown");
    assert_eq!(attribute(&resolver, "a", baked, Some(&[("dockmeter.team", "ops")]))[2], "core");
    assert_eq!(attribute(&resolver, "a", baked, None)[2], "core", "the image's labels are not known");
    let trusting = Policy { ignore_image_labels: false, ..Policy::default() };
    let trusting = Resolver::new(trusting, Paths::default()).unwrap();
    assert_eq!(attribute(&trusting, "a", baked, Some(baked))[2], "core");
}

#[test]
fn compose_s_own_labels_count_on_its_own_containers() {
    let resolver = resolver(Rules::default());
    let image: Labels<'_> = &[("com.docker.compose.project", "shop"), ("dockmeter.team", "core")];
    let by_compose: Vec<_> = [image, &[("com.docker.compose.container-number", "1")]].concat();
    assert_eq!(attribute(&resolver, "a", &by_compose, Some(image)), ["unknown", "shop", "unknown"]);
    assert_eq!(attribute(&resolver, "a", image, Some(image))[1], "unknown", "started by docker run");
    assert_eq!(
        attribute(&resolver, "a", &by_compose, Some(&by_compose))[1],
        "unknown",
        "an image that imitates a container of Compose"
    );
}

#[test]
fn a_spawned_container_of_an_image_that_compose_built_keeps_its_user() {
    let resolver = resolver(Rules::default());
    let image: Labels<'_> = &[("com.docker.compose.project", "hub")];
    assert_eq!(attribute(&resolver, "jupyter-ann", image, Some(image))[0], "ann");
}

#[test]
fn a_map_file_maps_what_another_dimension_found() {
    let folder = tempfile::tempdir().unwrap();
    let (teams, projects) = (folder.path().join("teams.yml"), folder.path().join("projects.yml"));
    fs::write(&teams, "shop: core\n").unwrap();
    fs::write(&projects, "ann: shop\n").unwrap();
    let rules = Rules::new(
        vec![Rule::label("dockmeter.user")],
        vec![map(Dimension::User, &projects)],
        vec![map(Dimension::Project, &teams), Rule::Value("guests".into())],
    );
    let resolver = resolver(rules.unwrap());
    assert_eq!(tenant_of(&resolver, "a", &[("dockmeter.user", "ann")]), ["ann", "shop", "core"]);
    assert_eq!(tenant_of(&resolver, "a", &[("dockmeter.user", "bob")]), ["bob", "unknown", "guests"]);
}

#[test]
fn dimensions_that_map_from_each_other_are_refused_by_name() {
    let file = std::path::Path::new("m.yml");
    let refused = |user, project, team| Rules::new(user, project, team).unwrap_err();
    let circle = refused(vec![map(Dimension::Team, file)], vec![], vec![map(Dimension::User, file)]);
    let message = circle.to_string();
    assert!(message.contains("`user`") && message.contains("`team`"), "{message}");
    let itself = refused(vec![], vec![map(Dimension::Project, file)], vec![]);
    assert_eq!(itself, MapCycle(Dimension::Project, Dimension::Project));
    let behind = refused(
        vec![map(Dimension::Project, file)],
        vec![map(Dimension::Team, file)],
        vec![map(Dimension::Project, file)],
    );
    assert!([behind.0, behind.1].iter().all(|dimension| *dimension != Dimension::User), "{behind}");
}

#[test]
fn strict_puts_slice_and_map_before_labels() {
    let folder = tempfile::tempdir().unwrap();
    let teams = folder.path().join("teams.yml");
    fs::write(&teams, "shop: core\n").unwrap();
    let rules = || {
        Rules::new(
            Rules::built_in(Dimension::User),
            Rules::built_in(Dimension::Project),
            vec![Rule::label("dockmeter.team"), map(Dimension::Project, &teams)],
        )
        .unwrap()
    };
    let own = labels(&[("dockmeter.project", "shop"), ("dockmeter.team", "ops"), ("dockmeter.user", "bob")]);
    let facts = Facts {
        name: "a",
        labels: &own,
        image_labels: None,
        cgroup: Some("0::/user-987654.slice/x"),
        here: true,
    };
    let lenient = resolver(rules()).tenant(&facts);
    assert_eq!((lenient.user.as_str(), lenient.team.as_str()), ("bob", "ops"));
    let strict = resolver(rules().strict()).tenant(&facts);
    assert_eq!((strict.user.as_str(), strict.team.as_str()), ("987654", "core"));
}

#[test]
fn a_changed_map_file_is_taken_and_a_broken_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let teams = folder.path().join("teams.yml");
    fs::write(&teams, "shop: core\n").unwrap();
    let team_rules = vec![map(Dimension::Project, &teams)];
    let rules = Rules::new(vec![], Rules::built_in(Dimension::Project), team_rules).unwrap();
    let resolver = resolver(rules);
    let team = || tenant_of(&resolver, "a", &[("dockmeter.project", "shop")])[2].clone();
    assert_eq!(team(), "core");
    assert!(!resolver.reload(), "nothing has changed");

    fs::write(&teams, "shop: platform\n").unwrap();
    assert!(resolver.reload());
    assert_eq!(team(), "platform");

    for broken in ["", "shop: [core", "shop: {a: b}\n", "shop: a\nshop: b\n"] {
        fs::write(&teams, broken).unwrap();
        assert!(!resolver.reload(), "{broken}");
        assert_eq!(team(), "platform", "{broken}");
    }
    fs::remove_file(&teams).unwrap();
    assert!(!resolver.reload());
    assert_eq!(team(), "platform");

    fs::write(&teams, "shop: again\n").unwrap();
    assert!(resolver.reload());
    assert_eq!(team(), "again");
}

#[test]
fn a_map_file_that_is_broken_from_the_start_is_an_error() {
    let missing = map(Dimension::Project, std::path::Path::new("/nowhere/teams.yml"));
    let rules = Rules::new(vec![], vec![], vec![missing]).unwrap();
    let error = Resolver::new(Policy { rules, ..Policy::default() }, Paths::default()).unwrap_err();
    assert!(error.to_string().starts_with("could not read `/nowhere/teams.yml`"), "{error}");
}

#[test]
fn beyond_the_cap_a_value_is_other_and_known_ones_stay() {
    let caps = Caps { projects: 2, ..Caps::default() };
    let policy = || Policy { caps, ..Policy::default() };
    let resolver = Resolver::new(policy(), Paths::default()).unwrap();
    let project = |name: &str| tenant_of(&resolver, "a", &[("dockmeter.project", name)])[1].clone();
    assert_eq!([project("a"), project("b"), project("c")], ["a", "b", "other"]);
    assert_eq!(project("a"), "a");
    resolver.replace(policy()).unwrap();
    assert_eq!([project("b"), project("d")], ["b", "other"], "a reload forgets nothing");
    assert_eq!(tenant_of(&resolver, "a", &[])[1], "unknown");
    assert_eq!(resolver.refused(), [(Dimension::User, 0), (Dimension::Project, 2), (Dimension::Team, 0)]);
}

#[test]
fn the_larger_of_a_label_and_the_engines_word_is_reserved_and_an_image_reserves_nothing() {
    let reserve = |cores: Option<u64>, memory| Resources { cpu_nanocores: cores, memory_bytes: memory };
    let engine = EngineResources {
        reservations: reserve(None, Some(64)),
        limits: reserve(Some(3_000_000_000), Some(999)),
    };
    let reserved = |limits_as_reservations, own: Labels<'_>, image: Labels<'_>, engine: &EngineResources| {
        let policy = Policy { limits_as_reservations, ..Policy::default() };
        let resolver = Resolver::new(policy, Paths::default()).unwrap();
        let (own, image) = (labels(own), labels(image));
        let facts = Facts { name: "x", labels: &own, image_labels: Some(&image), cgroup: None, here: true };
        resolver.reserved(&facts, engine)
    };
    let cpu = ("dockmeter.cpu.reservation", "0.5");
    let memory = |bytes| ("dockmeter.memory.reservation", bytes);
    assert_eq!(reserved(false, &[cpu, memory("65")], &[], &engine), reserve(Some(500_000_000), Some(65)));
    assert_eq!(reserved(false, &[cpu, memory("63")], &[cpu], &engine), reserve(None, Some(64)));
    assert_eq!(reserved(true, &[memory("65")], &[], &engine), reserve(Some(3_000_000_000), Some(65)));
    assert_eq!(reserved(true, &[], &[], &EngineResources::default()), Resources::default());
}
