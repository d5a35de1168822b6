import { env } from "node:process";
import { defineConfig } from "vitest/config";

// Where a dockmeter answers while the page is worked on (`npm run dev`).
const exporter = env["DOCKMETER"] ?? "http://127.0.0.1:10417";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: false, reportCompressedSize: true },
  server: {
    proxy: {
      "/api": { target: exporter, ws: true },
      "/metrics": exporter,
    },
  },
  test: { include: ["tests/unit/**/*.test.{ts,tsx}"] },
});
