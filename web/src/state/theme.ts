// Light, dark, or what the system says; remembered on the device.

import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const KEY = "dockmeter.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>("auto");
/** What is shown now; charts are drawn anew when it changes. */
export const shown = signal<"light" | "dark">("light");

export function begin(): void {
  const kept = localStorage.getItem(KEY);
  theme.value = kept === "light" || kept === "dark" ? kept : "auto";
  dark.addEventListener("change", apply);
  theme.subscribe(apply);
}

export function choose(next: Theme): void {
  if (next === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  theme.value = next;
}

function apply(): void {
  const chosen = theme.peek();
  const now = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset["theme"] = now;
  shown.value = now;
}
