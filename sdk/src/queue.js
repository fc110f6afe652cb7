/**
 * Messages that wait until the server has answered for them.
 *
 * Each is a text under a name of its own, `m.<time>.<id>`: so tabs share one queue without overwriting each other's
 * part of it, the names in order are the messages in order, and adding one writes just that one.
 */

import { names, read, remove, write } from "./storage.js";
import { randomHex } from "./visitor.js";

const DAY = 86400000; // ms
const OLDEST = 6 * DAY; // the server knows a message again for seven
const MOST = 480;
const MOST_TEXT = 280000; // characters of all; browsers keep some five million for a whole site
const TRIMMED_AFTER = 20; // messages, or
const TRIMMED_AFTER_TEXT = 20000; // characters
const MOST_IN_BODY = 50;
const MOST_BYTES_IN_BODY = 58000; // browsers let 64 KiB outlive a page
const OTHERS_WAIT = 5000; // ms for which a message is left to the page that made it

const page = randomHex(8);
let count = 0;
let added = 0; // characters since the last trim

/** An id for a message, unlike that of any other. */
export function newId() {
  count += 1;
  return `${page}-${count}`;
}

export function bytes(text) {
  return new TextEncoder().encode(text).length;
}

/** Let a message wait, as JSON text. */
export function add(message, text) {
  write(`m.${message.time}.${message.id}`, text);
  added += text.length;
  if (count % TRIMMED_AFTER === 0 || added > TRIMMED_AFTER_TEXT) trim();
}

/**
 * The oldest messages that fit into one body: names and texts. Of messages that another page has made, only those
 * which it should have sent by now: its tab was closed, or the server was away.
 *
 * `busy`: a set of names that are on their way already.
 */
export function next(busy) {
  const batch = { names: [], texts: [] };
  let room = MOST_BYTES_IN_BODY;
  for (const name of waiting()) {
    const text = busy.has(name) || !isDue(name) ? "" : read(name);
    if (!text) continue; // or another tab has just had its answer
    room -= bytes(text) + 1;
    if (batch.names.length === MOST_IN_BODY || (room < 0 && batch.names.length > 0)) break;
    batch.names.push(name);
    batch.texts.push(text);
  }
  return batch;
}

/** These are answered for. */
export function settle(settled) {
  settled.forEach(remove);
}

export function clear() {
  settle(names("m."));
}

function isDue(name) {
  return name.includes(`.${page}-`) || Math.abs(Date.now() - timeOf(name)) > OTHERS_WAIT;
}

function timeOf(name) {
  return Number(name.split(".")[1]);
}

/** The names of those that are young enough, oldest first. The others are dropped. */
function waiting() {
  const oldest = Date.now() - OLDEST;
  return names("m.").filter((name) => timeOf(name) > oldest || remove(name));
}

/** Drop the oldest of too many. */
function trim() {
  added = 0;
  let room = MOST_TEXT;
  const kept = waiting().reverse();
  kept.forEach((name, place) => {
    room -= (read(name) || "").length;
    if (place >= MOST || room < 0) remove(name);
  });
}
