// What holds requests up, the worst first: whose it is, since when, what to do, what that may gain,
// and how it is verified later. Below it what is recommended, and what became of it.

import { useEffect, useMemo } from "preact/hooks";
import { ANALYSIS_MS } from "../api/client";
import { login } from "../api/session";
import type { Efficient, Finding, Insights, Rightsized } from "../api/types";
import { SPANS, analysis, times, told, type FoundSpan } from "../lib/findings";
import { count, counted, figure, latency, moment, parsed, ratio, timeOfDay, wholeMoment } from "../lib/format";
import { Badge, Choice, Failure, Loading, More, Name, WhoseLinks, shown, withCode } from "../parts/bits";
import { Snippet } from "../parts/snippet";
import { WhoseFilters, chosenWhose } from "../parts/whose";
import { weight } from "../parts/words";
import { now } from "../state/clock";
import { EVERY_MS } from "../state/findings";
import { poll, type Poll } from "../state/poll";
import { go, here, param } from "../state/route";
import { Advice } from "./advice";

const USUAL: FoundSpan = "6h";

/** Recommendations look at a week, whatever the findings do: a limit has to fit all of its days. */
const ADVICE_SPAN = "7d";

/** More than these are behind a click. */
const FIRST = 10;

export function Findings() {
  const span = SPANS.find((one) => one === param("range")) ?? USUAL;
  const found = useAnalysis<Insights>(analysis("insights", span, chosenWhose()));
  const advised = useAnalysis<Rightsized>(analysis("recommendations", ADVICE_SPAN, chosenWhose()));
  const { value, problem, at } = found.answer.value;
  useEffect(() => found.resume(), [found]);
  // One after the other: only a few analyses are made at once.
  useEffect(() => {
    if (value || problem) advised.resume();
  }, [advised, value, problem]);
  const again = () => {
    found.now();
    advised.now();
  };
  return (
    <>
      <header class="head">
        <h1>Findings</h1>
        <Choice label="time range" options={SPANS.map((word) => ({ word, name: word }))} value={span} pick={(word) => go(here({ range: word === USUAL ? null : word }))} />
        <button type="button" onClick={again} disabled={found.asking.value || advised.asking.value}>
          Look again
        </button>
        <p class="muted" role="status">
          {found.asking.value ? "looking…" : at > 0 ? `looked at ${timeOfDay(at)}` : ""}
        </p>
      </header>
      <WhoseFilters />
      {value ? (
        <>
          {problem && (
            <p class="wrong" role="alert">
              The last look failed: {problem.message}
            </p>
          )}
          <Found insights={value} />
        </>
      ) : problem ? (
        <Failure problem={problem} what="what holds requests up" />
      ) : (
        <Loading what="what holds requests up" />
      )}
      <Advised asked={advised} besides={value != null} />
    </>
  );
}

function useAnalysis<T>(path: string): Poll<T> {
  const asked = useMemo(() => poll<T>(() => path, EVERY_MS, ANALYSIS_MS), [login.value, path]);
  useEffect(() => asked.stop, [asked]);
  return asked;
}

/** What is recommended; where nothing is beside it, what is missing has been said already. */
function Advised({ asked, besides }: { readonly asked: Poll<Rightsized>; readonly besides: boolean }) {
  const { value, problem } = asked.answer.value;
  if (value) return <Advice advised={value} />;
  if (!besides) return null;
  return problem ? <Failure problem={problem} what="what is recommended" /> : <Loading what="what is recommended" />;
}

/** How requests went, what held them up, and what does less with its cores than it could. */
export function Found({ insights }: { readonly insights: Insights }) {
  const low = insights.efficiency.filter((one) => one.standing === "low");
  return (
    <>
      <Requests insights={insights} />
      <List insights={insights} />
      {low.length > 0 && <Low services={low} />}
    </>
  );
}

