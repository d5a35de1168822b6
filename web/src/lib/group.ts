// Containers added up by whose they are.

import type { Row } from "../api/types";

export type By = "user" | "project" | "team";

export const BY: readonly By[] = ["user", "project", "team"];

export interface Sum {
  readonly name: string;
  containers: number;
  running: number;
  cores: number;
  memory: number;
  receive: number;
  transmit: number;
  disk: number;
}

/** What each user, project or team uses, the most CPU first. */
export function sums(rows: Iterable<Row>, by: By): Sum[] {
  const found = new Map<string, Sum>();
  for (const row of rows) {
    const name = row[by];
    let sum = found.get(name);
    if (!sum) {
      sum = { name, containers: 0, running: 0, cores: 0, memory: 0, receive: 0, transmit: 0, disk: 0 };
      found.set(name, sum);
    }
    add(sum, row);
  }
  return [...found.values()].sort((a, b) => b.cores - a.cores || b.memory - a.memory || a.name.localeCompare(b.name));
}

/** What all of them use. */
export function total(rows: Iterable<Row>): Sum {
  const sum: Sum = { name: "all", containers: 0, running: 0, cores: 0, memory: 0, receive: 0, transmit: 0, disk: 0 };
  for (const row of rows) add(sum, row);
  return sum;
}

function add(sum: Sum, row: Row): void {
  sum.containers += 1;
  if (row.status !== "running") return;
  sum.running += 1;
  sum.cores += row.cpu.usage_cores ?? 0;
  sum.memory += row.memory.working_set_bytes ?? row.memory.usage_bytes ?? 0;
  sum.receive += row.network?.receive_bytes_per_second ?? 0;
  sum.transmit += row.network?.transmit_bytes_per_second ?? 0;
  sum.disk += (row.disk.read_bytes_per_second ?? 0) + (row.disk.write_bytes_per_second ?? 0);
}
