// The time, once a second while the page is seen, for everything that says how long ago.

import { signal } from "@preact/signals";

export const now = signal(Date.now());

/** Whether somebody can see the page. */
export const seen = signal(!document.hidden);

export function begin(): void {
  setInterval(() => {
    if (seen.value) now.value = Date.now();
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    seen.value = !document.hidden;
    now.value = Date.now();
  });
}
