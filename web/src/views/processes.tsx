// The processes of a container, which may hold secrets in their command lines.

import { useEffect, useState } from "preact/hooks";
import { get, type Problem } from "../api/client";
import { login } from "../api/session";
import type { Process } from "../api/types";
import { bytes, duration } from "../lib/format";
import { Failure } from "../parts/bits";
import { may } from "../state/live";
import { asProblem } from "../state/poll";

interface Answer {
  readonly total: number;
  readonly processes: Process[];
}

const MOST = 20;
const PACE_MS = 5000;

export function ProcessList({ id }: { readonly id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="card" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Processes now</summary>
      {open && <Processes id={id} />}
    </details>
  );
}

function Processes({ id }: { readonly id: string }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const allowed = may("processes");
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    setAnswer(null);
    const ask = async () => {
      try {
        setAnswer(await get<Answer>(`/api/containers/${id}/processes?sort=cpu&limit=${MOST}`, stopped.signal));
        setProblem(null);
      } catch (error) {
        if (stopped.signal.aborted) return;
        setProblem(asProblem(error));
      }
      timer = setTimeout(() => void ask(), PACE_MS);
    };
    void ask();
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [id, login.value, allowed]);
  if (problem && !answer) return <Failure problem={problem} what="processes" />;
  if (!answer) return <p class="muted">Asking…</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="processes">
      <table>
        <thead>
          <tr>
            <th scope="col" class="num">pid</th>
            <th scope="col">command</th>
            <th scope="col">state</th>
            <th scope="col" class="num">CPU time</th>
            <th scope="col" class="num">memory</th>
            <th scope="col" class="num">threads</th>
          </tr>
        </thead>
        <tbody>
          {answer.processes.map((one) => (
            <tr key={one.pid}>
              <td class="num">{one.pid}</td>
              <th scope="row">
                <code class="cut" title={one.command ?? ""}>
                  {one.command ?? one.name ?? "–"}
                </code>
              </th>
              <td>{one.state}</td>
              <td class="num">{duration(one.cpu_seconds_total)}</td>
              <td class="num">{bytes(one.rss_bytes)}</td>
              <td class="num">{one.threads}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {answer.total > answer.processes.length && <p class="muted">and {answer.total - answer.processes.length} more</p>}
    </div>
  );
}
