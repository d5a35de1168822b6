// Whose things are shown: a user, project, team or container, kept in the address.

import type { Row } from "../api/types";
import { entries } from "../state/live";
import { go, here, param } from "../state/route";

const FILTERS = ["user", "project", "team", "container"] as const;

type Filter = (typeof FILTERS)[number];

/** What is chosen, by its kind; what is not is empty. */
export function chosenWhose(): Record<Filter, string> {
  return Object.fromEntries(FILTERS.map((kind) => [kind, param(kind) ?? ""])) as Record<Filter, string>;
}

export function WhoseFilters() {
  const rows = [...entries.value.values()].map((entry) => entry.row.peek());
  return (
    <div class="filters">
      {FILTERS.map((kind) => (
        <label key={kind}>
          <span class="unseen">{kind}</span>
          <select value={param(kind) ?? ""} onChange={(event) => go(here({ [kind]: event.currentTarget.value || null }), true)}>
            <option value="">every {kind}</option>
            {values(rows, kind).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  );
}

/** All that there is, and what is chosen though it is not there. */
function values(rows: readonly Row[], kind: Filter): string[] {
  const found = new Set(rows.map((row) => (kind === "container" ? row.name : row[kind])));
  const chosen = param(kind);
  if (chosen) found.add(chosen);
  return [...found].sort((a, b) => a.localeCompare(b));
}
