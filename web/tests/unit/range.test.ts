import { expect, test } from "vitest";
import { ends, LENGTHS, parseSpan, spanWord } from "../../src/lib/range";

test("every length comes back from the address", () => {
  for (const { word, seconds } of LENGTHS) {
    expect(parseSpan(word)).toEqual({ last: seconds });
    expect(parseSpan(spanWord({ last: seconds }))).toEqual({ last: seconds });
  }
});

test("both ends come back from the address, to the second", () => {
  const span = { from: 1_800_000_000_000, to: 1_800_003_600_000 };
  expect(parseSpan(spanWord(span))).toEqual(span);
});

test("what makes no sense is the usual span", () => {
  for (const text of [null, "", "7y", "1800000000-1700000000", "<b>"]) expect(parseSpan(text)).toEqual({ last: 900 });
});

test("a span that follows the clock ends now", () => {
  expect(ends({ last: 60 }, 100_000)).toEqual({ from: 40_000, to: 100_000 });
  expect(ends({ from: 1, to: 2 }, 100_000)).toEqual({ from: 1, to: 2 });
});
