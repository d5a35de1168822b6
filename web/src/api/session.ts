// The login of this tab. It never travels in a cookie, so another server on another port of
// this machine is never shown it; it is kept for the tab, or on the device if that is wished.

import { signal } from "@preact/signals";

const KEY = "dockmeter.login";

/** The value of the `Authorization` header, if somebody has logged in. */
export const login = signal<string | null>(null);

/** Takes the token that an address brings (`#token=…`), and removes it from there. */
export function begin(location: Location, history: History): void {
  const match = /^#(.*)\btoken=([A-Za-z0-9_.~+/=-]+)&?(.*)$/.exec(location.hash);
  if (match?.[2]) {
    keep(`Bearer ${match[2]}`, false);
    const rest = `${match[1] ?? ""}${match[3] ?? ""}`.replace(/[?&]$/, "");
    history.replaceState(null, "", `${location.pathname}${location.search}#${rest || "/"}`);
    return;
  }
  login.value = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

export function keep(authorization: string, onDevice: boolean): void {
  login.value = authorization;
  sessionStorage.setItem(KEY, authorization);
  if (onDevice) localStorage.setItem(KEY, authorization);
  else localStorage.removeItem(KEY);
}

export function forget(): void {
  login.value = null;
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

export function withToken(token: string): string {
  return `Bearer ${token.trim()}`;
}

export function withPassword(user: string, password: string): string {
  return `Basic ${base64(`${user}:${password}`)}`;
}

/** The login as a WebSocket's subprotocols, since a browser sends no header with those. */
export function subprotocols(): string[] {
  const [scheme, secret] = (login.value ?? "").split(" ", 2);
  if (!secret) return ["dockmeter"];
  if (scheme === "Bearer") return ["dockmeter", `dockmeter.bearer.${secret}`];
  const url = secret.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return ["dockmeter", `dockmeter.basic.${url}`];
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
