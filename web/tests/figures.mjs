// What the page takes, in a real browser against a dockmeter that runs:
//
//   node web/tests/figures.mjs URL [--minutes N]
//
// Bytes of the page; from an event's arrival to the frame that shows it; six charts of 1,000
// points each; frames a second while numbers stream; and with N the memory of the tab after that
// time. URL may bring a login (`#token=…`).

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { FLAGS, PROGRAM, environment, launch, open } from "./browser.mjs";

const [url] = argv.slice(2);
const minutes = Number(argv[argv.indexOf("--minutes") + 1] ?? 0) || 0;
if (!url) {
  console.error("figures: say where a dockmeter is, as `node web/tests/figures.mjs http://127.0.0.1:10417`");
  exit(1);
}
const address = new URL(url);
const at = (path) => `${address.origin}/#/${path}`;

const browser = await launch();
console.log(`${(await browser.version()).replace(/^/, "Chromium ")}`);

/** Bytes on the wire of the page's own files. */
async function weight() {
  const page = await open(browser);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const files = new Map();
  session.on("Network.responseReceived", ({ requestId, response }) => files.set(requestId, response.url));
  let bytes = 0;
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const path = new URL(files.get(requestId) ?? address.origin).pathname;
    if (!path.startsWith("/api/")) bytes += encodedDataLength;
  });
  await page.goto(address.href);
  await page.getByRole("heading", { name: "Whose it is" }).waitFor();
  await page.waitForTimeout(1000);
  console.log(`page weight: ${(bytes / 1000).toFixed(1)} kB on the wire, headers included`);
  await page.context().close();
}

