// What every story begins with: where the program is, and whom it lets in.
//
// The stories are run by `tests/it/browser.rs`, which starts dockmeter and containers, and says by
// variables where they are: URL, TOKEN (all scopes), READER (only `read`, bound to the user ann),
// PREFIX of the names of this story's containers, DOCKER, DOCKER_HOST, PICTURES.

import assert from "node:assert/strict";
import { env } from "node:process";
import { launch, open, until } from "../browser.mjs";

export { assert };
export const url = env.URL ?? "http://127.0.0.1:10417";
export const token = env.TOKEN ?? "";
export const reader = env.READER ?? "";
export const prefix = env.PREFIX ?? "";
export const pictures = env.PICTURES ?? "/tmp";

/** The name of one of this story's containers. */
export const named = (name) => `${prefix}${name}`;

/** Opens the page with a login, as the printed address does. */
export async function enter(browser, options = {}, login = token, address = url) {
  const page = await open(browser, options);
  await page.goto(login ? `${address}/#token=${login}` : `${address}/`);
  await page.getByRole("navigation", { name: "views" }).waitFor();
  assert(!page.url().includes("token="), "the login does not stay in the address");
  return page;
}

/** Goes to a place of the page. */
export async function visit(page, place) {
  await page.evaluate((place) => {
    location.hash = `#/${place}`;
  }, place);
}

export const row = (page, name) => page.locator("table.list tbody tr", { has: page.getByRole("link", { name, exact: true }) });

/** Names of the rows that are shown, in their order. */
export const names = (page) => page.locator("table.list tbody th a").allTextContents();

/** Runs a story, and ends with a status that says whether it came true. */
export async function tell(story) {
  const browser = await launch();
  try {
    await story(browser);
  } finally {
    await browser.close();
  }
}

export { until };
