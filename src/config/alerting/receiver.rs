//! Where messages go: short forms made into Alertmanager's own, and no secret among them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::ConfigError;
use super::super::file::{self, ReceiverEntry, Text};
use super::super::layers::{Layers, Origin};
use super::{NOBODY, Receiver, Smtp, page};

/// Reads every receiver.
pub(super) fn receivers(
    layers: &Layers<'_>,
    section: &file::Alerting,
    smtp: &Smtp,
) -> Result<BTreeMap<String, Receiver>, ConfigError> {
    let mut receivers = BTreeMap::new();
    for (name, entry) in section.receivers.iter().flat_map(|list| &list.value) {
        let place = layers.place(entry.referenced);
        if name.is_empty() || name == NOBODY {
            return Err(place.refuse(format!("`{name}` is not a receiver's name; choose another")));
        }
        receivers.insert(name.clone(), receiver(layers, &entry.value, smtp, &place)?);
    }
    Ok(receivers)
}

fn receiver(
    layers: &Layers<'_>,
    entry: &ReceiverEntry,
    smtp: &Smtp,
    place: &Origin,
) -> Result<Receiver, ConfigError> {
    let mut configs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let text = |text: &Text| Value::String(text.value.clone());
    if let Some(hook) = &entry.webhook {
        let mut config = Map::new();
        match (&hook.url, &hook.url_file) {
            (Some(url), None) => {
                let url = layers.given(url).parse(page)?;
                config.insert("url".into(), url.into());
            }
            (None, Some(file)) => {
                config.insert("url_file".into(), text(file));
            }
            _ => return Err(place.refuse("a `webhook` has either `url` or `url_file`")),
        }
        if let Some(file) = &hook.token_file {
            let credentials =
                [("type".to_owned(), "Bearer".into()), ("credentials_file".to_owned(), text(file))];
            let http = [("authorization".to_owned(), Value::Object(Map::from_iter(credentials)))];
            config.insert("http_config".into(), Value::Object(Map::from_iter(http)));
        }
        configs.entry("webhook_configs".into()).or_default().push(Value::Object(config));
    }
    if let Some(mail) = &entry.email {
        if smtp.smarthost.is_empty() || smtp.from.is_empty() {
            let message =
                "mail needs a server and a sender; give `alerting.smtp_smarthost` and `alerting.smtp_from`";
            return Err(layers.place(mail.to.referenced).refuse(message));
        }
        if !mail.to.value.contains('@') {
            let message = format!("`{}` is not an address such as `team@example.com`", mail.to.value);
            return Err(layers.place(mail.to.referenced).refuse(message));
        }
        let config = Map::from_iter([("to".to_owned(), text(&mail.to))]);
        configs.entry("email_configs".into()).or_default().push(Value::Object(config));
    }
    if let Some(slack) = &entry.slack {
        let mut config = Map::from_iter([("api_url_file".to_owned(), text(&slack.url_file))]);
        if let Some(channel) = &slack.channel {
            config.insert("channel".into(), text(channel));
        }
        configs.entry("slack_configs".into()).or_default().push(Value::Object(config));
    }
    for (key, value) in &entry.alertmanager {
        let place = layers.place(value.referenced);
        let Value::Array(list) = &value.value else {
            return Err(place.refuse(format!("`{key}` is a list in Alertmanager's receivers")));
        };
        if !key.ends_with("_configs") {
            return Err(place.refuse(format!(
                "`{key}` is no key of Alertmanager's receivers, such as `pagerduty_configs`"
            )));
        }
        if let Some(secret) = list.iter().find_map(|item| secret_in(key, item)) {
            return Err(place.refuse(format!(
                "`{secret}` holds a secret; write it into a file and name that as `{secret}_file`"
            )));
        }
        configs.entry(key.clone()).or_default().extend(list.iter().cloned());
    }
    match configs.is_empty() {
        true => Err(place.refuse("a receiver has `webhook`, `email`, `slack` or `alertmanager`")),
        false => Ok(Receiver { configs }),
    }
}

/// The first key of a configuration that holds a secret in the open.
fn secret_in<'a>(section: &str, value: &'a Value) -> Option<&'a str> {
    const ANYWHERE: [&str; 12] = [
        "api_key",
        "api_secret",
        "auth_password",
        "auth_secret",
        "bearer_token",
        "bot_token",
        "credentials",
        "password",
        "secret",
        "service_key",
        "token",
        "user_key",
    ];
    // Elsewhere these are no secrets.
    const THERE: [(&str, &str); 2] = [("slack_configs", "api_url"), ("pagerduty_configs", "routing_key")];
    let is_secret = |key: &str| ANYWHERE.contains(&key) || THERE.contains(&(section, key));
    match value {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| match value {
            Value::String(_) if is_secret(key) => Some(key.as_str()),
            other => secret_in(section, other),
        }),
        Value::Array(items) => items.iter().find_map(|item| secret_in(section, item)),
        _ => None,
    }
}
