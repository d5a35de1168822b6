// What fires now, what was silenced, and from when on each alert fires. Who has the scope `admin`
// silences alerts and changes thresholds; all others read.

import { useEffect, useMemo, useState } from "preact/hooks";
import { send } from "../api/client";
import { login } from "../api/session";
import type { Alert } from "../api/types";
import { counted, duration, moment, parsed } from "../lib/format";
import { Badge, Choice, Empty, Failure, GrafanaLink, Loading, Since, WhoseLinks, withCode } from "../parts/bits";
import { Dialog } from "../parts/dialog";
import { severity } from "../parts/words";
import { now } from "../state/clock";
import { may } from "../state/live";
import { asProblem, poll, type Poll } from "../state/poll";
import { go, here, param } from "../state/route";
import { Thresholds } from "./thresholds";

interface Answer {
  readonly alerts: Alert[];
}

/** This alert fires always, so that its silence is noticed; it is nobody's trouble. */
const ALWAYS = "Watchdog";

export function Alerts() {
  const tab = param("show") === "thresholds" ? "thresholds" : "now";
  return (
    <>
      <header class="head">
        <h1>Alerts</h1>
        <Choice
          label="what is shown"
          options={[
            { word: "now", name: "firing now" },
            { word: "thresholds", name: "thresholds" },
          ]}
          value={tab}
          pick={(word) => go(here({ show: word === "now" ? null : word }))}
        />
        <GrafanaLink uid="dockmeter-alerts" />
      </header>
      {tab === "now" ? <Firing /> : <Thresholds />}
    </>
  );
}

function Firing() {
  const asked: Poll<Answer> = useMemo(() => poll<Answer>(() => "/api/alerts", 5000), [login.value]);
  useEffect(() => {
    asked.now();
    return asked.stop;
  }, [asked]);
  const [silencing, setSilencing] = useState<Alert | null>(null);
  const { value, problem } = asked.answer.value;
  if (problem && (!value || !problem.outOfReach)) {
    if (problem.kind === "not-configured")
      return (
        <Empty title="No Alertmanager is named">
          <p>
            Alerts are evaluated by Prometheus and told by Alertmanager. Start dockmeter with <code>--alertmanager.url</code>, and they appear here. What is in trouble is on the overview without
            them, too.
          </p>
        </Empty>
      );
    return <Failure problem={problem} what="alerts" />;
  }
  if (!value) return <Loading what="alerts" />;
  const alerts = value.alerts.filter((alert) => alert.name !== ALWAYS);
  const active = alerts.filter((alert) => alert.state !== "suppressed");
  const held = alerts.filter((alert) => alert.state === "suppressed");
  return (
    <>
      {active.length === 0 ? (
        <section class="card calm">
          <span class="dot good" aria-hidden="true" />
          <h2>No alert fires</h2>
          {held.length > 0 && <p class="muted">{counted(held.length, "alert")} silenced or waiting, below</p>}
        </section>
      ) : (
        <AlertList title={`${counted(active.length, "alert")} firing`} alerts={active} silence={setSilencing} />
      )}
      {held.length > 0 && <AlertList title="Held back" alerts={held} changed={() => asked.now()} />}
      {silencing && (
        <Silencing
          alert={silencing}
          close={(done) => {
            setSilencing(null);
            if (done) asked.now();
          }}
        />
      )}
    </>
  );
}

interface ListProps {
  readonly title: string;
  readonly alerts: readonly Alert[];
  readonly silence?: (alert: Alert) => void;
  readonly changed?: () => void;
}

function AlertList({ title, alerts, silence, changed }: ListProps) {
  return (
    <section class="card trouble">
      <h2>{title}</h2>
      <ul>
        {alerts.map((alert) => (
          <li key={alert.fingerprint}>
            <Badge tone={severity(alert.severity)}>{alert.severity ?? "alert"}</Badge>
            <div class="what">
              <p class="line">
                <span class="strong">{alert.name}</span>
                {alert.user && alert.project && alert.team && <WhoseLinks whose={{ user: alert.user, project: alert.project, team: alert.team }} />}
                <Since at={parsed(alert.since)} />
              </p>
              <p>{withCode(alert.summary ?? alert.description ?? "")}</p>
              {alert.value && (
                <p class="muted">
                  now {alert.value}
                  {alert.threshold && `, fires at ${alert.threshold}`}
                </p>
              )}
              {alert.actions.length > 0 && (
                <ul class="actions">
                  {alert.actions.map((action) => (
                    <li key={action}>{withCode(action)}</li>
                  ))}
                </ul>
              )}
              <SilencesOf alert={alert} changed={changed} />
              <Links alert={alert} />
            </div>
            {silence && may("admin") && (
              <button type="button" onClick={() => silence(alert)}>
                Silence
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Links({ alert }: { readonly alert: Alert }) {
  const links = Object.entries(alert.links).filter(([, address]) => /^https?:/.test(address));
  if (links.length === 0) return null;
  return (
    <p class="links">
      {links.map(([name, address]) => (
        <a key={name} href={address} target="_blank" rel="noopener">
          {name} ↗
        </a>
      ))}
    </p>
  );
}

function SilencesOf({ alert, changed }: { readonly alert: Alert; readonly changed?: (() => void) | undefined }) {
  const [wrong, setWrong] = useState("");
  async function end(id: string): Promise<void> {
    try {
      await send("DELETE", `/api/alerts/silences/${encodeURIComponent(id)}`);
      changed?.();
    } catch (error) {
      setWrong(asProblem(error).message);
    }
  }
  return (
    <>
      {(alert.silences ?? []).map((silence) => (
        <p class="muted" key={silence.id}>
          Silenced{silence.created_by ? ` by ${silence.created_by}` : ""} until {moment(parsed(silence.ends_at), now.value)}
          {silence.comment ? `: ${silence.comment}` : ""}{" "}
          {changed && may("admin") && (
            <button type="button" class="link" onClick={() => void end(silence.id)}>
              End this silence
            </button>
          )}
        </p>
      ))}
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </>
  );
}

const LENGTHS = [3600, 4 * 3600, 86_400, 7 * 86_400];

function Silencing({ alert, close }: { readonly alert: Alert; readonly close: (done: boolean) => void }) {
  const [wrong, setWrong] = useState("");
  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await send("POST", "/api/alerts/silences", {
        fingerprint: alert.fingerprint,
        duration_seconds: Number(fields.get("duration")),
        comment: String(fields.get("comment") ?? ""),
      });
      close(true);
    } catch (error) {
      setWrong(asProblem(error).message);
    }
  }
  return (
    <Dialog title={`Silence ${alert.name}`} close={() => close(false)}>
      <form onSubmit={(event) => void submit(event)}>
        <p>{withCode(alert.summary ?? "")}</p>
        <p class="muted">Nobody is told of this alert, with exactly these labels, until the silence ends.</p>
        <label>
          For
          <select name="duration">
            {LENGTHS.map((seconds) => (
              <option key={seconds} value={seconds}>
                {duration(seconds)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Why
          <input name="comment" required maxLength={500} placeholder="what is being done about it" />
        </label>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <button class="primary" type="submit">
          Silence
        </button>
      </form>
    </Dialog>
  );
}
