/** What is kept in this browser: in localStorage, else for as long as the page lives; short texts else in a cookie. */

const PREFIX = "growlytics.";
const YEAR = 31536000; // seconds
const memory = {};

/** What `work` makes of localStorage; undefined where the browser keeps us away from it, or it is full. */
function local(work) {
  try {
    return work(window.localStorage);
  } catch (error) {
    return undefined;
  }
}

/** The text under a name; null (or undefined) where there is none. */
export function read(name) {
  return name in memory ? memory[name] : local((storage) => storage.getItem(PREFIX + name));
}

/** Keep a text. Returns whether it outlives the page. */
export function write(name, text) {
  const isKept = local((storage) => {
    storage.setItem(PREFIX + name, text);
    return true;
  });
  if (isKept) delete memory[name];
  else memory[name] = text;
  return Boolean(isKept);
}

export function remove(name) {
  delete memory[name];
  local((storage) => storage.removeItem(PREFIX + name));
}

/** All names that begin so, in alphabetical order. */
export function names(beginning) {
  const stored = local((storage) => Object.keys(storage)) || [];
  const ours = stored.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  return [...ours, ...Object.keys(memory)].filter((name) => name.startsWith(beginning)).sort();
}

/** As `read`, for what `remember` has kept. */
export function recall(name) {
  return read(name) || cookie(name);
}

/** As `write`, with a cookie of this site as the second best. */
export function remember(name, text) {
  if (!write(name, text)) setCookie(name, text, YEAR);
}

export function forget(name) {
  remove(name);
  if (cookie(name)) setCookie(name, "", 0);
}

function cookie(name) {
  try {
    const found = document.cookie.split("; ").find((one) => one.startsWith(`growlytics_${name}=`));
    return found && found.split("=")[1];
  } catch (error) {
    return undefined; // a sandboxed frame
  }
}

function setCookie(name, text, seconds) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  try {
    document.cookie = `growlytics_${name}=${text}; Max-Age=${seconds}; Path=/; SameSite=Lax${secure}`;
  } catch (error) {
    // as above: then it lives as long as the page
  }
}
