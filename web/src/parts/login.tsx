// The form for who has no login yet, and what a token is.

import { useState } from "preact/hooks";
import { problem as problemOf, Problem } from "../api/client";
import { forget, keep, login, withPassword, withToken } from "../api/session";
import type { WhoAmI } from "../api/types";
import { asProblem } from "../state/poll";

type Way = "token" | "password";

export function LoginForm({ reason, done }: { readonly reason: string; readonly done?: () => void }) {
  const [way, setWay] = useState<Way>("token");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [trying, setTrying] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(fields.get(name) ?? "");
    setTrying(true);
    try {
      const wanted = way === "token" ? withToken(text("token")) : withPassword(text("user"), text("password"));
      await check(wanted);
      keep(wanted, fields.has("keep"));
      done?.();
    } catch (error) {
      setProblem(asProblem(error));
      setTrying(false);
    }
  }

  return (
    <form class="login" onSubmit={(event) => void submit(event)}>
      <h2>Log in</h2>
      <p>{reason}</p>
      <div class="choice" role="group" aria-label="way to log in">
        <button type="button" aria-pressed={way === "token"} onClick={() => setWay("token")}>
          Token
        </button>
        <button type="button" aria-pressed={way === "password"} onClick={() => setWay("password")}>
          User and password
        </button>
      </div>
      {way === "token" ? (
        <label>
          Token
          <input name="token" type="password" required autocomplete="current-password" placeholder="dm_…" spellcheck={false} />
        </label>
      ) : (
        <>
          <label>
            User
            <input name="user" required autocomplete="username" />
          </label>
          <label>
            Password
            <input name="password" type="password" required autocomplete="current-password" />
          </label>
        </>
      )}
      <label class="check">
        <input name="keep" type="checkbox" /> Stay logged in on this device
      </label>
      <button class="primary" type="submit" disabled={trying}>
        Log in
      </button>
      {problem && (
        <p class="wrong" role="alert">
          {problem.status === 401 ? "That login was refused. " : ""}
          {problem.message}
        </p>
      )}
      <p class="muted">
        <code>./run</code> prints an address that logs in by itself. Elsewhere whoever runs dockmeter makes a token with <code>dockmeter token new</code>.
      </p>
    </form>
  );
}

/** Whether a login is good, before it is kept. */
async function check(authorization: string): Promise<void> {
  const asked = fetch("/api/whoami", { headers: { Authorization: authorization }, credentials: "omit" });
  const response = await asked.catch(() => null);
  if (!response) throw new Problem(0, "out-of-reach", "dockmeter does not answer");
  if (!response.ok) throw await problemOf(response);
}

export function Session({ who }: { readonly who: WhoAmI | null }) {
  if (!login.value) return null;
  return (
    <>
      {who?.name && <span class="muted wide">{who.name}</span>}
      <button type="button" class="quiet" onClick={forget}>
        Log out
      </button>
    </>
  );
}
