import { beforeEach, expect, test, vi } from "vitest";

/** A browser's store of words. */
function store() {
  const words = new Map<string, string>();
  return {
    getItem: (key: string) => words.get(key) ?? null,
    setItem: (key: string, value: string) => void words.set(key, value),
    removeItem: (key: string) => void words.delete(key),
  };
}

beforeEach(() => {
  vi.stubGlobal("sessionStorage", store());
  vi.stubGlobal("localStorage", store());
  vi.resetModules();
});

async function arrive(hash: string) {
  const session = await import("../../src/api/session");
  const replaced: string[] = [];
  session.begin({ hash, pathname: "/", search: "" } as Location, { replaceState: (_: unknown, __: string, to: string) => replaced.push(to) } as unknown as History);
  return { session, replaced };
}

test("a token in the address is taken and removed from there", async () => {
  const { session, replaced } = await arrive("#token=dm_abc-123");
  expect([session.login.value, replaced]).toEqual(["Bearer dm_abc-123", ["/#/"]]);
  expect(localStorage.getItem("dockmeter.login")).toBe(null);
});

test("without one what was kept counts, the tab before the device", async () => {
  localStorage.setItem("dockmeter.login", "Bearer old");
  expect((await arrive("#/host")).session.login.value).toBe("Bearer old");
  sessionStorage.setItem("dockmeter.login", "Bearer new");
  vi.resetModules();
  expect((await arrive("#/host")).session.login.value).toBe("Bearer new");
});

test("a login that is forgotten is nowhere", async () => {
  const { session } = await arrive("#/");
  session.keep(session.withPassword("änne", "p:w"), true);
  expect(session.login.value).toBe(`Basic ${Buffer.from("änne:p:w").toString("base64")}`);
  session.forget();
  expect([session.login.value, sessionStorage.getItem("dockmeter.login"), localStorage.getItem("dockmeter.login")]).toEqual([null, null, null]);
});

test("a WebSocket brings the login as a subprotocol", async () => {
  const { session } = await arrive("#token=dm_abc");
  expect(session.subprotocols()).toEqual(["dockmeter", "dockmeter.bearer.dm_abc"]);
  session.keep("Basic YW5uOj8/Pz4+", false);
  expect(session.subprotocols()).toEqual(["dockmeter", "dockmeter.basic.YW5uOj8_Pz4-"]);
  session.forget();
  expect(session.subprotocols()).toEqual(["dockmeter"]);
});
