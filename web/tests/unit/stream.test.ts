import { expect, test } from "vitest";
import { Parser, type StreamEvent } from "../../src/api/stream";

function parsed(...pieces: string[]): StreamEvent[] {
  const found: StreamEvent[] = [];
  const parser = new Parser((event) => found.push(event));
  for (const piece of pieces) parser.take(piece);
  return found;
}

const TEXT = 'retry: 2000\n\nid: 7\nevent: metrics\ndata: {"a":1}\n\n: still here\n\nid: 8\nevent: container\ndata: one\ndata: two\n\n';

test("events come whole, however the text is cut", () => {
  const expected = [
    { id: "7", event: "metrics", data: '{"a":1}' },
    { id: "8", event: "container", data: "one\ntwo" },
  ];
  expect(parsed(TEXT)).toEqual(expected);
  expect(parsed(TEXT.replaceAll("\n", "\r\n"))).toEqual(expected);
  for (let cut = 1; cut < TEXT.length; cut += 1) expect(parsed(TEXT.slice(0, cut), TEXT.slice(cut))).toEqual(expected);
});

test("an event that was not ended does not count", () => {
  expect(parsed("id: 1\nevent: metrics\ndata: {}\n")).toEqual([]);
});
