import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const COMPRESSIBLE = /\.(js|css|svg)$/;

/** Lays `.br` and `.gz` beside every text asset, so that the server never compresses. */
function precompressed(): Plugin {
  return {
    name: "precompressed",
    apply: "build",
    writeBundle({ dir = "" }, bundle) {
      for (const name of Object.keys(bundle).filter((file) => COMPRESSIBLE.test(file))) {
        const path = join(dir, name);
        const content = readFileSync(path);
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(`${path}.br`, brotliCompressSync(content, { params: quality }));
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

const server = process.env["TWICETOLD_URL"] ?? "http://127.0.0.1:8300";

const REPLACING = ["call/open-call", "live/second-telling", "live/running"].map(
  (name) => `tests/${name}.test.ts`,
);

export default defineConfig({
  base: "./", // relative: the page works under any path prefix
  plugins: [precompressed()],
  build: {
    outDir: process.env["PAGE_OUT"] ?? "../src/twicetold/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // a data: script or font would need a weaker content security policy
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/v1": { target: server, ws: true },
      "/docs": server,
      "/openapi.json": server,
    },
  },
  test: {
    environment: "happy-dom",
    // A world for each file takes three quarters of all the time: only those have one that put
    // something in the place of a module.
    projects: [
      { extends: true, test: { name: "apart", include: REPLACING } },
      {
        extends: true,
        test: {
          name: "together",
          include: ["tests/**/*.test.{ts,tsx}"],
          exclude: REPLACING,
          isolate: false,
        },
      },
    ],
  },
});
