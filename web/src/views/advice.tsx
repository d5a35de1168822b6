// What is recommended, with what is to be written where, and what became of it before.

import type { FollowedUp, Recommendation, Rightsized } from "../api/types";
import { counted, moment, parsed } from "../lib/format";
import { Badge, More, Name, WhoseLinks, shown, withCode } from "../parts/bits";
import { Snippet } from "../parts/snippet";
import { outcome, weight } from "../parts/words";
import { now } from "../state/clock";

/** More than these are behind a click. */
const FIRST = 5;

export function Advice({ advised }: { readonly advised: Rightsized }) {
  return (
    <>
      <Recommended advised={advised} />
      {advised.followed_up.length > 0 && <Became followed={advised.followed_up} />}
    </>
  );
}

function Recommended({ advised }: { readonly advised: Rightsized }) {
  const { recommendations, not_enough_data: unknown } = advised;
  const looked = `${counted(advised.containers, "container")} looked at, from ${moment(parsed(advised.from), now.value)} to ${moment(parsed(advised.to), now.value)}`;
  return (
    <section class="card" aria-label="recommendations">
      <header>
        <h2>
          {recommendations.length > 0 ? (
            <>
              Recommended <span class="number">{recommendations.length}</span>
            </>
          ) : (
            "Nothing is recommended"
          )}
        </h2>
        <p class="muted">{looked}</p>
      </header>
      {recommendations.length > 0 && (
        <ul class="troubles">
          {shown(recommendations, FIRST).map((one) => (
            <li key={one.id}>
              <Badge tone={weight(one.severity)}>{one.severity}</Badge>
              <One recommendation={one} />
            </li>
          ))}
        </ul>
      )}
      <More all={recommendations.length} first={FIRST} />
      {unknown.length > 0 && (
        <details class="muted">
          <summary>Too little is known yet of {counted(unknown.length, "thing")}</summary>
          <ul class="actions">
            {unknown.map((one) => (
              <li key={one.id}>{withCode(one.sentence)}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function One({ recommendation }: { readonly recommendation: Recommendation }) {
  const { scope, sentence, action, effect, effort, risk, verify } = recommendation;
  const lines = action.lines ?? [];
  return (
    <div class="what">
      <p class="line">
        <Name scope={scope} />
        <WhoseLinks whose={scope} />
      </p>
      <p>{withCode(sentence)}</p>
      <dl class="said">
        <dt>effect</dt>
        <dd>{withCode(effect.sentence)}</dd>
      </dl>
      <details>
        <summary>What to change</summary>
        <dl class="said">
          <dt>{action.steps.length === 1 ? "step" : "steps"}</dt>
          {action.steps.map((step) => (
            <dd key={step}>{withCode(step)}</dd>
          ))}
          {lines.length > 0 && (
            <>
              <dt>lines</dt>
              <dd>
                {action.place && withCode(action.place)}
                <Snippet text={lines.join("\n")} what="the lines" />
              </dd>
            </>
          )}
          {action.command && (
            <>
              <dt>at once</dt>
              <dd>
                <Snippet text={action.command} what="the command" />
              </dd>
            </>
          )}
          <dt>risk</dt>
          <dd>
            {withCode(risk)} <span class="muted">({effort} effort)</span>
          </dd>
          <dt>verify</dt>
          <dd>
            should be {verify.expect}
            <Snippet text={verify.promql} what="the query" />
          </dd>
        </dl>
      </details>
    </div>
  );
}

function Became({ followed }: { readonly followed: readonly FollowedUp[] }) {
  return (
    <section class="card" aria-label="what became of earlier recommendations">
      <h2>What became of earlier ones</h2>
      <ul class="troubles">
        {shown(followed, FIRST).map((one) => {
          const { word, tone } = outcome(one.outcome);
          return (
            <li key={`${one.id} ${one.recommended_at}`}>
              <Badge tone={tone}>{word}</Badge>
              <div class="what">
                <p class="line">
                  <Name scope={one.scope} />
                  <WhoseLinks whose={one.scope} />
                  <span class="since">said {moment(parsed(one.recommended_at), now.value)}</span>
                </p>
                <p>{withCode(one.recommended)}</p>
                <p class="muted">
                  {withCode(one.sentence)}
                  {one.applied_at && ` (since ${moment(parsed(one.applied_at), now.value)})`}
                </p>
              </div>
            </li>
          );
        })}
      </ul>
      <More all={followed.length} first={FIRST} />
    </section>
  );
}
