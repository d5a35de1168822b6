// How a container was, along the time axis of the charts above: a band by state and health, and
// what happened as words below it.

import { moment, timeOfDay, wholeMoment } from "../lib/format";
import { now } from "../state/clock";
import { to } from "../state/route";
import type { Tone } from "../parts/words";

export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly word: string;
  readonly tone: Tone;
}

export interface Event {
  readonly at: number;
  /** The container, where several are spoken of. */
  readonly name?: string;
  readonly word: string;
  readonly tone: Tone;
}

interface Props {
  readonly stretches: readonly Stretch[];
  readonly events: readonly Event[];
  readonly from: number;
  readonly to: number;
}

export function Strip({ stretches, events, from, to }: Props) {
  const share = (at: number) => `${(100 * (Math.min(Math.max(at, from), to) - from)) / (to - from)}%`;
  const inView = stretches.filter((one) => one.to > from && one.from < to);
  const words = inView.map((one) => `${one.word} from ${moment(one.from, now.peek())}`).join(", ");
  return (
    <div class="strip-box">
      <div class="strip" role="img" aria-label={`state: ${words || "unknown"}`}>
        {inView.map((one) => (
          <span
            key={`${one.from}${one.word}`}
            class={`stretch ${one.tone}`}
            style={{ left: share(one.from), right: `calc(100% - ${share(one.to)})` }}
            title={`${one.word}: ${wholeMoment(one.from)} – ${wholeMoment(one.to)}`}
          />
        ))}
        {events
          .filter((one) => one.at >= from && one.at <= to)
          .map((one) => (
            <i key={`${one.at}${one.word}`} class={`pin ${one.tone}`} style={{ left: share(one.at) }} title={`${one.word}: ${wholeMoment(one.at)}`} />
          ))}
      </div>
    </div>
  );
}

/** The same that happened to one container again within this time is one line. */
const TOGETHER_MS = 5000;

/** Events with those that say the same told once, with how often. */
export function told(events: readonly Event[]): (Event & { readonly times: number })[] {
  const found: (Event & { readonly times: number })[] = [];
  for (const one of events) {
    const place = found.findLastIndex((known) => known.name === one.name && known.word === one.word);
    const known = found[place];
    if (known && known.at - one.at <= TOGETHER_MS) found[place] = { ...known, times: known.times + 1 };
    else found.push({ ...one, times: 1 });
  }
  return found;
}

/** What happened, the newest first. */
export function Events({ events, most = 12 }: { readonly events: readonly Event[]; readonly most?: number }) {
  if (events.length === 0) return <p class="muted">Nothing happened in this time.</p>;
  return (
    <ol class="events">
      {told(events).slice(0, most).map((one) => (
        <li key={`${one.at}${one.name}${one.word}`}>
          <time dateTime={new Date(one.at).toISOString()} title={wholeMoment(one.at)}>
            {now.value - one.at < 86_400_000 ? timeOfDay(one.at) : moment(one.at, now.value)}
          </time>
          <span class={`dot ${one.tone}`} aria-hidden="true" />
          <span>
            {one.name && <a href={to(["containers", one.name])}>{one.name}</a>} {one.word}
            {one.times > 1 && <span class="muted"> ×{one.times}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
