// A container that did nothing for a week takes a core, and whoever looks at the page sees where and
// since when: in the table, on its own view, in its chart, and among what happened.

import { join } from "node:path";
import { audit, docker } from "../browser.mjs";
import { assert, enter, named, pictures, reader, row, tell, until, visit } from "./scene.mjs";

const NAME = named("worker");

await tell(async (browser) => {
  const list = await enter(browser);
  const front = await enter(browser, { theme: "dark" });
  const alone = await enter(browser);
  await visit(list, "containers");
  await visit(alone, `containers/${NAME}?range=5m`);
  await row(list, NAME).getByText("running").waitFor();
  await alone.locator(".plot canvas").first().waitFor();
  for (const page of [list, front, alone]) assert.equal(await page.locator(".unusual").count(), 0);
  assert.equal(await front.getByRole("region", { name: "unusual now" }).count(), 0);

  docker("exec", "-d", NAME, "sh", "-c", "while :; do :; done");
  await row(list, NAME).getByText("unusual: CPU").waitFor({ timeout: 90_000 });
  const said = alone.getByRole("region", { name: "what is unusual" });
  await said.getByText(/CPU .* cores over .*, above the .* to be expected/).waitFor();
  await said.getByText(/since/).waitFor();
  const cpu = alone.locator("figure", { hasText: "CPU, in cores" });
  await cpu.getByText("unusual:").waitFor();
  assert.match(await cpu.getAttribute("aria-label"), /; unusual$/);
  assert.equal(await alone.locator("figure", { hasText: "Network" }).getByText("unusual:").count(), 0);
  await alone.locator("ol.events").getByText(/unusual: CPU/).first().waitFor();
  await front.getByRole("region", { name: "unusual now" }).getByRole("listitem").filter({ hasText: NAME }).waitFor();
  await front.locator("ol.events li").filter({ hasText: NAME }).getByText(/unusual: CPU/).first().waitFor();
  await alone.waitForTimeout(1500);
  for (const [page, name] of [[list, "containers"], [front, "overview"], [alone, "container"]]) {
    assert.deepEqual(await audit(page), [], name);
    await page.screenshot({ path: join(pictures, `unusual-${name}.png`) });
  }
  assert(await isShaded(cpu), "the time since is shaded");

  // Who comes later sees it as well, and on a phone nothing sticks out.
  const phone = await enter(browser, { width: 390, height: 844 }, reader);
  await visit(phone, "containers");
  await row(phone, NAME).getByText("unusual: CPU").waitFor();
  await visit(phone, `containers/${NAME}?range=5m`);
  await phone.getByRole("region", { name: "what is unusual" }).waitFor();
  assert((await phone.evaluate(() => document.documentElement.scrollWidth)) <= 390);

  docker("rm", "-f", NAME);
  await front.getByRole("region", { name: "unusual now" }).waitFor({ state: "detached" });
  await front.locator("ol.events li").filter({ hasText: NAME }).getByText(/was unusual when it ended/).first().waitFor();
  for (const page of [list, front, alone, phone]) assert.deepEqual(page.wrongs, []);
});

/** Whether the ground of a chart is another at its right end than at its left. */
async function isShaded(figure) {
  return until("it is shaded", () =>
    figure.locator("canvas").evaluate((canvas) => {
      const context = canvas.getContext("2d");
      const { width, height } = canvas;
      const at = (share) => context.getImageData(Math.round(width * share), Math.round(height * 0.08), 1, 1).data.join();
      return at(0.25) !== at(0.94);
    }),
  );
}
