// From when on each alert fires, and for an admin the form to change it.

import { useEffect, useMemo, useState } from "preact/hooks";
import { send } from "../api/client";
import { login } from "../api/session";
import { bytes, duration, moment, parsed, rate } from "../lib/format";
import { Badge, Failure, Loading } from "../parts/bits";
import { Dialog } from "../parts/dialog";
import { severity } from "../parts/words";
import { now } from "../state/clock";
import { may } from "../state/live";
import { asProblem, poll } from "../state/poll";

/** Levels at which an alert fires and clears, in base units. */
interface Rule {
  readonly name: string;
  readonly group_title: string;
  readonly summary: string;
  readonly unit: string;
  readonly fires: "above" | "below";
  readonly fire: number;
  readonly clear: number | null;
  readonly for_seconds: number;
  readonly severity: string;
  readonly enabled: boolean;
  readonly source: "default" | "configuration" | "changed";
  readonly changed_by: string | null;
  readonly changed_at: string | null;
}

interface Answer {
  /** Whether there is a file for changes. */
  readonly changeable: boolean;
  readonly rules: Rule[];
}

interface Changed {
  readonly prometheus: string;
  readonly grafana: string;
}

/** Units of the form's numbers, where their word does not say it. */
const UNITS: Record<string, string> = { ratio: "0 to 1", per_second: "a second", bytes_per_second: "bytes a second", count: "how many", state: "0 or 1" };

export function Thresholds() {
  const asked = useMemo(() => poll<Answer>(() => "/api/alerts/rules", 30_000), [login.value]);
  useEffect(() => {
    asked.now();
    return asked.stop;
  }, [asked]);
  const [editing, setEditing] = useState<Rule | null>(null);
  const [told, setTold] = useState<Changed | null>(null);
  const [search, setSearch] = useState("");
  const { value, problem } = asked.answer.value;
  if (!value) return problem ? <Failure problem={problem} what="thresholds" /> : <Loading what="thresholds" />;
  const changes = may("admin") && value.changeable;
  const shown = value.rules.filter((rule) => `${rule.name} ${rule.summary} ${rule.group_title}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div class="filters" role="search">
        <label>
          <span class="unseen">search alerts</span>
          <input type="search" placeholder="search alerts" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <p class="muted">{changes ? "" : may("admin") ? "To change thresholds here, start dockmeter with --alerting.changes-file." : "Who has a login with the scope admin changes thresholds here."}</p>
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
              {changes && (
                <th scope="col">
                  <span class="unseen">change</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {shown.map((rule) => (
              <tr key={rule.name} class={rule.enabled ? undefined : "off"}>
                <th scope="row">
                  <span>{rule.name}</span>
                  <span class="image">{rule.group_title}</span>
                </th>
                <td>{rule.enabled ? <Badge tone={severity(rule.severity)}>{rule.severity}</Badge> : "off"}</td>
                <td class="num">{level(rule.fire, rule)}</td>
                <td class="num">{level(rule.clear ?? rule.fire, rule)}</td>
                <td class="num">{duration(rule.for_seconds)}</td>
                <td>
                  {rule.source === "changed" ? `${rule.changed_by ?? "somebody"}, ${rule.changed_at ? moment(parsed(rule.changed_at), now.value) : ""}` : rule.source}
                </td>
                {changes && (
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

/** A threshold for people; what is a state or no number fires or does not. */
function level(value: number, { unit, fires }: Rule): string {
  const side = fires === "below" ? "< " : "";
  switch (unit) {
    case "ratio":
      return `${side}${Number((value * 100).toPrecision(6))} %`;
    case "bytes":
      return side + bytes(value);
    case "bytes_per_second":
      return side + rate(value);
    case "seconds":
      return side + (value < 1 ? `${Number((value * 1000).toPrecision(6))} ms` : value < 60 ? `${value} s` : duration(value));
    case "cores":
    case "days":
      return `${side}${value} ${unit}`;
    case "per_second":
      return `${side}${value}/s`;
    case "state":
      return "–";
    default:
      return side + String(value);
  }
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
        <p class="muted">{rule.summary}</p>
        <label>
          Fires {rule.fires} ({UNITS[rule.unit] ?? rule.unit})
          <input name="fire" type="number" step="any" defaultValue={String(rule.fire)} required />
        </label>
        {rule.clear != null && (
          <label>
            Ends at
            <input name="clear" type="number" step="any" defaultValue={String(rule.clear)} />
          </label>
        )}
        <label>
          After so many seconds
          <input name="for" type="number" min="0" defaultValue={String(rule.for_seconds)} />
        </label>
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
