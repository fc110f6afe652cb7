// News by themselves: `#live` stands on top of a list and asks for what is new, which appears below it. Whoever reads
// further down keeps the place, and is told how many there are above.

const FIRST_DELAY = 5_000, LONGEST_DELAY = 120_000; // ms between two questions
let delay = FIRST_DELAY, timer, unread = 0, place = null, isPaused = false;

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

document.addEventListener("htmx:load", (event) => {
  if (event.detail.elt.querySelector("#live")) wait(FIRST_DELAY);
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  place = detail.target.id === "live" ? placeOf(detail.target) : null;
});

// The entry that is being read, where there is one: the first that is to be seen whole, unless it is the newest anyway.
function placeOf(live) {
  const isAbove = live.getBoundingClientRect().top < 0;
  const isBusy = live.parentElement.querySelector("details[open], :focus") !== null;
  if (!isAbove && !isBusy) return null;
  const entries = [...live.parentElement.querySelectorAll(":scope > :is(.event, .aside, .arrival):not([hidden])")];
  const entry = entries.find((one) => one.getBoundingClientRect().top >= 0);
  return entry ? { entry, top: entry.getBoundingClientRect().top } : null;
}

function goBackTo(place) {
  if (place) window.scrollBy(0, place.entry.getBoundingClientRect().top - place.top);
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const { requestConfig, successful, xhr } = detail;
  if (requestConfig.elt.id !== "live") return;
  wait(successful ? FIRST_DELAY : Math.min(2 * delay, LONGEST_DELAY));
  if (!successful || xhr.status === 204) return;
  const number = dropTwins(new DOMParser().parseFromString(xhr.responseText, "text/html"));
  document.dispatchEvent(new Event("live")); // whoever shows them has the last word on how
  goBackTo(place);
  if (!place && !isPaused) return;
  unread += number;
  tell();
});

// One can come twice, where it was on the page already. Returns how many are new.
function dropTwins(answer) {
  let number = 0;
  for (const { id } of answer.querySelectorAll(".event, .came-late, .arrival")) {
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

function tellWhenSeen() {
  const live = document.getElementById("live");
  if (!unread || isPaused || !live || live.getBoundingClientRect().top < 0) return;
  unread = 0;
  tell();
}

window.addEventListener("scroll", tellWhenSeen, { passive: true });
