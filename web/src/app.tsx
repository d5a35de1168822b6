// The frame: where one is, how everything is, and the keys.

import { useEffect, useState } from "preact/hooks";
import { LinkBanner } from "./parts/bits";
import { Dialog } from "./parts/dialog";
import { LoginForm, Session } from "./parts/login";
import { nextSpan } from "./parts/span";
import { TONES } from "./parts/words";
import { counted, timeOfDay, zone } from "./lib/format";
import { login } from "./api/session";
import { healthAnswer, link, measuredAt, who } from "./state/live";
import { go, param, route, searchWanted, to } from "./state/route";
import { choose, shown, theme, type Theme } from "./state/theme";
import { Alerts } from "./views/alerts";
import { ContainerView } from "./views/container";
import { Containers } from "./views/containers";
import { Findings } from "./views/findings";
import { HostView } from "./views/host";
import { Logs } from "./views/logs";
import { Overview } from "./views/overview";

const PLACES = [
  { path: "", name: "Overview", key: "o" },
  { path: "findings", name: "Findings", key: "f" },
  { path: "containers", name: "Containers", key: "c" },
  { path: "host", name: "Host", key: "h" },
  { path: "alerts", name: "Alerts", key: "a" },
  { path: "logs", name: "Logs", key: "l" },
] as const;

export function App() {
  const [help, setHelp] = useState(false);
  useKeys(() => setHelp(true));
  const [place = ""] = route.value.path;
  useEffect(() => {
    const name = route.value.path[1] ?? PLACES.find((one) => one.path === place)?.name ?? "";
    document.title = name ? `${name} · dockmeter` : "dockmeter";
    window.scrollTo(0, 0);
  }, [route.value.path.join("/")]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}>
        Skip to content
      </a>
      <header class="top">
        <a class="mark" href={to([])} aria-label="dockmeter, overview">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M6 20h4l3-9 5 13 3-8h5" />
          </svg>
          dockmeter
        </a>
        <nav aria-label="views">
          {PLACES.map((one) => (
            <a key={one.path} href={to(one.path ? [one.path] : [])} aria-current={one.path === place ? "page" : undefined}>
              {one.name}
            </a>
          ))}
        </nav>
        <StatusLine />
        <div class="tools">
          <ThemeButton />
          <button type="button" class="quiet" aria-label="keys and help" onClick={() => setHelp(true)}>
            ?
          </button>
          {login.value ? <Session who={who.value} /> : <a href={to(["login"])}>Log in</a>}
        </div>
      </header>
      <LinkBanner />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <footer>
        <span>
          {who.value?.host && `${who.value.host} · `}dockmeter {who.value?.version ?? ""} · times in {zone()}
        </span>
        <span>
          <a href="/metrics">metrics</a> <a href="/api/openapi.json">API</a>
        </span>
      </footer>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

function View() {
  const [place = "", name] = route.value.path;
  switch (place) {
    case "":
      return <Overview />;
    case "containers":
      return name ? <ContainerView key={name} name={name} /> : <Containers />;
    case "findings":
      return <Findings />;
    case "host":
      return <HostView />;
    case "alerts":
      return <Alerts />;
    case "logs":
      return <Logs />;
    case "login":
      return (
        <>
          <h1 class="unseen">Login</h1>
          <LoginForm reason="A login shows what may hold secrets: log lines and processes; one with the scope admin silences alerts." done={() => go(to([]))} />
        </>
      );
    default:
      return (
        <div class="empty">
          <h1>There is no such page</h1>
          <a href={to([])}>To the overview</a>
        </div>
      );
  }
}

/** How everything is, in a few words, in every view. */
function StatusLine() {
  const { value } = healthAnswer.value;
  const state = link.value.state;
  const live = state === "live" ? (measuredAt.value ? `live, ${timeOfDay(measuredAt.value)}` : "live") : state === "lost" ? "not live" : "connecting…";
  return (
    <p class="status">
      {value && (
        <a href={to([])}>
          <span class={`dot ${TONES[value.status] ?? "idle"}`} aria-hidden="true" /> {value.status}
          {value.warning_count > 0 && `, ${counted(value.warning_count, "reason")}`}
        </a>
      )}
      <span class={`live ${state}`}>{live}</span>
    </p>
  );
}

const THEMES: readonly Theme[] = ["auto", "light", "dark"];

function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
  return (
    <button type="button" class="quiet" onClick={() => choose(next)} title={`theme: ${theme.value}; next: ${next}`} aria-label={`theme: ${theme.value}, change to ${next}`}>
      {theme.value === "auto" ? "◐" : shown.value === "dark" ? "●" : "○"}
    </button>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["g then o, f, c, h, a, l", "overview, findings, containers, host, alerts, logs"],
  ["/", "search containers"],
  ["[ and ]", "a shorter or longer time"],
  ["t", "theme"],
  ["?", "this help"],
  ["Esc", "close"],
];

function Help({ close }: { readonly close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">Percentages are of a container's own limit, and of the host where it has none.</p>
    </Dialog>
  );
}

/** After `g`, the next key within this time names a place. */
const CHORD_MS = 1200;

function useKeys(help: () => void): void {
  useEffect(() => {
    let chord = -Infinity;
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, dialog")) return;
      if (performance.now() - chord < CHORD_MS) {
        chord = -Infinity;
        const place = PLACES.find((one) => one.key === event.key);
        if (place) go(to(place.path ? [place.path] : []));
        return;
      }
      if (event.key === "g") chord = performance.now();
      else if (event.key === "?") help();
      else if (event.key === "t") choose(THEMES[(THEMES.indexOf(theme.peek()) + 1) % THEMES.length] ?? "auto");
      else if (event.key === "[") nextSpan(-1);
      else if (event.key === "]") nextSpan(1);
      else if (event.key === "/") {
        event.preventDefault();
        if (route.peek().path.join() !== "containers") go(to(["containers"], { q: param("q") }));
        searchWanted.value = true;
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}
