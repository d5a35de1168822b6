// What holds requests up, as the program itself finds it on a quiet machine (nothing), and as a
// made-up answer has it: real findings take longer to come about than anybody waits for a story.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { audit } from "../browser.mjs";
import { assert, enter, named, pictures, reader, tell, until, visit } from "./scene.mjs";

const made = (name) => JSON.parse(readFileSync(new URL(`../answers/${name}.json`, import.meta.url), "utf8"));
const insights = made("insights");
const advice = made("recommendations");

/** Lets one kind of analysis answer something else from now on. */
const answer = (page, name, how) => page.route(`**/api/analytics/${name}?*`, (route) => route.fulfill(how));

await tell(async (browser) => {
  await quiet(browser);
  for (const options of [{}, { theme: "dark" }, { width: 390, height: 844 }, { width: 900, height: 1200 }, { width: 3840, height: 2160, theme: "dark" }]) await found(browser, options);
  await narrowed(browser);
  await refused(browser);
});

async function quiet(browser) {
  const page = await enter(browser, {}, reader);
  await visit(page, "findings");
  await page.getByRole("heading", { name: "Nothing holds requests up" }).waitFor();
  await page.getByText("what is found is found from containers alone").waitFor();
  await page.getByRole("region", { name: "recommendations", exact: true }).waitFor();
  await page.getByText(/^looked at \d/).waitFor();
  assert.deepEqual(await audit(page), []);
  await page.screenshot({ path: join(pictures, "findings-quiet.png"), fullPage: true });
  await visit(page, "");
  await page.getByRole("region", { name: "in trouble" }).waitFor();
  assert.equal(await page.getByRole("region", { name: "what holds requests up" }).count(), 0, "the overview is silent about nothing");
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
}

async function found(browser, options) {
  const { width = 1440, theme = "light" } = options;
  const page = await enter(browser, options);
  await answer(page, "insights", { json: insights });
  await answer(page, "recommendations", { json: advice });
  await visit(page, "findings");
  const first = page.getByRole("region", { name: "findings" }).getByRole("listitem").first();
  await first.getByText("was held back by its limit of cores in 62 % of its periods").waitFor();
  await first.getByText("high", { exact: true }).waitFor();
  await first.getByText(/^(since|from) /).waitFor();
  const advised = page.getByRole("region", { name: "recommendations", exact: true });
  await advised.getByText("What to change").first().click();
  await advised.getByText("docker update --cpus 1 shop-api-1").first().waitFor();
  await page.getByText("applied, and it helped: 40 % before and 1 % after").waitFor();
  await first.getByRole("button", { name: "Copy the query" }).click();
  await first.getByRole("button", { name: "Copied the query" }).waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(wide <= width, `it is ${wide} wide of ${width}`);
  assert.deepEqual(await audit(page), [], `${width}, ${theme}`);
  await page.screenshot({ path: join(pictures, `findings-${width}-${theme}.png`), fullPage: true });
  await page.reload();
  await visit(page, "");
  const worst = page.getByRole("region", { name: "what holds requests up" });
  await worst.getByText("was held back by its limit of cores").waitFor();
  assert.deepEqual(await audit(page), [], `the overview, ${width}, ${theme}`);
  await worst.getByRole("link", { name: "why, and what to do next" }).click();
  await page.getByRole("heading", { level: 1, name: "Findings" }).waitFor();
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
}

/** Time and whose it is are asked for as they are chosen, and stand in the address. */
async function narrowed(browser) {
  const page = await enter(browser);
  const asked = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.pathname.startsWith("/api/analytics/")) asked.push(`${url.pathname.split("/").at(-1)}${url.search}`);
  });
  const isAsked = (what) => until(`${what} is asked for`, () => asked.includes(what));
  await visit(page, "findings");
  await isAsked("insights?last=6h");
  await isAsked("recommendations?last=7d");
  await page.getByRole("group", { name: "time range" }).getByRole("button", { name: "24h" }).click();
  await isAsked("insights?last=24h");
  await page.getByLabel("user").selectOption("ann");
  await isAsked("insights?last=24h&user=ann");
  await page.getByLabel("container").selectOption(named("steady"));
  await isAsked(`recommendations?last=7d&user=ann&container=${named("steady")}`);
  assert(page.url().includes("range=24h") && page.url().includes("user=ann"), page.url());
  await page.getByText(/^looked at \d/).waitFor();
  const before = asked.length;
  await page.getByRole("button", { name: "Look again" }).click();
  await until("both are asked for again", () => asked.length === before + 2);
  await page.context().close();
}

/** What cannot be had is said, and what was had stays. */
async function refused(browser) {
  const page = await enter(browser);
  const busy = { status: 503, contentType: "application/problem+json", body: JSON.stringify({ title: "Unavailable", detail: "2 analyses are being made already; ask again in a moment" }) };
  await answer(page, "insights", busy);
  await visit(page, "findings");
  await page.getByText("2 analyses are being made already; ask again in a moment").waitFor();
  assert.deepEqual(await audit(page), [], "busy");
  await answer(page, "insights", { json: insights });
  await page.getByRole("button", { name: "Look again" }).click();
  await page.getByRole("heading", { name: /^What holds requests up/ }).waitFor();
  await answer(page, "insights", busy);
  await page.getByRole("button", { name: "Look again" }).click();
  await page.getByText("The last look failed").waitFor();
  await page.getByRole("heading", { name: /^What holds requests up/ }).waitFor();
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
}
