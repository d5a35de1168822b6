// A week of history: each time has its step, a day and a week earlier are drawn behind it, a part is
// looked at closer, and its figures are taken along.

import { readFileSync } from "node:fs";
import { assert, enter, named, tell, until, visit } from "./scene.mjs";

const NAME = named("week");

/** Each length, its step in words, and how many points it has at least. */
const LENGTHS = [
  ["5m", "5 s", 40],
  ["15m", "5 s", 150],
  ["1h", "5 s", 600],
  ["6h", "1 min", 300],
  ["24h", "1 min", 1300],
  ["7d", "5 min", 1900],
  ["30d", "1 h", 160],
];

await tell(async (browser) => {
  const page = await enter(browser);
  const answers = [];
  page.on("response", async (response) => {
    if (response.url().includes("/metrics/history") && response.ok()) answers.push(await response.json().catch(() => null));
  });
  await visit(page, `containers/${NAME}`);
  await page.locator(".plot canvas").nth(5).waitFor();
  for (const [word, step, points] of LENGTHS) {
    answers.length = 0;
    await page.getByRole("group", { name: "time range" }).getByRole("button", { name: word, exact: true }).click();
    await page.getByText(`Steps of ${step}`).waitFor();
    const answer = await until(`${word} is answered`, () => answers.find((one) => one && one.points.length >= points));
    assert.equal(answer.container_id.length, 64);
    const drawn = page.locator("figure", { hasText: "CPU, in cores" });
    assert.match(await drawn.getAttribute("aria-label"), /used .* at most/);
  }

  await page.getByRole("group", { name: "time range" }).getByRole("button", { name: "24h", exact: true }).click();
  for (const [choice, word] of [
    ["yesterday", "yesterday"],
    ["last week", "last week"],
  ]) {
    answers.length = 0;
    await page.getByLabel("compare with").selectOption(choice);
    await until("the earlier time is asked for", () => answers.some((one) => one && Date.parse(one.to) < Date.now() - 80_000_000));
    await page.getByText(`Dotted lines are ${word}'s`).waitFor();
  }

  const plot = page.locator(".u-over").first();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 50, { steps: 5 });
  await page.mouse.up();
  await until("a part is looked at", () => /range=\d{10}-\d{10}/.test(page.url()));
  const [from, to] = /range=(\d+)-(\d+)/.exec(page.url()).slice(1).map(Number);
  assert(Math.abs(to - from - 0.3 * 86_400) < 3600, `${to - from} seconds`);
  await page.goBack();
  await until("one step back", () => page.url().includes("range=24h"));

  await page.getByText("Figures of this time").click();
  await page.getByRole("rowheader", { name: "working set" }).waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "As CSV" }).click()]);
  const lines = readFileSync(await file.path(), "utf8").trim().split("\n");
  assert(lines[0].startsWith("timestamp,container_id,name,cpu_usage_cores"), lines[0]);
  assert(lines.length > 1000, `${lines.length} lines`);

  await visit(page, "host");
  await page.getByRole("group", { name: "time range" }).getByRole("button", { name: "7d", exact: true }).click();
  await page.locator(".plot canvas").first().waitFor();
  assert.deepEqual(page.wrongs, []);
});
