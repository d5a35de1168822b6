//! An engine that is changed, one that refuses, and one behind a proxy that only reads.

use super::super::fake::{Engine, Reply};
use super::*;
use crate::tenant::{Policy, Resolver};

fn id() -> ContainerId {
    "ab".repeat(32).parse().unwrap()
}

async fn updater(engine: &Engine) -> Updater {
    let docker = Docker { host: engine.endpoint(), ..Docker::default() };
    let resolver = Resolver::new(Policy::default(), Paths::default()).unwrap();
    Updater::connect(&docker, Arc::new(resolver), Paths::default()).await.unwrap()
}

fn path() -> String {
    format!("/v1.51/containers/{}/update", id())
}

#[tokio::test]
async fn a_change_names_only_what_changes() {
    let engine = Engine::start();
    let updater = updater(&engine).await;
    engine.reply(&path(), Reply::Body(200, r#"{"Warnings":null}"#.into()));
    let update = EngineUpdate { memory: Some(1 << 27), memory_swap: Some(-1), ..EngineUpdate::default() };
    updater.update(id(), &update).await.unwrap();
    assert_eq!(
        call(id(), &update),
        r#"POST /containers/abababababab/update {"Memory":134217728,"MemorySwap":-1}"#
    );
    let body = engine.bodies().pop().unwrap();
    assert_eq!(body, r#"{"Memory":134217728,"MemorySwap":-1}"#);
}

#[tokio::test]
async fn an_engine_s_refusal_is_told_in_its_words_and_a_proxy_s_with_what_to_do() {
    let engine = Engine::start();
    let updater = updater(&engine).await;
    updater.may_change().await.unwrap();
    engine.reply(&path(), Reply::Body(409, r#"{"message":"Conflicting options"}"#.into()));
    let refused = updater.update(id(), &EngineUpdate::default()).await.unwrap_err();
    assert!(matches!(refused, UpdateError::Refused { status: 409, .. }), "{refused}");
    assert!(refused.to_string().contains("Conflicting options"), "{refused}");
    engine.reply(&format!("/v1.51/containers/{NOBODY}/update"), Reply::Body(405, "<html>".into()));
    let refused = updater.may_change().await.unwrap_err().to_string();
    assert!(refused.contains("405") && refused.contains("a proxy that only reads"), "{refused}");
    engine.reply(&path(), Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()));
    let unknown = updater.update(id(), &EngineUpdate::default()).await.unwrap_err().to_string();
    assert!(unknown.contains("whether it was done is not known"), "{unknown}");
}

#[tokio::test]
async fn kills_of_others_are_not_counted() {
    let engine = Engine::start();
    let updater = updater(&engine).await;
    let event = |id: &str| {
        format!(r#"{{"Type":"container","Action":"oom","Actor":{{"ID":"{id}"}},"timeNano":1}}"#) + "\n"
    };
    let lines = [event(&id().to_string()), event(&"cd".repeat(32)), event(&id().to_string())].concat();
    engine.reply("/v1.51/events", Reply::Body(200, lines));
    let (since, until) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    assert_eq!(updater.kills(id(), since, until).await.unwrap(), 2);
}
