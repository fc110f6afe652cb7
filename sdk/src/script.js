/** What pages load by the snippet, which keeps their calls until then. The only global is Growlytics. */

import { growlytics, run, servedFrom } from "./growlytics.js";

const stub = window.Growlytics;
const script = document.currentScript;

if (!stub || Array.isArray(stub._q)) {
  // The address of the script tells that of the server, also of one that doesn't stand at the root of its host.
  if (script && /^https?:/.test(script.src)) servedFrom(script.src.replace(/\/sdk\/[^?#]*([?#].*)?$/, ""));
  window.Growlytics = growlytics;
  if (stub) {
    const calls = stub._q;
    stub._q = { push: run }; // for those who hold on to a function of the stub
    calls.forEach(run);
  }
}
