/** Nothing that goes wrong in here may reach the page. */

let isTalkative = false;

/** Say from now on (or no more) what was wrong with a call. */
export function talk(isOn) {
  isTalkative = isOn;
}

/** Tell whoever builds the page, if they asked for it. */
export function warn(...words) {
  if (isTalkative && window.console) console.warn("Growlytics:", ...words);
}

/** A function that does the same, but never throws. */
export function guarded(work) {
  return function (...given) {
    try {
      return work.apply(this, given);
    } catch (error) {
      warn(error);
      return undefined;
    }
  };
}

/** Do something after so many ms. Returns what clearTimeout takes. */
export function later(work, delay) {
  return setTimeout(guarded(work), delay);
}

/** Listen without being able to hold anything up, before a handler of the page can stop the event. */
export function listen(target, type, work) {
  target.addEventListener(type, guarded(work), { capture: true, passive: true });
}
