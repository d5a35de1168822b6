//! What the section `alerting` comes to, and the words of its refusals.

use super::super::Config;
use super::super::tests::{file, refused};
use super::*;

const HOOK: &str = "alerting:\n  receivers:\n    ops: {webhook: {url: 'http://hook/'}}\n  teams:\n    platform: {receiver: ops}\n";

fn with(more: &str) -> Config {
    file(&format!("{HOOK}{more}"))
}

#[test]
fn nobody_is_told_by_default() {
    let alerting = file("").alerting;
    assert_eq!((alerting.platform_team.as_str(), alerting.platform_receiver()), ("platform", None));
    assert_eq!(alerting.notify_from, Severity::Warning);
}

#[test]
fn short_forms_become_alertmanager_s_own() {
    let config = file(
        "alerting:\n  smtp_smarthost: mail:25\n  smtp_from: a@b\n  receivers:\n    ops:\n      webhook: {url_file: /run/url, token_file: /run/token}\n      \
         email: {to: ops@example.com}\n      slack: {url_file: /run/slack, channel: '#ops'}\n      \
         alertmanager: {pagerduty_configs: [{routing_key_file: /run/key}]}\n  teams: {platform: {receiver: ops}}\n",
    );
    let configs = &config.alerting.receivers["ops"].configs;
    let shown = serde_json::to_string(configs).unwrap();
    assert_eq!(
        shown,
        r##"{"email_configs":[{"to":"ops@example.com"}],"pagerduty_configs":[{"routing_key_file":"/run/key"}],"slack_configs":[{"api_url_file":"/run/slack","channel":"#ops"}],"webhook_configs":[{"http_config":{"authorization":{"credentials_file":"/run/token","type":"Bearer"}},"url_file":"/run/url"}]}"##
    );
}

#[test]
fn a_night_is_an_evening_and_the_next_morning() {
    let config = with(
        "    core:\n      receiver: ops\n      quiet_hours: {timezone: Europe/Berlin, times: [{from: '22:00', to: '07:00', days: ['friday:saturday']}, {days: [sunday]}]}\n",
    );
    let hours = config.alerting.teams["core"].quiet_hours.clone().unwrap();
    let times: Vec<_> = hours.times.iter().map(|time| (time.from, time.to, time.days.clone())).collect();
    assert_eq!(
        times,
        [
            (1320, 1440, vec!["friday", "saturday"]),
            (0, 420, vec!["saturday", "sunday"]),
            (0, 1440, vec!["sunday"])
        ]
    );
    assert!(!hours.critical);
}

#[test]
fn what_cannot_work_is_refused_where_it_stands() {
    for (text, message) in [
        (
            "alerting:\n  receivers:\n    ops: {webhook: {url: 'http://hook/'}}\n",
            "dockmeter.yml:3:5: the platform team `platform` has no receiver, so what is of no team would reach nobody; give it one under `alerting.teams.platform.receiver`",
        ),
        (
            "alerting: {teams: {core: {receiver: ops}}}",
            "dockmeter.yml:1:37: there is no receiver `ops`; describe it under `alerting.receivers`",
        ),
        (
            "alerting: {receivers: {ops: {}}}",
            "dockmeter.yml:1:29: a receiver has `webhook`, `email`, `slack` or `alertmanager`",
        ),
        (
            "alerting: {receivers: {ops: {alertmanager: {pagerduty_configs: [{routing_key: s3cret}]}}}}",
            "dockmeter.yml:1:64: `routing_key` holds a secret; write it into a file and name that as `routing_key_file`",
        ),
        (
            "alerting: {receivers: {ops: {email: {to: a@b}}}}",
            "dockmeter.yml:1:42: mail needs a server and a sender; give `alerting.smtp_smarthost` and `alerting.smtp_from`",
        ),
        (
            "alerting: {receivers: {ops: {webhook: {url: 'http://u:p@h/'}}}}",
            "dockmeter.yml:1:45: `http://u:p@h/` is not an address such as `http://HOST:PORT`, without a login in it",
        ),
        (
            "alerting: {alerts: {X: {severity: page}}}",
            "dockmeter.yml:1:35: `page` is not `info`, `warning` or `critical`",
        ),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
}