/** Notes in the page when an event of numbers came, and when the frame after its change was drawn. */
function watchEvents() {
  globalThis.delays = [];
  const read = ReadableStreamDefaultReader.prototype.read;
  let came = 0;
  ReadableStreamDefaultReader.prototype.read = async function (...words) {
    const piece = await read.apply(this, words);
    if (typeof piece.value === "string" && piece.value.includes("event: metrics")) came = performance.now();
    return piece;
  };
  new MutationObserver(() => {
    if (came === 0) return;
    const since = came;
    came = 0;
    requestAnimationFrame(() => setTimeout(() => globalThis.delays.push(performance.now() - since)));
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** From the arrival of numbers to the pixels, and frames a second meanwhile. */
async function streaming(seconds) {
  for (const path of ["", "containers"]) {
    const page = await open(browser, { reducedMotion: "no-preference" });
    await page.addInitScript(watchEvents);
    await page.goto(address.href);
    await page.goto(at(path));
    await page.waitForTimeout(3000);
    const frames = await page.evaluate(
      (seconds) =>
        new Promise((done) => {
          globalThis.delays.length = 0;
          const steps = [];
          let before = performance.now();
          const end = before + seconds * 1000;
          const frame = (now) => {
            steps.push(now - before);
            before = now;
            if (now < end) requestAnimationFrame(frame);
            else done(steps);
          };
          requestAnimationFrame(frame);
        }),
      seconds,
    );
    const delays = await page.evaluate(() => globalThis.delays);
    const containers = path === "containers" ? `, ${await page.locator("table.list tbody tr").count()} rows` : "";
    const late = frames.filter((step) => step > 25).length;
    console.log(
      `#/${path}${containers}: ${(frames.length / seconds).toFixed(1)} frames a second, ${late} of ${frames.length} late; ` +
        `event to pixel ${quantile(delays, 0.5).toFixed(1)} ms median, ${quantile(delays, 0.99).toFixed(1)} ms p99 of ${delays.length}`,
    );
    await page.context().close();
  }
}

/** Six charts of 1,000 points each: from the answer's arrival until they are drawn. */
async function charts() {
  const page = await open(browser);
  await page.addInitScript(() => {
    globalThis.drawn = [];
    const json = Response.prototype.json;
    Response.prototype.json = async function () {
      const value = await json.call(this);
      if (this.url.includes("/metrics/history")) {
        const since = performance.now();
        requestAnimationFrame(() => setTimeout(() => globalThis.drawn.push(performance.now() - since)));
      }
      return value;
    };
  });
  await page.route("**/metrics/history?*", async (route) => {
    const answer = await (await route.fetch()).json();
    const last = Date.parse(answer.to);
    const point = answer.points.at(-1) ?? {};
    const figures = Object.keys(point).filter((name) => name !== "timestamp");
    answer.points = Array.from({ length: 1000 }, (_, place) => ({
      timestamp: new Date(last - (999 - place) * 900).toISOString(),
      ...Object.fromEntries(figures.map((name, number) => [name, 1e6 * (1 + Math.sin(place / 40 + number)) + Math.random() * 1e5])),
    }));
    await route.fulfill({ json: answer });
  });
  await page.goto(address.href);
  await page.goto(at("containers"));
  await page.locator("table.list tbody tr").first().waitFor();
  const links = await page.locator("table.list tbody th a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  const times = [];
  for (const link of [...links, ...links].slice(0, 12)) {
    await page.goto(`${address.origin}/${link}`);
    await page.locator(".plot canvas").nth(5).waitFor();
    await page.waitForTimeout(700);
    times.push((await page.evaluate(() => globalThis.drawn.splice(0)))[0]);
  }
  console.log(`6 charts of 1,000 points: ${quantile(times, 0.5).toFixed(1)} ms median, ${Math.max(...times).toFixed(1)} ms at most of ${times.length}, from the answer to the frame`);
  await page.context().close();
}

/** Memory of the process that draws the page, in MB: its own, and with its share of what others have, too. */
function tabMemory(browserId) {
  const renderers = readdirSync("/proc").filter((id) => {
    try {
      const words = readFileSync(`/proc/${id}/cmdline`, { encoding: "utf8" });
      return words.includes("--type=renderer") && isBelow(id, browserId);
    } catch {
      return false;
    }
  });
  const sizes = renderers.map((id) => {
    const text = readFileSync(`/proc/${id}/smaps_rollup`, { encoding: "utf8" });
    const megabytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) / 1000;
    return { own: megabytes("Pss_Anon"), all: megabytes("Pss") };
  });
  // Beside it there are some in reserve.
  return sizes.reduce((a, b) => (b.all > a.all ? b : a));
}

/** Whether a process was started by another, or by one that was. */
function isBelow(id, ancestor) {
  const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, { encoding: "utf8" }))?.[1] ?? 0);
  return parent === ancestor || (parent > 1 && isBelow(parent, ancestor));
}

/**
 * In a browser that nobody looks into: an inspector keeps every answer that the page gets. What
 * needs no login is shown.
 */
async function memory() {
  const folder = mkdtempSync(join(tmpdir(), "figures-"));
  const words = [...FLAGS, "--headless=new", "--window-size=1440,900", `--user-data-dir=${folder}`, at("containers")];
  const browser = spawn(PROGRAM, words, { env: environment(), stdio: "ignore" });
  const begun = Date.now();
  const looks = [1, 10, minutes / 2, minutes].filter((minute, place, all) => minute <= minutes && all.indexOf(minute) === place);
  for (const minute of looks.sort((a, b) => a - b)) {
    await new Promise((go) => setTimeout(go, begun + minute * 60_000 - Date.now()));
    const { own, all } = tabMemory(browser.pid);
    console.log(`after ${minute} min: the tab's process has ${own.toFixed(0)} MB of its own, ${all.toFixed(0)} MB with its share of the browser's files`);
  }
  browser.kill();
  await new Promise((gone) => browser.once("exit", gone));
  rmSync(folder, { recursive: true, force: true });
}

await weight();
await streaming(20);
await charts();
await browser.close();
if (minutes > 0) await memory();
