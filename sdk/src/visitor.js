/** Who visits: the id of this browser, and whether anything may be told at all. */

import { forget, recall, remember } from "./storage.js";

const DID = "did";
const CHOICE = "choice"; // "in" or "out", once somebody has chosen

/** So many random bytes, as hexadecimal digits. */
export function randomHex(bytes) {
  const found = crypto.getRandomValues(new Uint8Array(bytes)); // unlike randomUUID also there on plain HTTP
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** This browser's id, made when it is first asked for. */
export function deviceId() {
  const known = recall(DID);
  if (/^[\w-]{16,64}$/.test(known || "")) return known;
  const made = randomHex(16);
  remember(DID, made);
  return made;
}

export function forgetDevice() {
  forget(DID);
}

/** Keep the visitor's choice, which counts for more than any setting. */
export function choose(isIn) {
  remember(CHOICE, isIn ? "in" : "out");
}

/** Whether the visitor may be told of. Asked each time, for the choice can be made in another tab. */
export function mayTell(settings) {
  const choice = recall(CHOICE);
  if (choice) return choice === "in";
  return !settings.optedOutByDefault && !(settings.respectDoNotTrack && wantsPrivacy());
}

function wantsPrivacy() {
  return navigator.globalPrivacyControl === true || navigator.doNotTrack === "1" || window.doNotTrack === "1";
}
