// What a view says, without a browser: its components are called, and their words put together.
// Components with hooks of Preact are none of its business.

import { isValidElement, type ComponentChildren, type VNode } from "preact";

export function text(of: ComponentChildren): string {
  return pieces(of).join("").replace(/\s+/g, " ").trim();
}

/** Elements of one kind, in their order. */
export function all(of: ComponentChildren, tag: string): VNode<Record<string, unknown>>[] {
  return elements(of).filter((one) => one.type === tag);
}

const BLOCKS = new Set(["section", "h2", "p", "li", "dt", "dd", "tr", "th", "td", "summary", "pre", "button"]);

function pieces(of: ComponentChildren): string[] {
  if (Array.isArray(of)) return of.flatMap(pieces);
  if (!isValidElement(of)) return of == null || typeof of === "boolean" ? [] : [String(of)];
  const within = pieces(children(of as VNode<Record<string, unknown>>));
  return BLOCKS.has(String(of.type)) ? [" ", ...within, " "] : within;
}

function elements(of: ComponentChildren): VNode<Record<string, unknown>>[] {
  if (Array.isArray(of)) return of.flatMap(elements);
  if (!isValidElement(of)) return [];
  const one = of as VNode<Record<string, unknown>>;
  return [one, ...elements(children(one))];
}

function children({ type, props }: VNode<Record<string, unknown>>): ComponentChildren {
  return typeof type === "function" ? (type as (props: unknown) => ComponentChildren)(props) : (props["children"] as ComponentChildren);
}
