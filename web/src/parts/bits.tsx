// Small pieces that several views share.

import type { ComponentChildren } from "preact";
import type { Problem } from "../api/client";
import type { Anomaly, Scope, Whose } from "../api/types";
import { here, param, to } from "../state/route";
import { duration, wholeMoment } from "../lib/format";
import { besideName } from "../lib/unusual";
import { now } from "../state/clock";
import { find, link, refresh, who } from "../state/live";
import { LoginForm } from "./login";
import { unusualTone, type Tone } from "./words";

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <span class={`dot ${tone}`} aria-hidden="true" />
      {children}
    </span>
  );
}

const KINDS = ["user", "project", "team"] as const;

/** Whose something is, as far as it is somebody's; each part leads to what else is theirs. */
export function WhoseLinks({ whose }: { readonly whose: Partial<Whose> }) {
  return (
    <span class="whose">
      {KINDS.filter((kind) => whose[kind]).map((kind) => (
        <a key={kind} href={to(["containers"], { [kind]: whose[kind] ?? null })} title={`all containers of the ${kind} ${whose[kind]}`}>
          <span class="kind">{kind}</span> {whose[kind]}
        </a>
      ))}
    </span>
  );
}

/** What something is about; a container that is here leads to its view. */
export function Name({ scope, host }: { readonly scope: Scope; readonly host?: string | undefined }) {
  const { container, service } = scope;
  const isSomebodys = KINDS.some((kind) => scope[kind]);
  return (
    <span>
      {container && find(container) ? (
        <a class="strong" href={to(["containers", container])}>
          {container}
        </a>
      ) : (
        <span class="strong">{container ?? (service ? `service ${service}` : isSomebodys ? "" : "the host")}</span>
      )}
      {host && <span class="muted"> on {host}</span>}
    </span>
  );
}

/** Leads to what one looks at in Grafana, if there is one. `uid` is the dashboard's. */
export function GrafanaLink({ uid, variables }: { readonly uid: string; readonly variables?: Record<string, string> }) {
  const grafana = who.value?.grafana_url;
  if (!grafana) return null;
  const query = new URLSearchParams(Object.entries(variables ?? {}).map(([name, value]) => [`var-${name}`, value]));
  return (
    <a class="out" href={`${grafana.replace(/\/$/, "")}/d/${uid}?${query}`} target="_blank" rel="noopener">
      Open in Grafana <span aria-hidden="true">↗</span>
    </a>
  );
}

/** How long ago, with the moment itself beneath the pointer. */
export function Since({ at, words = "since" }: { readonly at: number; readonly words?: string }) {
  return (
    <time class="since" dateTime={new Date(at).toISOString()} title={wholeMoment(at)}>
      {words} {duration((now.value - at) / 1000)}
    </time>
  );
}

/** What is unusual of a container, in words; `alone` where nothing beside it says that it is. */
export function Unusuals({ of, alone }: { readonly of: readonly Anomaly[]; readonly alone?: boolean }) {
  return (
    <>
      {of.map((one) => (
        <p key={one.metric} class={`unusual ${unusualTone(one.severity)}`}>
          {alone && <b>unusual: </b>}
          {withCode(besideName(one))} <Since at={Date.parse(one.since)} />
        </p>
      ))}
    </>
  );
}

/** Text with what stands between backticks as code. */
export function withCode(text: string) {
  return text.split("`").map((part, place) => (place % 2 ? <code key={place}>{part}</code> : part));
}

/** A share of what there is, as a bar; from 90 % on it is red. `share` is 0 to 100. */
export function Bar({ share, label }: { readonly share: number | null; readonly label: string }) {
  const part = Math.min(100, Math.max(0, share ?? 0));
  const tone = part >= 90 ? "bad" : part >= 75 ? "warn" : "";
  return (
    <span class={`bar ${tone}`} role="img" aria-label={label}>
      <i style={{ width: `${Math.round(part)}%` }} />
    </span>
  );
}

/** A choice of a few; one is taken. */
export function Choice<T extends string>({
  label,
  options,
  value,
  pick,
}: {
  readonly label: string;
  readonly options: readonly { readonly word: T; readonly name: string }[];
  readonly value: T;
  readonly pick: (word: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(({ word, name }) => (
        <button key={word} type="button" aria-pressed={word === value} onClick={() => pick(word)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** What is shown of a list before somebody asks for all of it. */
export function shown<T>(all: readonly T[], first: number): readonly T[] {
  return param("all") ? all : all.slice(0, first);
}

export function More({ all, first }: { readonly all: number; readonly first: number }) {
  if (param("all") || all <= first) return null;
  return <a href={here({ all: "1" })}>and {all - first} more</a>;
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <div class="empty" role="status">
      <span class="spinner" aria-hidden="true" /> Asking for {what}…
    </div>
  );
}

/** What is shown in place of something that could not be had. */
export function Failure({ problem, what }: { readonly problem: Problem; readonly what: string }) {
  if (problem.wantsLogin) return <LoginForm reason={`To see ${what} you have to log in.`} />;
  if (problem.status === 403)
    return (
      <Empty title="No permission">
        <p>Your login does not show {what}.</p>
        <p class="muted">{problem.message}</p>
      </Empty>
    );
  if (problem.outOfReach)
    return (
      <Empty title="No connection">
        <p>dockmeter does not answer. This page goes on trying.</p>
        <button type="button" onClick={refresh}>
          Try now
        </button>
      </Empty>
    );
  return (
    <Empty title={problem.status === 404 ? "Not there" : "That did not work"}>
      <p class="muted">{problem.message}</p>
    </Empty>
  );
}

/** Says that what is shown is old, while the connection is lost. */
export function LinkBanner() {
  const state = link.value;
  if (state.state !== "lost") return null;
  if (state.why.wantsLogin)
    return (
      <div class="banner" role="alert">
        The login is not worth anything any more. <a href={to(["login"])}>Log in again</a>
      </div>
    );
  const wait = state.retryAt == null ? null : Math.max(0, Math.ceil((state.retryAt - now.value) / 1000));
  return (
    <div class="banner" role="alert">
      Connection lost: what you see is not live. {wait == null ? "" : wait === 0 ? "Trying again…" : `Trying again in ${wait} s.`}{" "}
      <button type="button" onClick={refresh}>
        Try now
      </button>
    </div>
  );
}
