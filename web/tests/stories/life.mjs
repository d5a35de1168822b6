// A container starts, is throttled, is killed by the OOM killer and disappears, and whoever looks at
// the page sees each of it, without doing anything.

import { docker } from "../browser.mjs";
import { assert, enter, named, row, tell, until, visit } from "./scene.mjs";

const NAME = named("victim");
const LABELS = ["--label=dockmeter.user=ann", "--label=dockmeter.project=shop", "--label=dockmeter.team=core"];

await tell(async (browser) => {
  const list = await enter(browser);
  const front = await enter(browser);
  const alone = await enter(browser);
  await visit(list, "containers");
  await list.getByText("No containers yet").waitFor();
  await front.getByText("There are no containers yet").waitFor();

  docker("run", "-d", "--name", NAME, ...LABELS, "--cpus=0.2", "--memory=32m", "dockmeter-test", "sh", "-c", "while :; do :; done");
  await row(list, NAME).getByText("running").waitFor();
  await front.getByRole("listitem").filter({ hasText: `${NAME} started` }).first().waitFor();
  await visit(alone, `containers/${NAME}?range=5m`);
  await alone.getByRole("heading", { level: 1, name: NAME }).waitFor();

  await until("its CPU is drawn", async () => {
    const said = await alone.locator("figure", { hasText: "CPU, in cores" }).locator("figcaption").innerText();
    return Number(/used ([\d.]+)/.exec(said)?.[1] ?? 0) > 0;
  });
  await until("it is seen held back", async () => {
    const said = await alone.locator("figure", { hasText: "Held back" }).locator("figcaption").innerText();
    return Number(/throttled (\d+)/.exec(said)?.[1] ?? 0) > 25;
  });
  const trouble = front.getByRole("region", { name: "in trouble" }).getByRole("listitem").filter({ hasText: NAME });
  await trouble.first().waitFor();
  const said = await trouble.first().innerText();
  for (const word of ["CPU", "ann", "shop", "core", "since"]) assert(said.includes(word), `${word} is not in: ${said}`);
  await row(list, NAME).locator(".reason").waitFor();

  docker("exec", "-d", NAME, "sh", "-c", "head -c 64m /dev/zero | tail");
  const killed = /killed for want of memory/;
  await alone.locator("ol.events").getByText(killed).first().waitFor();
  await front.locator("ol.events li").filter({ hasText: NAME }).getByText(killed).first().waitFor();
  await trouble.getByText(/was killed within the hour for want of memory/).first().waitFor();
  assert(await alone.locator(".strip .pin.bad").count(), "it stands on the time axis");

  docker("rm", "-f", NAME);
  await row(list, NAME).waitFor({ state: "detached" });
  await front.locator("ol.events li").filter({ hasText: `${NAME} removed` }).first().waitFor();
  await alone.getByText("gone").first().waitFor();
  await trouble.first().waitFor({ state: "detached" });
  assert(await alone.locator(".plot canvas").count(), "what it did is still there");
  for (const page of [list, front, alone]) assert.deepEqual(page.wrongs, []);
});
