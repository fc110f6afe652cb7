// What pages can't do by HTML alone: copy buttons, a question before revoking, keys for the keyboard, and what htmx
// leaves open: where the focus goes, and what happens when a part of a page doesn't come.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  if (!navigator.clipboard) {
    // Plain HTTP from another machine: browsers keep the clipboard away, so leave the text selected.
    window.getSelection().selectAllChildren(button.previousElementSibling);
    return;
  }
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.label ??= button.getAttribute("aria-label");
  button.classList.add("copied");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.classList.remove("copied");
    button.setAttribute("aria-label", button.dataset.label);
  }, 1500);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// Keys. What `j` and `k` go over gets the real focus, so that Enter does what it always does.

const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const ROWS = "#list tbody tr > :first-child a, .choice .row-link, #activities .event > summary, .arrival-event a, .entries-table .row-link, .reasons .row-link";
const KEYS = {
  "/": () => search()?.select(),
  "?": () => openHelp(),
  j: () => step(1),
  k: () => step(-1),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "ArrowDown" && event.target === search()) {
    event.preventDefault();
    step(1);
    return;
  }
  // One key alone can be in the way of those who speak to their computer: it can be switched off (WCAG 2.1.4).
  if (event.target.closest(TYPING) || localStorage.getItem("keys") === "off" || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

function search() {
  return document.querySelector(".search input[type=search]");
}

function step(by) {
  const rows = [...document.querySelectorAll(ROWS)].filter((row) => row.offsetParent);
  const here = rows.findIndex((row) => row.closest("tr, li, details, article").contains(document.activeElement));
  // From elsewhere, to the first one in view: whoever has scrolled is reading there.
  const next = here < 0 ? rows.findIndex((row) => row.getBoundingClientRect().top >= 0) : here + by;
  rows[next]?.focus({ preventScroll: true });
  rows[next]?.scrollIntoView({ block: "nearest" });
}

function openHelp() {
  document.getElementById("keyboard")?.showModal();
}

document.addEventListener("click", (event) => {
  const wantsTab = event.ctrlKey || event.metaKey || event.shiftKey;
  if (wantsTab || !event.target.closest("[data-help]") || !document.getElementById("keyboard")) return;
  event.preventDefault();
  openHelp();
});

for (const box of document.querySelectorAll("[data-keys]")) {
  box.checked = localStorage.getItem("keys") !== "off";
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
}

// A box that lies over the page closes by a click beside it and by Escape, which gives the focus back to what opened it.

const OPEN_BOXES = ":is(.menu, .tool)[open]";

document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll(OPEN_BOXES)) if (!box.contains(event.target)) box.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  for (const box of document.querySelectorAll(OPEN_BOXES)) {
    const isHere = document.activeElement === document.body || box.contains(document.activeElement);
    box.open = false;
    if (isHere) box.querySelector("summary").focus();
  }
});

// A swap keeps the focus: on what is the same in the new part of the page, with what has been typed meanwhile.

let left = null;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  left = detail.shouldSwap && detail.target.contains(document.activeElement) ? document.activeElement : null;
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!left || left.isConnected) return;
  const before = left;
  left = null;
  const all = [...document.querySelectorAll(before.tagName)];
  const again = [["id", "href"], ["id"]].map((marks) => all.find((one) => likeness(one, marks) === likeness(before, marks))).find(Boolean);
  if (!again) return;
  again.focus({ preventScroll: true });
  if (detail.requestConfig.verb !== "get" || !before.matches(TYPING) || before.tagName === "SELECT") return;
  const hasChanged = detail.requestConfig.formData.get(before.name) !== before.value;
  if (!hasChanged && again.value !== before.value.trim()) return; // the server has emptied it
  again.value = before.value;
  if (before.selectionStart !== null) again.setSelectionRange(before.selectionStart, before.selectionEnd);
  if (hasChanged) again.dispatchEvent(new Event("input", { bubbles: true }));
});

// What tells one control from the others around it.
function likeness(one, marks) {
  const choice = /checkbox|radio/.test(one.type) ? one.value : "";
  const words = one.matches("a, button") ? one.textContent.trim() : "";
  return [one.name, choice, words, one.closest("[id]")?.id, ...marks.map((mark) => one.getAttribute(mark))].join("\n");
}

// Whoever goes back or forward before this page's scripts stand is at an address whose page nobody has asked for.

document.addEventListener("DOMContentLoaded", () => {
  const [loaded] = performance.getEntriesByType("navigation");
  const [asked, shown] = [location.href, loaded.name].map((address) => address.split("#")[0]);
  if (asked !== shown) location.reload();
});

// A part that doesn't come says so where it would stand, and leaves the rest of the page alone.

const failures = new WeakMap();

for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(kind, ({ detail }) => fail(detail));
}

document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.status < 400) failures.get(detail.elt)?.remove();
});

function fail({ elt, target, xhr, etc, requestConfig, pathInfo }) {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html"); // which says what is wrong, if one came
  const words = page.querySelector("main h1")
    ? [...page.querySelectorAll("main h1, main h1 ~ p:not(:has(a))")].map((one) => one.textContent.trim())
    : ["The server can’t be reached", "What you see here is from before."];
  const former = failures.get(elt);
  if (former?.isConnected && former.dataset.words === words.join()) return;
  const box = document.createElement("div");
  box.className = "warning failed";
  box.role = "alert";
  box.dataset.words = words.join();
  box.append(paragraph(...words));
  const again = document.createElement("button");
  again.type = "button";
  again.className = "small";
  again.textContent = "Try again";
  again.addEventListener("click", () => {
    const asked = { source: elt, target: etc.targetOverride, swap: etc.swapOverride, push: etc.push };
    if (elt.isConnected) htmx.ajax(requestConfig.verb, pathInfo.requestPath, asked);
    else location.reload();
  });
  box.append(again);
  if (xhr.status === 401) box.append(signIn());
  former?.remove();
  failures.set(elt, box);
  if (target.matches("a, p, table, tbody")) target.before(box);
  else target.prepend(box);
}

function paragraph(title, ...rest) {
  const all = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = `${title}.`;
  all.append(strong, ` ${rest.join(" ")}`);
  return all;
}

// The page itself leads to the login and back.
function signIn() {
  const link = document.createElement("a");
  link.className = "button small";
  link.href = location.pathname + location.search;
  link.textContent = "Sign in";
  return link;
}

// A day of the year or the bar of an event filters the timeline in its place, without drawing the rest again.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-filters] a");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  document.querySelectorAll("[data-filters] [aria-current]").forEach((one) => one.removeAttribute("aria-current"));
  link.setAttribute("aria-current", "true");
  await htmx.ajax("GET", link.getAttribute("href"), { source: link, target: "#activities", swap: "outerHTML", push: "true" });
  const activities = document.querySelector("#activities");
  const { top } = activities.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) activities.scrollIntoView();
});
