/** Page visits: that of the document, and those that its script makes of it without loading anything. */

import { address } from "./messages.js";
import { guarded, later, listen } from "./safety.js";

const TITLE_WAIT = 100; // ms: single-page applications change the address first, the title next

/**
 * Watch which page the document shows. `begin(at, url, referrer)` is called with a visit as it begins, and returns what
 * tells it; that is called a little later, by when the page has its title, or when the page is left.
 *
 * Returns: `tell(at)`, to begin a visit of the page as it is; `settle`, to tell at once of a visit that has begun.
 */
export function watchPages(begin, isWithHash) {
  let shown = "";
  let told; // of the visit that has begun

  function settle() {
    const last = told;
    told = undefined;
    if (last) last();
  }

  function visit(at, url, referrer) {
    settle();
    shown = url;
    const tellThis = (told = begin(at, url, referrer));
    later(() => told === tellThis && settle(), TITLE_WAIT);
  }

  const moved = guarded(() => {
    const url = address(location.href, isWithHash);
    if (url !== shown) visit(Date.now(), url, shown);
  });

  ["pushState", "replaceState"].forEach((name) => {
    const original = history[name];
    history[name] = function () {
      const result = original.apply(this, arguments); // an error of the page's own stays its own
      moved(); // now, so that what the page tracks next comes after it
      return result;
    };
  });
  listen(window, "popstate", moved);
  listen(window, "hashchange", moved);
  // Pages that come back as they were left load nothing. Who referred to them then doesn't now.
  listen(window, "pageshow", (event) => event.persisted && visit(Date.now(), shown, ""));

  return { settle, tell: (at) => visit(at, address(location.href, isWithHash), document.referrer) };
}
