// Who logs in: by the address, by a token, by a password. A tenant's token sees its own and nothing
// else; who may not see something is told so.

import { env } from "node:process";
import { audit } from "../browser.mjs";
import { assert, enter, named, names, reader, row, tell, token, until, url, visit } from "./scene.mjs";

await tell(async (browser) => {
  // Without a login a page without secrets is open on the machine itself; logs are not.
  const guest = await enter(browser, {}, "");
  await visit(guest, "containers");
  await row(guest, named("anns")).waitFor();
  await visit(guest, "logs");
  const secret = guest.getByLabel("Token", { exact: true });
  await secret.fill("dm_wrong");
  await guest.getByRole("button", { name: "Log in" }).click();
  await guest.getByRole("alert").getByText("refused").waitFor();
  assert.deepEqual(await audit(guest), [], "a refused login");
  await secret.fill(token);
  await guest.getByRole("button", { name: "Log in" }).click();
  await guest.getByRole("log").getByText("hello of ann").first().waitFor();
  await guest.reload();
  await guest.getByRole("log").getByText("hello of ann").first().waitFor();
  await guest.getByRole("button", { name: "Log out" }).click();
  await guest.getByLabel("Token", { exact: true }).waitFor();
  const kept = await guest.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
  assert(!kept.includes(token), "a login that is over is nowhere");

  // What is not set up here says so.
  await visit(guest, "alerts");
  await guest.getByText("No Alertmanager is named").waitFor();

  // A tenant's token.
  const tenant = await enter(browser, {}, reader);
  await visit(tenant, "containers");
  await row(tenant, named("anns")).waitFor();
  assert.deepEqual((await names(tenant)).filter((name) => name.startsWith(named(""))), [named("anns")]);
  await visit(tenant, "logs");
  await tenant.getByRole("log").getByText("hello of ann").first().waitFor();
  assert.equal(await tenant.getByText("hello of bob").count(), 0);
  await visit(tenant, `containers/${named("bobs")}`);
  await tenant.getByText("Not there").waitFor();
  await visit(tenant, "host");
  await tenant.getByText(/Not there|No permission/).first().waitFor();
  assert(!(await tenant.locator("body").innerText()).includes("bob"), "nothing of another is told");

  // A password, where the program has users.
  const closed = await enter(browser, {}, "", env.CLOSED_URL ?? url);
  await closed.getByText("you have to log in").first().waitFor();
  await closed.getByRole("button", { name: "User and password" }).click();
  await closed.getByLabel("User", { exact: true }).fill("ops");
  await closed.getByLabel("Password").fill("word");
  await closed.getByLabel("Stay logged in").check();
  await closed.getByRole("button", { name: "Log in" }).click();
  await until("it is let in", async () => (await closed.getByText("Whose it is").count()) > 0);
  await visit(closed, `containers/${named("anns")}`);
  await closed.locator(".plot canvas").first().waitFor();
  await closed.getByRole("button", { name: "Log out" }).click();
  await closed.getByText("you have to log in").first().waitFor();
  assert.equal(await closed.locator(".plot canvas").count(), 0, "what a login showed goes with it");
  await visit(closed, "");
  await closed.getByText("you have to log in").first().waitFor();
  assert(!(await closed.locator("body").innerText()).includes(named("")), "no container is named any more");
  for (const page of [guest, tenant, closed]) assert.deepEqual(page.wrongs, []);
});
