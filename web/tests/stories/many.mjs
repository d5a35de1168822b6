// Five hundred containers: all are there, the page answers at once, and numbers go on coming.

import { assert, enter, named, names, row, tell, until, visit } from "./scene.mjs";

const ALL = 500;

await tell(async (browser) => {
  const page = await enter(browser, { reducedMotion: "no-preference" });
  await visit(page, "containers");
  await until("all are listed", async () => (await names(page)).length >= ALL, 60_000);
  await page.getByText(`${ALL} containers`).waitFor();

  const typed = Date.now();
  await page.getByLabel("search").fill(named("many-499"));
  await until("one of them is found", async () => (await names(page)).join() === named("many-499"));
  assert(Date.now() - typed < 5000, "it took longer than anybody waits");
  await page.getByLabel("search").fill("");
  await until("all are back", async () => (await names(page)).length >= ALL);
  await page.getByRole("columnheader", { name: "CPU" }).getByRole("button").click();
  await until("the busy one is first", async () => (await names(page))[0] === named("busy"));
  const cell = row(page, named("busy")).locator("td.cpu span").first();
  const before = await cell.innerText();
  await until("its numbers move", async () => (await cell.innerText()) !== before);
  await visit(page, "logs");
  await page.getByText("Whose logs?").waitFor();
  await page.getByLabel("container").selectOption(named("busy"));
  await page.getByRole("log").waitFor();
  await visit(page, "");
  await page.getByText(`running of ${ALL}`).waitFor();
  await page.getByRole("table").getByRole("row").nth(9).waitFor();
  assert.deepEqual(page.wrongs, []);
});
