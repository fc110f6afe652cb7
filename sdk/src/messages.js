/** Messages as the server takes them, out of what a page says; what it can't take is left out, and told. */

import { bytes, newId } from "./queue.js";
import { warn } from "./safety.js";

const MOST_BYTES = 32000; // of a message
const LONGEST_URL = 2048;
const LONGEST_TITLE = 500;
const LONGEST_CAMPAIGN = 512; // of each UTM value and click id
const HALVES = /\\ud[89a-f]../g; // of surrogate pairs: JSON.stringify escapes those that have lost their other half
let last = 0;

/** A message, and its JSON text. `time`: a moment of its own. */
export function message(type, time, content) {
  const made = { id: newId(), type, time, ...content };
  return [made, JSON.stringify(made).replace(HALVES, "\\ufffd")];
}

/**
 * The moment of a message that happens at `at`, epoch ms. No two messages of a page share one, for the server tells
 * their order by it. A clock that was put back by more than a second is believed.
 */
export function moment(at) {
  last = at <= last && at > last - 1000 ? last + 1 : at;
  return last;
}

/** Those of somebody's attributes that can be told; undefined if there are none. */
export function attributesOf(given) {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "object" || Array.isArray(given)) {
    warn("attributes must be an object", given);
    return undefined;
  }
  const told = {};
  let room = MOST_BYTES;
  Object.keys(given).forEach((name) => {
    if (given[name] === undefined) return;
    const text = jsonOf(given[name]);
    const size = text ? bytes(name) + bytes(text) : Infinity;
    if (size > room) {
      warn(`the attribute "${name}" is left out: it is too large, or nothing that can be sent`);
    } else {
      told[name] = JSON.parse(text);
      room -= size;
    }
  });
  return Object.keys(told).length ? told : undefined;
}

/** Undefined for what JSON doesn't have, and for null, which has no type: functions, circles, NaN. */
function jsonOf(value) {
  try {
    const text = JSON.stringify(value);
    return text === "null" ? undefined : text;
  } catch (error) {
    return undefined;
  }
}

/** A text with something in it, or undefined. A number becomes one, for ids are often numbers. */
export function textOf(given) {
  const text = typeof given === "number" && isFinite(given) ? String(given) : given;
  return typeof text === "string" && text.trim() ? text : undefined;
}

/** An address as it is told. The part after # stays here unless the page's router uses it: it may hold secrets. */
export function address(url, isWithHash) {
  return (isWithHash ? url : url.split("#")[0]).slice(0, LONGEST_URL);
}

/** What a page visit says besides its address and title. */
export function visitOf(url, referrer) {
  const query = new URL(url).searchParams;
  const values = (names, prefix) => {
    const found = {};
    names.forEach((name) => {
      const value = query.get(prefix + name);
      if (value) found[name] = value.slice(0, LONGEST_CAMPAIGN);
    });
    return Object.keys(found).length ? found : undefined;
  };
  return {
    url,
    title: document.title.slice(0, LONGEST_TITLE),
    referrer: referrer ? referrer.slice(0, LONGEST_URL) : undefined,
    utm: values(["source", "medium", "campaign", "term", "content"], "utm_"),
    clickIds: values(["gclid", "fbclid"], ""),
  };
}

/** What this browser says of itself. */
export function device() {
  return {
    language: navigator.language,
    screen: `${screen.width}x${screen.height}`,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}
