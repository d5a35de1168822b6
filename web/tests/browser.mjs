// A real browser for the stories and figures of the page, and what they have in common.
//
// Which one, and where its libraries and letters are, say the variables that `./test` sets:
// CHROMIUM, CHROMIUM_LIBRARIES, CHROMIUM_FONTS.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { env } from "node:process";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);

/** Beyond this a wait has failed, as in `tests/it/poll.rs`. Machines of tests are slow and busy. */
export const PATIENCE_MS = 120_000;

export const PROGRAM = env.CHROMIUM ?? "/usr/bin/chromium";

export const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Variables by which it finds its libraries and letters. */
export function environment() {
  const all = { ...env };
  if (env.CHROMIUM_LIBRARIES) all.LD_LIBRARY_PATH = env.CHROMIUM_LIBRARIES;
  if (env.CHROMIUM_FONTS) all.FONTCONFIG_FILE = env.CHROMIUM_FONTS;
  return all;
}

export async function launch() {
  return chromium.launch({ executablePath: PROGRAM, env: environment(), args: FLAGS });
}

/** A page in a window of its own; what goes wrong in it is kept in `wrongs`. */
export async function open(browser, { theme = "light", width = 1440, height = 900, reducedMotion = "reduce", timezoneId = "Europe/Berlin" } = {}) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height }, reducedMotion, timezoneId, locale: "en-GB" });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const wrongs = [];
  page.on("pageerror", (error) => wrongs.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is an answer, and its view says so.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) wrongs.push(message.text());
  });
  return Object.assign(page, { wrongs });
}

/** What an audit finds wrong, in words. */
export async function audit(page) {
  // Without `eval`, which the page's policy forbids: the audit is put into the page by the browser.
  await page.evaluate(require("axe-core").source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target, any }) => `${target.join(" ")} (${any.map((one) => one.message).join("; ")})`).slice(0, 3).join(" | ")}`);
}

/** Runs the engine's client. */
export function docker(...words) {
  const { status, stdout, stderr } = spawnSync(env.DOCKER ?? "docker", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Looks until something is so. */
export async function until(what, look, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`it did not come true: ${what} (${last instanceof Error ? last.message : JSON.stringify(last)})`);
    await new Promise((go) => setTimeout(go, 100));
  }
}
