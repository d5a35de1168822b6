// The connection is cut and comes back: the page says so, keeps what it had, and goes on by itself
// with what happened meanwhile.

import { connect, createServer } from "node:net";
import { docker } from "../browser.mjs";
import { assert, enter, named, row, tell, until, url, visit } from "./scene.mjs";

/** A wire between browser and program that can be cut. */
async function wire() {
  const target = new URL(url);
  const sockets = new Set();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (sockets.delete(socket), near.destroy(), far.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => {
      whole = false;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      whole = true;
    },
    close: () => server.close(),
  };
}

await tell(async (browser) => {
  const line = await wire();
  const page = await enter(browser, {}, undefined, line.url);
  await visit(page, "containers");
  await row(page, named("steady")).waitFor();
  await page.getByText(/^live/).waitFor();

  line.cut();
  await page.getByRole("alert").getByText("Connection lost").waitFor();
  await page.getByText("not live", { exact: true }).waitFor();
  assert(await row(page, named("steady")).isVisible(), "what was known stays");

  docker("run", "-d", "--name", named("meanwhile"), "dockmeter-test", "sleep", "1000");
  docker("rm", "-f", named("steady"));
  line.mend();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.getByText(/^live/).waitFor();
  await row(page, named("meanwhile")).waitFor();
  await row(page, named("steady")).waitFor({ state: "detached" });
  await visit(page, "");
  const events = page.locator("ol.events li");
  await events.filter({ hasText: `${named("meanwhile")} started` }).waitFor();
  await until("each event stands there once", async () => (await events.filter({ hasText: `${named("meanwhile")} started` }).count()) === 1);

  line.cut();
  await page.getByRole("alert").getByText("Connection lost").waitFor();
  line.mend();
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByRole("alert").waitFor({ state: "detached" });

  // A first visit without a connection says so, too, and comes to itself.
  const late = await enter(browser, {}, undefined, line.url);
  line.cut();
  await visit(late, `containers/${named("meanwhile")}`);
  await late.getByText(/No connection|Connection lost/).first().waitFor();
  line.mend();
  await late.getByRole("heading", { level: 1, name: named("meanwhile") }).waitFor();
  await late.locator(".plot canvas").first().waitFor();
  docker("rm", "-f", named("meanwhile"));
  line.close();
});
