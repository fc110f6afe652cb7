/** Sends what waits: in batches, again after a growing pause while the server is away, and what is left at the end. */

import { device } from "./messages.js";
import { clear, next, settle } from "./queue.js";
import { later, warn } from "./safety.js";
import { deviceId, mayTell } from "./visitor.js";

// All in ms.
const COMPANY = 1000; // a message waits so long for others
const PATIENCE = 30000; // with an answer
const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 300000;
const LONGEST_PAUSE_ASKED = 600000; // by Retry-After
const FAULTY = [400, 403, 413, 422]; // the same again would be refused again

/** `settings`: apiKey, host, and those of `mayTell`. */
export function sender(settings) {
  const url = `${settings.host}/api/v1/browser`;
  const busy = new Set(); // names of messages that are on their way
  let timer = 0;
  let failures = 0; // in a row
  let isStopped = false;
  let isIntroduced = false; // the server has been told of the device

  /** Send before long. */
  function soon(delay = COMPANY) {
    timer = timer || later(send, delay);
  }

  /** There is a connection again: don't wait for the end of a pause. */
  function wake() {
    clearTimeout(timer);
    timer = failures = 0;
    soon();
  }

  function send() {
    timer = 0;
    if (!mayTell(settings)) clear();
    else if (!busy.size && isOpen()) post(next(busy));
  }

  /** The page may be gone any moment: send what isn't on its way yet. */
  function close() {
    if (failures || !isOpen() || !mayTell(settings)) return;
    const batch = next(busy);
    // A fetch that outlives its page is better than a beacon: that goes without the page's origin where the page has
    // a strict Referrer-Policy, carries cookies, and has no answer for a page that was only hidden.
    if ("keepalive" in Request.prototype) post(batch);
    else if (batch.names.length && navigator.sendBeacon(url, bodyOf(batch))) later(hold(batch, soon), PATIENCE);
  }

  function isOpen() {
    return !isStopped && navigator.onLine !== false;
  }

  function post(batch) {
    if (!batch.names.length) return;
    const end = hold(batch, (work) => work());
    later(() => end(pause), PATIENCE);
    const headers = { "Content-Type": "text/plain" }; // or browsers would ask for permission by another request
    fetch(url, { method: "POST", body: bodyOf(batch), headers, credentials: "omit", keepalive: true })
      .then((answer) => answer.json().then((content) => [answer, content], () => [answer, {}]))
      .then(([answer, content]) => end(() => judge(batch, answer, content)), () => end(pause))
      .catch(warn);
  }

  /** Messages are on their way, until the function that is returned is called: once, then it does `work`. */
  function hold(batch, work) {
    let isHeld = true;
    batch.names.forEach((name) => busy.add(name));
    return (given) => {
      if (!isHeld) return;
      isHeld = false;
      batch.names.forEach((name) => busy.delete(name));
      work(given);
    };
  }

  /** What becomes of messages by the server's answer. They stay unless that was really the server's, and about them. */
  function judge(batch, answer, content) {
    const { status } = answer;
    const why = content.details && content.details[0] && content.details[0].message;
    if (status === 200 && typeof content.accepted === "number") {
      failures = 0;
      isIntroduced = true;
      (content.refused || []).forEach((one) => warn("the server refused a message", one));
      (content.ignored || []).forEach((one) => warn("the server ignored a value", one));
      settle(batch.names);
      soon();
    } else if (status === 401 || (status === 403 && why)) {
      isStopped = true; // for this page; another may have a better key
      warn(`nothing more is sent: ${status} ${why}`);
    } else if (FAULTY.includes(status)) {
      warn(`${batch.names.length} messages are dropped: ${status} ${why}`);
      settle(batch.names);
      soon();
    } else {
      pause(Number(answer.headers.get("Retry-After")) * 1000);
    }
  }

  /** Try again later. `asked`: how long the server wants to be left alone. */
  function pause(asked = 0) {
    const growing = Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE) * (0.5 + Math.random());
    failures += 1;
    clearTimeout(timer);
    timer = later(send, Math.max(growing, Math.min(asked || 0, LONGEST_PAUSE_ASKED)));
  }

  function bodyOf(batch) {
    const told = { key: settings.apiKey, did: deviceId(), sentAt: Date.now() };
    if (!isIntroduced) told.device = device();
    return `${JSON.stringify(told).slice(0, -1)},"messages":[${batch.texts.join(",")}]}`; // they are JSON already
  }

  return { soon, wake, close };
}
