// What fires is seen with whose it is; who may silences it and changes thresholds, others read.

import { audit } from "../browser.mjs";
import { assert, enter, reader, tell, until, visit } from "./scene.mjs";

const rule = (page) => page.getByRole("row").filter({ has: page.getByText("ContainerCpuThrottled", { exact: true }) });

await tell(async (browser) => {
  const admin = await enter(browser);
  const ann = await enter(browser, {}, reader);
  for (const page of [admin, ann]) {
    await visit(page, "alerts");
    await page.getByText("Full fires").waitFor();
    await page.getByText("now 97 %").waitFor();
  }
  assert.equal(await ann.getByText("Host fires").count(), 0, "another's alert is not told");
  assert.equal(await ann.getByRole("button", { name: "Silence" }).count(), 0, "who reads cannot silence");

  await admin.getByRole("listitem").filter({ hasText: "Full fires" }).getByRole("button", { name: "Silence" }).click();
  const dialog = admin.getByRole("dialog", { name: "Silence Full" });
  await dialog.getByLabel("Why").fill("the disk is being enlarged");
  assert.deepEqual(await audit(admin), [], "the dialogue");
  await dialog.getByRole("button", { name: "Silence", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const held = admin.locator("section", { hasText: "Held back" }).getByRole("listitem").filter({ hasText: "Full fires" });
  await held.getByText("the disk is being enlarged").waitFor();
  await ann.getByText("Held back").waitFor();
  await held.getByRole("button", { name: "End this silence" }).click();
  await until("it fires again", async () => (await admin.getByText("Held back").count()) === 0);

  await visit(admin, "alerts?show=thresholds");
  await admin.getByLabel("search alerts").fill("ContainerCpuThrottled");
  await admin.getByRole("button", { name: "change ContainerCpuThrottled", exact: true }).click();
  const editor = admin.getByRole("dialog", { name: "Change ContainerCpuThrottled" });
  await editor.getByLabel(/^Fires above/).fill("-5");
  await editor.getByRole("button", { name: "Keep" }).click();
  await editor.getByRole("alert").waitFor();
  await editor.getByLabel(/^Fires above/).fill("0.6");
  await editor.getByRole("button", { name: "Keep" }).click();
  await editor.waitFor({ state: "detached" });
  await rule(admin).getByText("60 %").waitFor();
  await admin.getByRole("button", { name: "change ContainerCpuThrottled", exact: true }).click();
  await editor.getByRole("button", { name: "Back to what it was" }).click();
  await rule(admin).getByText("50 %").waitFor();

  await visit(ann, "alerts?show=thresholds");
  await rule(ann).waitFor();
  assert.equal(await ann.getByRole("button", { name: /^change/ }).count(), 0);
  for (const page of [admin, ann]) assert.deepEqual(page.wrongs, []);
});
