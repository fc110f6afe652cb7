/** Clicks and forms, for those who ask for them. What people type, choose or mark is never read. */

import { listen } from "./safety.js";

const CLICKABLE = "a[href], button, [role=button], [role=link], input[type=submit], input[type=button]";
const TYPED = "input, textarea, select, [contenteditable]";
const LONGEST = 100;

/** `tell(name, attributes)` is called for each click on a link or a button. */
export function captureClicks(tell) {
  listen(document, "click", (event) => {
    const target = event.target.closest && event.target.closest(CLICKABLE);
    if (!target || target.closest("[contenteditable]")) return;
    const isPlain = !target.matches(TYPED) && !target.querySelector(TYPED);
    tell("Clicked", {
      Text: isPlain ? short(target.textContent.replace(/\s+/g, " ").trim()) : undefined,
      Link: link(target.getAttribute("href")),
      ...named(target),
    });
  });
}

/** `tell(name, attributes)` is called for each form that is sent: which form, and nothing of what is in it. */
export function captureForms(tell) {
  listen(document, "submit", (event) => {
    const form = event.target;
    tell("Form Submitted", { Action: link(form.getAttribute("action") || location.href), ...named(form) });
  });
}

// Attributes, not properties: a field called "id" takes the place of its form's property of that name.
function named(element) {
  return { Id: short(element.getAttribute("id")), Name: short(element.getAttribute("name")) };
}

/** Where a link leads, without what may be secret: the part after ? or #, and all that is no web address. */
function link(text) {
  if (!text) return undefined;
  const url = new URL(text, document.baseURI);
  return /^https?:$/.test(url.protocol) ? short(url.origin + url.pathname) : undefined;
}

function short(text) {
  return text ? text.slice(0, LONGEST) : undefined;
}
