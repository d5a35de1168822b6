// Lines, a command or a query that somebody takes along.

import { signal } from "@preact/signals";

/** What was copied last. */
const copied = signal<string | null>(null);

export function Snippet({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <div class="snippet">
      <pre>{text}</pre>
      <button type="button" onClick={(event) => void copy(text, event.currentTarget)}>
        <span aria-live="polite">{copied.value === text ? "Copied" : "Copy"}</span> <span class="unseen">{what}</span>
      </button>
    </div>
  );
}

/** Without TLS a browser gives no clipboard; then the text is selected and copied as by hand. */
async function copy(text: string, button: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const shown = button.parentElement?.querySelector("pre");
    if (!shown) return;
    getSelection()?.selectAllChildren(shown);
    if (!document.execCommand("copy")) return;
  }
  copied.value = text;
}
