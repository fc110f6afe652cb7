// What the shop itself tells; the snippet, which runs before this, tells page visits by itself.

const opted = document.getElementById("opted");

function tell({ name, attributes }) {
  Growlytics.events.track(name, attributes);
}

for (const seen of document.querySelectorAll("main [data-event]:not(form)")) tell(JSON.parse(seen.dataset.event));

for (const account of document.querySelectorAll("[data-login]")) {
  const { id, attributes, signature } = JSON.parse(account.dataset.login);
  Growlytics.user.identify(id, attributes, signature ? { signature } : {});
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.event) tell(JSON.parse(form.dataset.event));
  if ("logout" in form.dataset) Growlytics.user.logout();
});

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-opt]");
  if (!choice) return;
  const isOut = choice.dataset.opt === "out";
  if (isOut) Growlytics.optOut();
  else Growlytics.optIn();
  opted.textContent = isOut ? "Nothing is told from this browser any more." : "What you do is told.";
});

// The rooms of the first page are changed without a load, as in a single-page shop.

const rooms = document.querySelector(".rooms");
const title = document.title.split(" · ").pop();

function show(room) {
  for (const link of rooms.children) {
    if (link.dataset.room === room) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const product of document.querySelectorAll("[data-in]")) product.hidden = room !== "" && product.dataset.in !== room;
  const shown = rooms.querySelector("[aria-current]");
  document.title = `${room ? shown.textContent : "Things for quiet homes"} · ${title}`;
}

if (rooms) {
  rooms.addEventListener("click", (event) => {
    const link = event.target.closest("[data-room]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.dataset.room);
    history.pushState({}, "", link.href);
    if (link.dataset.room) Growlytics.user.push({ "Last Room": link.textContent });
  });
  window.addEventListener("popstate", () => show(new URLSearchParams(location.search).get("room") ?? ""));
}
