// Which time is looked at, and with what it is compared. Both stand in the address.

import { COMPARE, LENGTHS, parseSpan, spanWord, type Compare, type Span } from "../lib/range";
import { moment } from "../lib/format";
import { now } from "../state/clock";
import { go, here, param } from "../state/route";
import { Choice } from "./bits";

export function chosenSpan(): Span {
  return parseSpan(param("range"));
}

export function chosenCompare(): Compare {
  return COMPARE.find((one) => one.word === param("compare"))?.word ?? "none";
}

export function setSpan(span: Span): void {
  go(here({ range: spanWord(span) }));
}

/** Longer or shorter by one choice. */
export function nextSpan(step: 1 | -1): void {
  const place = LENGTHS.findIndex((one) => one.seconds === chosenSpan().last);
  const next = LENGTHS[place + step];
  if (place >= 0 && next) setSpan({ last: next.seconds });
}

interface Props {
  /** The longest that makes sense here, in seconds. */
  readonly longest?: number;
  readonly compares?: boolean;
}

export function SpanPicker({ longest = Infinity, compares = false }: Props) {
  const span = chosenSpan();
  const options = LENGTHS.filter((one) => one.seconds <= longest).map((one) => ({ word: one.word, name: one.word }));
  return (
    <div class="spans">
      {span.last == null && (
        <button type="button" class="fixed-span" onClick={() => setSpan({ last: 900 })} title="back to a time that follows the clock">
          {moment(span.from ?? 0, now.value)} – {moment(span.to ?? 0, now.value)} ✕
        </button>
      )}
      <Choice
        label="time range"
        options={options}
        value={LENGTHS.find((one) => one.seconds === span.last)?.word ?? ""}
        pick={(word) => setSpan(parseSpan(word))}
      />
      {compares && (
        <label class="compare">
          compare with{" "}
          <select value={chosenCompare()} onChange={(event) => go(here({ compare: event.currentTarget.value === "none" ? null : event.currentTarget.value }))}>
            {COMPARE.map((one) => (
              <option key={one.word} value={one.word}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}
