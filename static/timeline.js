// What the timeline can't do by HTML alone: the browser's time zone, and parts that are joined. Its news: live.js.

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