function Requests({ insights }: { readonly insights: Insights }) {
  const { requests, services } = insights.summary;
  return (
    <section class="card" aria-label="requests">
      <h2>How requests went</h2>
      {requests ? (
        <p>
          <b>{count(Math.round(requests.count))}</b> requests, <b>{latency(requests.average_response_seconds)}</b> on average, <b>{ratio(requests.error_ratio)}</b> failed,{" "}
          <b>{figure(requests.per_second)}</b> a second
        </p>
      ) : (
        <p class="muted">
          {insights.source === "embedded"
            ? withCode("Without a Prometheus (`prometheus.url`) nothing is known of requests, pools, statements and the host; what is found is found from containers alone.")
            : "No program has told of its requests in this time."}
        </p>
      )}
      {services.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">service</th>
                <th scope="col" class="middle">
                  whose
                </th>
                <th scope="col" class="num">requests</th>
                <th scope="col" class="num middle">a second</th>
                <th scope="col" class="num">average</th>
                <th scope="col" class="num">failed</th>
              </tr>
            </thead>
            <tbody>
              {shown(services, FIRST).map((one) => (
                <tr key={[one.user, one.project, one.team, one.service].join("/")}>
                  <th scope="row">{one.service}</th>
                  <td class="middle">
                    <WhoseLinks whose={one} />
                  </td>
                  <td class="num">{count(Math.round(one.count))}</td>
                  <td class="num middle">{figure(one.per_second)}</td>
                  <td class="num">{latency(one.average_response_seconds)}</td>
                  <td class="num">{ratio(one.error_ratio)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <More all={services.length} first={FIRST} />
    </section>
  );
}

function List({ insights }: { readonly insights: Insights }) {
  const { findings, left_out, summary } = insights;
  const looked = `${counted(summary.containers, "container")} looked at, from ${moment(parsed(insights.from), now.value)} to ${moment(parsed(insights.to), now.value)}`;
  if (findings.length === 0)
    return (
      <section class="card calm" aria-label="findings">
        <span class="dot good" aria-hidden="true" />
        <h2>Nothing holds requests up</h2>
        <p class="muted">{looked}</p>
      </section>
    );
  return (
    <section class="card" aria-label="findings">
      <header>
        <h2>
          What holds requests up <span class="number">{findings.length + left_out}</span>
        </h2>
        <p class="muted">{looked}</p>
      </header>
      <ol class="troubles">
        {shown(findings, FIRST).map((finding) => (
          <li key={[finding.kind, finding.host, Object.values(finding.scope).join("/"), finding.subject, finding.since].join("|")}>
            <Badge tone={weight(finding.severity)}>{finding.severity}</Badge>
            <One finding={finding} to={insights.to} />
          </li>
        ))}
      </ol>
      <More all={findings.length} first={FIRST} />
      {left_out > 0 && <p class="muted">{counted(left_out, "lesser finding")} left out; choose a project or team above to see its own.</p>}
    </section>
  );
}

function One({ finding, to: end }: { readonly finding: Finding; readonly to: string }) {
  const { head, rest } = told(finding);
  const { from, until } = times(finding, end);
  return (
    <div class="what">
      <p class="line">
        <Name scope={finding.scope} host={finding.host} />
        <WhoseLinks whose={finding.scope} />
        {from != null && (
          <time class="since" dateTime={finding.since ?? ""} title={wholeMoment(from)}>
            {until == null ? `since ${moment(from, now.value)}` : `from ${moment(from, now.value)} to ${moment(until, now.value)}`}
          </time>
        )}
      </p>
      <p>{withCode(head)}</p>
      {rest && <p class="muted">{withCode(rest)}</p>}
      <dl class="said">
        <dt>next</dt>
        <dd>{withCode(finding.next_step)}</dd>
        {finding.gain && (
          <>
            <dt>gain</dt>
            <dd>{withCode(finding.gain)}</dd>
          </>
        )}
        {finding.possible_causes.length > 0 && (
          <>
            <dt>possible causes</dt>
            {finding.possible_causes.map(({ at, what }) => (
              <dd key={`${at} ${what}`}>
                {withCode(what)}
                {at && <span class="muted">, {moment(parsed(at), now.value)}</span>}
              </dd>
            ))}
          </>
        )}
        <dt>verify</dt>
        <dd>
          should be {finding.verify.expect}
          <Snippet text={finding.verify.promql} what="the query" />
        </dd>
      </dl>
    </div>
  );
}

function Low({ services }: { readonly services: readonly Efficient[] }) {
  return (
    <section class="card" aria-label="low efficiency">
      <h2>Less done with their cores than in their best week</h2>
      <ul class="troubles">
        {services.map((one) => (
          <li key={one.sentence}>
            <Badge tone="warn">low</Badge>
            <div class="what">
              <p class="line">
                <Name scope={one} />
                <WhoseLinks whose={one} />
              </p>
              <p>{withCode(one.sentence)}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
