// What the timeline can't do by HTML alone: the browser's time zone, and new events by themselves.

const FIRST_DELAY = 5_000, LONGEST_DELAY = 120_000; // ms between two questions for news
let delay = FIRST_DELAY, timer, unread = 0, kept = null;

// Choices

function settle(element) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const link of element.querySelectorAll("a[data-zone]")) {
    const address = new URL(link.href);
    address.searchParams.set("zone", zone);
    link.href = address;
    link.querySelector("small").textContent = zone;
  }
  joinParts();
  if (element.querySelector("#live")) wait(FIRST_DELAY);
}

// Of two heads of the same day or visit in a row, the upper one is enough: what stands between them belongs together.
// Of what was on no visit the lower one is right: it tells when that began.
function joinParts() {
  let above = null;
  for (const head of document.querySelectorAll(".timeline > [data-part]")) {
    const isSame = head.dataset.part === above?.dataset.part;
    if (isSame && head.dataset.part !== "none") head.remove();
    else {
      if (isSame) above.replaceWith(head);
      above = head;
    }
  }
}

document.addEventListener("htmx:load", (event) => settle(event.detail.elt));

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches("#activities form")) return;
  const fields = event.detail.formData; // without those that say nothing: the address stays short
  for (const [name, value] of [...fields]) if (value === "") fields.delete(name);
});

// News

function wait(time) {
  delay = time;
  clearTimeout(timer);
  timer = setTimeout(ask, time);
}

function ask() {
  const live = document.getElementById("live");
  if (live && !document.hidden) htmx.trigger(live, "tick");
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.getElementById("live")) wait(200);
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  kept = { menus: [...target.querySelectorAll(".menu[open]")].map((menu) => menu.id) };
  if (target.id === "live") keepPlace(target);
});

// The entry that is being read, where there is one: the first that is to be seen whole, unless it is the newest anyway.
function keepPlace(live) {
  const isAbove = live.getBoundingClientRect().top < 0;
  const isBusy = live.parentElement.querySelector("details.event[open], details.event > :focus") !== null;
  if (!isAbove && !isBusy) return;
  const entries = [...live.parentElement.querySelectorAll(":scope > .event, :scope > .aside")];
  kept.entry = entries.find((entry) => entry.getBoundingClientRect().top >= 0);
  kept.top = kept.entry?.getBoundingClientRect().top;
}

document.addEventListener("htmx:afterSwap", () => {
  for (const id of kept?.menus ?? []) {
    const menu = document.getElementById(id);
    if (menu) menu.open = true;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { requestConfig, successful, xhr } = event.detail;
  if (requestConfig.elt.id !== "live") return;
  wait(successful ? FIRST_DELAY : Math.min(2 * delay, LONGEST_DELAY));
  if (!successful || xhr.status === 204) return;
  const number = dropTwins(new DOMParser().parseFromString(xhr.responseText, "text/html"));
  joinParts();
  if (!kept?.entry) return;
  window.scrollBy(0, kept.entry.getBoundingClientRect().top - kept.top);
  unread += number;
  tell();
});

// An event can come twice, where it was on the page already. Returns how many are new.
function dropTwins(answer) {
  let number = 0;
  for (const { id } of answer.querySelectorAll(".event, .came-late")) {
    const twins = id ? document.querySelectorAll(`[id="${id}"]`) : [];
    if (twins.length > 1) twins[0].remove();
    else number += 1;
  }
  return number;
}

function tell() {
  const pill = document.getElementById("new-events");
  if (!pill) return;
  pill.hidden = unread === 0;
  pill.textContent = unread === 1 ? "1 new event" : `${unread} new events`;
}

window.addEventListener("scroll", () => {
  const live = document.getElementById("live");
  if (unread && live && live.getBoundingClientRect().top >= 0) {
    unread = 0;
    tell();
  }
}, { passive: true });
