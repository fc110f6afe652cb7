// Builds the script that pages load: `node build.mjs [folder]`, into <folder>/<version>/, by default of static/sdk/.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const folder = join(process.argv[2] ?? join(here, "../static/sdk"), version);

const built = await build({
  absWorkingDir: here,
  entryPoints: ["src/script.js"],
  outfile: "growlytics.js", // not written there: the map names its sources from here, wherever it lies
  write: false,
  bundle: true,
  format: "iife",
  target: "es2018",
  minify: true,
  charset: "utf8",
  sourcemap: true,
});

mkdirSync(folder, { recursive: true });
for (const file of built.outputFiles) writeFileSync(join(folder, basename(file.path)), file.contents);
