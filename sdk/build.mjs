// Builds the script that pages load: `node build.mjs [folder]`, into <folder>/<version>/, by default of static/sdk/.

import { readFileSync } from "node:fs";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("package.json", here), "utf8"));

await build({
  absWorkingDir: decodeURIComponent(here.pathname),
  entryPoints: ["src/script.js"],
  outfile: `${process.argv[2] ?? "../static/sdk"}/${version}/growlytics.js`,
  bundle: true,
  format: "iife",
  target: "es2018",
  minify: true,
  charset: "utf8",
  sourcemap: true,
  // Wherever it is built to, the map names its sources alike.
  sourceRoot: "growlytics",
});
