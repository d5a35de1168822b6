// From when on each alert fires, and for an admin the form to change it.

import { useEffect, useMemo, useState } from "preact/hooks";
import { send } from "../api/client";
import { login } from "../api/session";
import { duration, moment, parsed } from "../lib/format";
import { Badge, Failure, Loading } from "../parts/bits";
import { Dialog } from "../parts/dialog";
import type { Tone } from "../parts/words";
import { now } from "../state/clock";
import { may } from "../state/live";
import { asProblem, poll } from "../state/poll";

interface Rule {
  readonly name: string;
  readonly title: string | null;
  readonly severity: string;
  readonly unit: string | null;
  readonly fire: number | null;
  readonly clear: number | null;
  readonly for_seconds: number | null;
  readonly enabled: boolean;
  readonly audience: string;
  readonly source: "default" | "configuration" | "changed";
  readonly changed_by: string | null;
  readonly changed_at: string | null;
}

interface Answer {
  readonly rules: Rule[];
}

interface Changed {
  readonly prometheus: string;
  readonly grafana: string;
}

const SEVERITY: Record<string, Tone> = { critical: "bad", warning: "warn", info: "idle" };

export function Thresholds() {
  const asked = useMemo(() => poll<Answer>(() => "/api/alerts/rules", 30_000), [login.value]);
  useEffect(() => () => asked.stop(), [asked]);
  const [editing, setEditing] = useState<Rule | null>(null);
  const [told, setTold] = useState<Changed | null>(null);
  const [search, setSearch] = useState("");
  const { value, problem } = asked.answer.value;
  if (!value) return problem ? <Failure problem={problem} what="thresholds" /> : <Loading what="thresholds" />;
  const shown = value.rules.filter((rule) => `${rule.name} ${rule.title ?? ""}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div class="filters" role="search">
        <label>
          <span class="unseen">search alerts</span>
          <input type="search" placeholder="search alerts" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        {!may("admin") && <p class="muted">Who has a login with the scope admin changes thresholds here.</p>}
      </div>
      {told && (
        <p class="card" role="status">
          Kept. Prometheus: {told.prometheus}. Grafana: {told.grafana}.
        </p>
      )}
      <div class="scroll card" tabIndex={0} role="region" aria-label="table of alert rules">
        <table>
          <thead>
            <tr>
              <th scope="col">alert</th>
              <th scope="col">severity</th>
              <th scope="col" class="num">fires at</th>
              <th scope="col" class="num">ends at</th>
              <th scope="col" class="num">for</th>
              <th scope="col">from</th>
              {may("admin") && <th scope="col"><span class="unseen">change</span></th>}
            </tr>
          </thead>
          <tbody>
            {shown.map((rule) => (
              <tr key={rule.name} class={rule.enabled ? undefined : "off"}>
                <th scope="row">
                  {rule.name}
                  <span class="image">{rule.title}</span>
                </th>
                <td>{rule.enabled ? <Badge tone={SEVERITY[rule.severity] ?? "idle"}>{rule.severity}</Badge> : "off"}</td>
                <td class="num">{level(rule.fire, rule.unit)}</td>
                <td class="num">{level(rule.clear, rule.unit)}</td>
                <td class="num">{rule.for_seconds ? duration(rule.for_seconds) : "–"}</td>
                <td>
                  {rule.source === "changed" ? `${rule.changed_by ?? "somebody"}, ${rule.changed_at ? moment(parsed(rule.changed_at), now.value) : ""}` : rule.source}
                </td>
                {may("admin") && (
                  <td>
                    <button type="button" onClick={() => setEditing(rule)} aria-label={`change ${rule.name}`}>
                      Change
                    </button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {editing && (
        <Editor
          rule={editing}
          close={(changed) => {
            setEditing(null);
            if (changed) {
              setTold(changed);
              asked.now();
            }
          }}
        />
      )}
    </>
  );
}

function level(value: number | null, unit: string | null): string {
  if (value == null) return "–";
  if (unit === "percent" || unit === "ratio") return `${Number((value * 100).toPrecision(6))} %`;
  return `${value}${unit ? ` ${unit}` : ""}`;
}

function Editor({ rule, close }: { readonly rule: Rule; readonly close: (changed: Changed | null) => void }) {
  const [wrong, setWrong] = useState("");
  const path = `/api/alerts/rules/${encodeURIComponent(rule.name)}`;
  async function change(method: "PUT" | "DELETE", body?: unknown): Promise<void> {
    try {
      close(await send<Changed>(method, path, body));
    } catch (error) {
      setWrong(asProblem(error).message);
    }
  }
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const number = (name: string) => (fields.get(name) ? Number(fields.get(name)) : undefined);
    void change("PUT", { fire: number("fire"), clear: number("clear"), for_seconds: number("for"), severity: fields.get("severity"), enabled: fields.has("enabled") });
  }
  return (
    <Dialog title={`Change ${rule.name}`} close={() => close(null)}>
      <form onSubmit={submit}>
        <p class="muted">{rule.title}</p>
        {rule.fire != null && (
          <label>
            Fires at{rule.unit ? ` (${rule.unit})` : ""}
            <input name="fire" type="number" step="any" defaultValue={String(rule.fire)} required />
          </label>
        )}
        {rule.clear != null && (
          <label>
            Ends at
            <input name="clear" type="number" step="any" defaultValue={String(rule.clear)} />
          </label>
        )}
        {rule.for_seconds != null && (
          <label>
            After so many seconds
            <input name="for" type="number" min="0" defaultValue={String(rule.for_seconds)} />
          </label>
        )}
        <label>
          Severity
          <select name="severity" defaultValue={rule.severity}>
            {["critical", "warning", "info"].map((word) => (
              <option key={word}>{word}</option>
            ))}
          </select>
        </label>
        <label class="check">
          <input name="enabled" type="checkbox" defaultChecked={rule.enabled} /> It may fire
        </label>
        {wrong && (
          <p class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <div class="row">
          <button class="primary" type="submit">
            Keep
          </button>
          {rule.source === "changed" && (
            <button type="button" onClick={() => void change("DELETE")}>
              Back to what it was
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
