// The feed of activity: it can be paused, and doesn't grow without end. What arrives comes by live.js.

const MOST_ARRIVALS = 500; // on the page; the older ones are a link away

function arrivalsOnPage() {
  return [...document.querySelectorAll(".arrivals > :not(#live)")];
}

document.addEventListener("change", ({ target }) => {
  if (target.id === "live-switch") pause(!target.checked);
});

document.addEventListener("click", ({ target }) => {
  if (target.id !== "new-events" || !isPaused) return;
  document.getElementById("live-switch").checked = true;
  pause(false);
});

// While it is paused, what arrives is kept on the page, but not to be seen.
function pause(isSo) {
  isPaused = isSo;
  for (const one of arrivalsOnPage()) {
    if (isSo) one.dataset.shown = "";
    else delete one.dataset.shown;
  }
  if (isSo) return;
  const before = placeOf(document.getElementById("live"));
  for (const one of arrivalsOnPage()) one.hidden = false;
  goBackTo(before);
  tellWhenSeen();
  wait(200);
}

document.addEventListener("live", () => {
  if (isPaused) {
    const held = arrivalsOnPage().filter((one) => !("shown" in one.dataset));
    for (const one of held) one.hidden = true;
    if (held.length > MOST_ARRIVALS) clearTimeout(timer); // the rest comes when it goes on
  } else forgetOld();
});

function forgetOld() {
  const older = document.querySelector(".feed .older"), all = arrivalsOnPage();
  if (all.length <= MOST_ARRIVALS || !older) return;
  // From the oldest on, up to what somebody reads.
  for (const one of all.slice(MOST_ARRIVALS).reverse()) {
    const isRead = one.getBoundingClientRect().top < innerHeight || one.matches(":focus-within, :has(details[open])");
    if (isRead) break;
    one.remove();
  }
  const address = new URL(older.href);
  address.searchParams.set("before", [...document.querySelectorAll(".arrival")].at(-1).id.replace("arrival-", ""));
  older.href = address;
  older.hidden = false;
}

document.addEventListener("htmx:load", ({ detail }) => {
  if (!detail.elt.querySelector("#live")) return;
  isPaused = false; // another filter, or a page from the history, begins anew
  unread = 0;
  for (const one of arrivalsOnPage()) one.hidden = false;
});

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches("#feed form")) return;
  for (const [name, value] of [...detail.formData]) if (value === "") detail.formData.delete(name); // short addresses
});
