// What the timeline can't do by HTML alone: the browser's time zone, and menus that close. Its news: live.js.

function settle(element) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const link of element.querySelectorAll("a[data-zone]")) {
    const address = new URL(link.href);
    address.searchParams.set("zone", zone);
    link.href = address;
    link.querySelector("small").textContent = zone;
  }
  joinParts();
}

// Of two heads of the same day or visit in a row, the upper one is enough: what stands between them belongs together.
function joinParts() {
  let above = null;
  for (const head of document.querySelectorAll(".timeline > [data-part]")) {
    if (head.dataset.part === above) head.remove();
    above = head.dataset.part;
  }
}

document.addEventListener("htmx:load", (event) => settle(event.detail.elt));

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches("#activities form")) return;
  const fields = event.detail.formData; // without those that say nothing: the address stays short
  for (const [name, value] of [...fields]) if (value === "") fields.delete(name);
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll(".menu[open]")) {
    const hasFocus = menu.contains(document.activeElement);
    menu.open = false;
    if (hasFocus) menu.querySelector("summary").focus();
  }
});

let menus = []; // that were open before a swap

document.addEventListener("htmx:beforeSwap", (event) => {
  menus = [...event.detail.target.querySelectorAll(".menu[open]")].map((menu) => menu.id);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const id of menus) {
    const menu = document.getElementById(id);
    if (menu) menu.open = true;
  }
});

document.addEventListener("live", joinParts);
