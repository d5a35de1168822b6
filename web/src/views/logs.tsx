// Log lines as they come: of one container, or of all that a filter names.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/client";
import { followLogs } from "../api/logs";
import { login } from "../api/session";
import type { LogLine } from "../api/types";
import { timeOfDay, wholeMoment } from "../lib/format";
import { Empty, Failure } from "../parts/bits";
import { WhoseFilters, chosenWhose } from "../parts/whose";
import { entries } from "../state/live";
import { to } from "../state/route";

/** Lines that are kept; older ones go. */
const MOST_LINES = 2000;

/** Of more containers than these nobody reads all logs at once; the engine would be asked for each. */
const MANY = 40;

/** New lines are drawn together, once in this time. */
const DRAW_MS = 100;

export function Logs() {
  const { container, user, project, team } = chosenWhose();
  const isNarrow = [container, user, project, team].some((value) => value !== "");
  const count = entries.value.size;
  return (
    <>
      <h1>Logs</h1>
      <WhoseFilters />
      {isNarrow || count <= MANY ? (
        <section class="card">
          <LogPane containers={container} user={user} project={project} team={team} tail={20} tall />
        </section>
      ) : (
        <Empty title="Whose logs?">
          <p>There are {count} containers. Choose a user, project, team or container above.</p>
        </Empty>
      )}
    </>
  );
}

interface Props {
  /** Names with commas between; empty are all. */
  readonly containers: string;
  readonly user?: string;
  readonly project?: string;
  readonly team?: string;
  /** Lines of before, of each container. */
  readonly tail: number;
  readonly tall?: boolean;
}

interface Kept extends LogLine {
  readonly number: number;
}

/** Lines by their time: what containers wrote before comes from one after the other. */
export function inOrder<L extends LogLine>(known: readonly L[], fresh: readonly L[]): L[] {
  const all = [...known, ...fresh];
  const at = (line: L | undefined) => (line?.timestamp ? Date.parse(line.timestamp) : 0);
  const isLate = fresh.some((line, place) => at(line) < at(place > 0 ? fresh[place - 1] : known.at(-1)));
  return isLate ? all.sort((a, b) => at(a) - at(b)) : all;
}

type State = { readonly word: "connecting" } | { readonly word: "live" } | { readonly word: "lost"; readonly why: Problem; readonly final: boolean };

export function LogPane({ containers, user = "", project = "", team = "", tail, tall = false }: Props) {
  const [lines, setLines] = useState<readonly Kept[]>([]);
  const [state, setState] = useState<State>({ word: "connecting" });
  const [missed, setMissed] = useState(0);
  const [trouble, setTrouble] = useState("");
  const [grep, setGrep] = useState("");
  const [paused, setPaused] = useState(false);
  const [wrap, setWrap] = useState(true);
  const pane = useRef<HTMLDivElement>(null);
  const held = useRef(false);
  held.current = paused;

  useEffect(() => {
    let waiting: Kept[] = [];
    let number = 0;
    setLines([]);
    setMissed(0);
    setTrouble("");
    setState({ word: "connecting" });
    const query = Object.fromEntries(Object.entries({ containers, user, project, team, tail: String(tail) }).filter(([, value]) => value !== ""));
    const draw = setInterval(() => {
      if (waiting.length === 0 || held.current) return;
      const fresh = waiting;
      waiting = [];
      setLines((known) => inOrder(known, fresh).slice(-MOST_LINES));
    }, DRAW_MS);
    const stop = followLogs(query, {
      open: () => setState({ word: "live" }),
      lines: (more) => {
        for (const line of more) waiting.push({ ...line, number: (number += 1) });
        if (waiting.length > MOST_LINES) {
          const over = waiting.length - MOST_LINES;
          setMissed((before) => before + over);
          waiting = waiting.slice(over);
        }
      },
      troubled: setTrouble,
      missed: (count) => setMissed((before) => before + count),
      lost: (why, waitMs) => setState({ word: "lost", why, final: waitMs == null }),
    });
    return () => {
      clearInterval(draw);
      stop();
    };
  }, [containers, user, project, team, tail, login.value]);

  useEffect(() => {
    const element = pane.current;
    if (element && !paused) element.scrollTop = element.scrollHeight;
  }, [lines, paused, grep]);

  // Who scrolls up reads; new lines wait until he is at the end again.
  function scrolled(element: HTMLElement): void {
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    if (paused === atEnd) setPaused(!atEnd);
  }

  if (state.word === "lost" && state.final && lines.length === 0) return <Failure problem={state.why} what="log lines" />;
  const wanted = grep === "" ? lines : lines.filter((line) => line.line.toLowerCase().includes(grep.toLowerCase()));
  const several = new Set(lines.map((line) => line.container_id)).size > 1;
  return (
    <div class="logs">
      <div class="filters">
        <label>
          <span class="unseen">find in these lines</span>
          <input type="search" placeholder="find in these lines" value={grep} onInput={(event) => setGrep(event.currentTarget.value)} />
        </label>
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? "Go on" : "Pause"}
        </button>
        <button type="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          Wrap lines
        </button>
        <span class="muted" role="status">
          {state.word === "lost" ? state.why.message : state.word === "connecting" ? "connecting…" : paused ? "paused" : "live"}
          {missed > 0 && `, ${missed} lines left out`}
          {trouble && ` · ${trouble}`}
        </span>
      </div>
      <div
        class={`lines ${wrap ? "wrap" : ""} ${tall ? "tall" : ""}`}
        ref={pane}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label="log lines"
        onScroll={(event) => scrolled(event.currentTarget)}
      >
        {wanted.length === 0 && <p class="muted">{lines.length > 0 ? "No line has these words." : "No lines yet."}</p>}
        {wanted.map((line) => (
          <div key={line.number} class={line.stream}>
            {line.timestamp && <time title={wholeMoment(Date.parse(line.timestamp))}>{timeOfDay(Date.parse(line.timestamp))}</time>}
            {several && (
              <a class="from" href={to(["containers", line.name])}>
                {line.name}
              </a>
            )}
            {line.stream === "stderr" && <span class="unseen">error output:</span>}
            <span>{marked(line.line, grep)}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

/** A line with what was searched for marked. */
function marked(text: string, words: string) {
  if (words === "") return text;
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + words.length)}</mark>
      {text.slice(at + words.length)}
    </>
  );
}
