// Every view, in light and dark, on a phone, a tablet, a desk and a wall: it shows what there is, nothing
// goes wrong in it, nothing sticks out, and an audit finds no obstacle for anybody.

import { join } from "node:path";
import { env } from "node:process";
import { audit } from "../browser.mjs";
import { assert, enter, named, names, pictures, row, tell, until, visit } from "./scene.mjs";

const API = named("shop-api-1");

const VIEWS = [
  { name: "overview", place: "", shows: (page) => page.getByRole("region", { name: "in trouble" }).getByText(named("shop-sick")).first() },
  { name: "overview-by-user", place: "?by=user", shows: (page) => page.getByRole("link", { name: "carl", exact: true }).first() },
  { name: "overview-by-team", place: "?by=team", shows: (page) => page.getByRole("link", { name: "media", exact: true }).first() },
  { name: "findings", place: "findings", shows: (page) => page.getByRole("region", { name: "recommendations", exact: true }) },
  { name: "containers", place: "containers", shows: (page) => row(page, API) },
  { name: "container", place: `containers/${API}`, shows: (page) => page.getByRole("log").getByText("served").first() },
  { name: "compared", place: `containers/${API}?range=1h&compare=day`, shows: (page) => page.getByText("Dotted lines are yesterday's") },
  { name: "host", place: "host", shows: (page) => page.getByRole("heading", { name: /engine/i }).first() },
  { name: "alerts", place: "alerts", shows: (page) => page.getByRole("heading", { level: 2 }).first() },
  { name: "thresholds", place: "alerts?show=thresholds", shows: (page) => page.getByRole("rowheader").first() },
  { name: "logs", place: "logs", shows: (page) => page.getByRole("log").getByText("served").first() },
  { name: "login", place: "login", shows: (page) => page.getByLabel("Token", { exact: true }) },
  { name: "nowhere", place: "no-such-place", shows: (page) => page.getByText("There is no such page") },
];

const SIZES = [
  { size: "desk", width: 1440, height: 900, themes: ["light", "dark"] },
  { size: "phone", width: 390, height: 844, themes: ["light", "dark"] },
  { size: "tablet", width: 900, height: 1200, themes: ["light"] },
  { size: "wall", width: 3840, height: 2160, themes: ["dark"] },
];

await tell(async (browser) => {
  for (const { size, width, height, themes } of SIZES)
    for (const theme of themes) {
      const page = await enter(browser, { theme, width, height });
      // What happened is there to be looked at, too.
      await page.locator("ol.events li").first().waitFor();
      for (const view of VIEWS) await look(page, view, `${view.name}-${size}-${theme}`, width);
      assert.deepEqual(page.wrongs, [], `${size}, ${theme}`);
      await page.context().close();
    }
  await filters(browser);
  await links(browser);
  await keys(browser);
  await themes(browser);
});

async function look(page, view, picture, width) {
  await visit(page, view.place);
  await view.shows(page).waitFor();
  await page.waitForTimeout(300);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(wide <= width, `${picture} is ${wide} wide`);
  assert.deepEqual(await audit(page), [], picture);
  await page.screenshot({ path: join(pictures, `${picture}.png`) });
}

/** What is narrowed, searched and sorted stands in the address, and a reload brings it back. */
async function filters(browser) {
  const page = await enter(browser);
  await visit(page, "containers");
  await row(page, API).waitFor();
  const all = (await names(page)).length;
  await page.getByLabel("user").selectOption("ann");
  await until("only ann's are shown", async () => (await names(page)).length === 2);
  await page.getByLabel("search").fill("api");
  await until("one has these letters", async () => (await names(page)).join() === API);
  await page.reload();
  await until("the address brought it back", async () => (await names(page)).join() === API);
  await page.getByRole("link", { name: "show all" }).click();
  await until("all are shown", async () => (await names(page)).length === all);
  await page.getByLabel("state").selectOption("trouble");
  await until("the sick one is in trouble", async () => (await names(page)).includes(named("shop-sick")) && !(await names(page)).includes(named("blog-web")));
  await page.getByLabel("state").selectOption("stopped");
  await until("one has ended", async () => (await names(page)).join() === named("data-old"));
  await page.getByLabel("state").selectOption("all");
  await page.getByLabel("project").selectOption("blog");
  await until("blog has two", async () => (await names(page)).length === 2 && (await names(page))[1] === named("blog-web"));
  await page.getByLabel("project").selectOption("");
  await page.getByLabel("team").selectOption("media");
  await until("media has the same", async () => (await names(page)).length === 2 && (await names(page))[1] === named("blog-web"));
  await page.getByLabel("team").selectOption("");
  for (const column of ["container", "user", "project", "team", "state", "CPU", "memory", "network", "disk", "up for"]) {
    const heading = page.getByRole("columnheader", { name: column });
    await heading.getByRole("button").click();
    const first = await heading.getAttribute("aria-sort");
    await heading.getByRole("button").click();
    await until(`${column} turns`, async () => ![first, "none"].includes(await heading.getAttribute("aria-sort")));
  }
  await page.getByRole("columnheader", { name: "container" }).getByRole("button").click();
  const sorted = await names(page);
  assert.deepEqual(sorted, [...sorted].sort((a, b) => a.localeCompare(b)));
  await page.getByLabel("search").fill("no such container");
  await page.getByText(`0 of ${all} containers`).waitFor();
  assert.deepEqual(page.wrongs, []);
  await page.context().close();
}

/** Each view leads to the dashboard of what it shows. */
async function links(browser) {
  const page = await enter(browser);
  for (const [place, wanted] of [
    ["", "/d/system-overview?"],
    ["containers", "/d/system-overview?"],
    ["containers?user=ann", "/d/user-performance?var-user=ann"],
    ["containers?team=media", "/d/team-performance?var-team=media"],
    [`containers/${API}`, `/d/dockmeter-container?var-container=${API}`],
    ["host", "/d/dockmeter-host?"],
    ["alerts", "/d/dockmeter-alerts?"],
  ]) {
    await visit(page, place);
    const link = page.getByRole("link", { name: "Open in Grafana" });
    await until(`${place} leads to ${wanted}`, async () => (await link.getAttribute("href")) === `${env.GRAFANA}${wanted}`);
  }
  await page.context().close();
}

/** Everything is reached without a mouse. */
async function keys(browser) {
  const page = await enter(browser);
  for (const [letter, heading] of [
    ["f", "Findings"],
    ["c", "Containers"],
    ["a", "Alerts"],
    ["l", "Logs"],
  ]) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await page.locator("body").click({ position: { x: 2, y: 600 } });
  }
  await page.keyboard.press("/");
  await until("the search has the focus", () => page.getByLabel("search").evaluate((element) => element === document.activeElement));
  await page.keyboard.type(API);
  await until("it is found", async () => (await names(page)).join() === API);
  await page.getByRole("link", { name: API, exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: API }).waitFor();
  await page.keyboard.press("]");
  await until("the time is longer", async () => page.url().includes("range=1h"));
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  assert.deepEqual(await audit(page), [], "the help");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.context().close();
}

/** The theme is the system's, until somebody chooses; the choice is kept. */
async function themes(browser) {
  const page = await enter(browser, { theme: "dark" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "dark");
  await page.emulateMedia({ colorScheme: "light" });
  await until("it follows the system", async () => (await theme()) === "light");
  const button = page.getByRole("button", { name: /^theme/ });
  await button.click();
  await button.click();
  assert.equal(await theme(), "dark");
  await page.reload();
  await button.waitFor();
  assert.equal(await theme(), "dark");
  await page.context().close();
}
