/** The calls that pages make. */

import { captureClicks, captureForms } from "./capture.js";
import { attributesOf, address, message, moment, textOf, visitOf } from "./messages.js";
import { watchPages } from "./pages.js";
import { add, clear } from "./queue.js";
import { guarded, later, listen, talk, warn } from "./safety.js";
import { sender } from "./sender.js";
import { choose, deviceId, forgetDevice, mayTell } from "./visitor.js";

const MOST_EARLY = 100;
const OTHERS = 6000; // ms, after which what other pages have left behind is due

let settings; // once `initialize` was called
let pages; // once it has begun
let outbox; // likewise
let early = []; // calls that were made before that
let host = ""; // where the script came from

// Each takes first when it was called, epoch ms: the page may have called before the script was there.
const CALLS = {
  initialize,
  optOut,
  optIn,
  "events.track": track,
  "user.push": push,
  "user.identify": identify,
  "user.logout": logout,
};
const ANY_TIME = ["initialize", "optOut", "optIn"];

/** Say where the server is, unless `initialize` is told. */
export function servedFrom(url) {
  host = url;
}

/** Do what a call says: `[name, arguments, when]`, as the snippet keeps those that come before the script. */
export const run = guarded((call) => {
  const [name, given, at = Date.now()] = call;
  if (!CALLS[name]) return; // the snippet of another version
  if (outbox || ANY_TIME.includes(name)) CALLS[name](at, ...given);
  else if (early.length < MOST_EARLY) early.push([name, given, at]);
});

/** The global object. */
export const growlytics = { deviceId: guarded(() => (settings && mayTell(settings) ? deviceId() : undefined)) };
Object.keys(CALLS).forEach((name) => {
  const [group, own] = name.split(".");
  const place = own ? (growlytics[group] = growlytics[group] || {}) : growlytics;
  place[own || group] = (...given) => run([name, given]);
});

function initialize(at, given) {
  const wanted = { host, ...given };
  if (settings) return warn("initialize was called before");
  talk(wanted.debug);
  if (!textOf(wanted.apiKey) || !textOf(wanted.host)) return warn("initialize needs an apiKey and a host", given);
  wanted.host = wanted.host.replace(/\/+$/, "");
  settings = wanted;
  // A page that is loaded before anybody has asked for it is no visit yet.
  if (document.prerendering) listen(document, "prerenderingchange", () => begin(Date.now()));
  else begin(at);
}

function begin(at) {
  outbox = sender(settings);
  pages = watchPages(visit, settings.trackHash);
  pages.tell(at);
  if (settings.captureClicks) captureClicks(captured);
  if (settings.captureForms) captureForms(captured);
  listen(window, "online", outbox.wake);
  listen(window, "pagehide", leave);
  listen(document, "visibilitychange", () => (document.visibilityState === "hidden" ? leave() : outbox.soon()));
  early.forEach(run);
  early = [];
  later(outbox.soon, OTHERS);
}

/** The page is left, perhaps for good. */
function leave() {
  pages.settle();
  outbox.close();
}

function optOut() {
  choose(false);
  clear();
  forgetDevice();
}

function optIn(at) {
  const isNews = pages && !mayTell(settings);
  choose(true);
  if (isNews) pages.tell(at);
}

function track(at, name, attributes) {
  const text = textOf(name);
  const url = address(location.href, settings.trackHash);
  if (text) tell("event", moment(at), { name: text, attributes: attributesOf(attributes), url });
  else warn("an event needs a name", name);
}

function captured(name, attributes) {
  track(Date.now(), name, attributes);
}

function push(at, given) {
  const attributes = attributesOf(given);
  if (attributes) tell("attributes", moment(at), { attributes });
}

function identify(at, id, attributes, options) {
  const userId = textOf(id);
  const signature = textOf((options || {}).signature);
  if (userId) tell("identify", moment(at), { userId, signature, attributes: attributesOf(attributes) });
  else warn("a customer's id must be a text or a number", id);
}

function logout(at) {
  tell("logout", moment(at));
}

/** A visit begins; what is returned tells it. */
function visit(at, url, referrer) {
  const time = moment(at);
  return () => tell("page", time, visitOf(url, referrer));
}

function tell(type, time, content) {
  if (!mayTell(settings)) return;
  add(...message(type, time, content));
  outbox.soon();
}
