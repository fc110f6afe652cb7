/** What pages load by the snippet, which keeps their calls until then. The only global is Growlytics. */

import { growlytics, run, servedFrom } from "./growlytics.js";

const stub = window.Growlytics;
const script = document.currentScript;
// The address of the script tells that of the server, also of one that doesn't stand at the root of its host.
const place = script && /^(https?:.*?)\/sdk\//.exec(script.src);

if (!stub || Array.isArray(stub._q)) {
  if (place) servedFrom(place[1]);
  window.Growlytics = growlytics;
  if (stub) {
    const calls = stub._q;
    stub._q = { push: run }; // for those who hold on to a function of the stub
    calls.forEach(run);
  }
}
