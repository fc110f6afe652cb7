// The palette: Ctrl-K or Cmd-K opens it, from wherever one is. The arrows give the results the real focus, so that Enter,
// with or without Ctrl, does what it does with every link.

const palette = document.getElementById("palette"), typed = document.getElementById("palette-q");
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);
let isGoing = false; // Enter was pressed before the results of what is typed were there

for (const key of document.querySelectorAll("[data-palette] kbd")) key.textContent = IS_APPLE ? "⌘K" : "Ctrl K";

function openPalette() {
  document.querySelector("dialog[open]")?.close();
  palette.showModal();
  typed.select();
}

document.addEventListener("keydown", (event) => {
  if (!palette || event.key.toLowerCase() !== "k" || event.altKey || event.shiftKey || event.ctrlKey === event.metaKey) return;
  event.preventDefault();
  if (palette.open) palette.close();
  else openPalette();
});

document.addEventListener("click", (event) => {
  const wantsTab = event.ctrlKey || event.metaKey || event.shiftKey;
  if (!palette || wantsTab || !event.target.closest("[data-palette]")) return;
  event.preventDefault();
  openPalette();
});

palette?.addEventListener("click", (event) => {
  const isLeaving = event.target === palette || event.target.closest("[data-close]") || event.target.closest("a");
  if (isLeaving && !event.ctrlKey && !event.metaKey) palette.close();
});

for (const over of ["close", "input"]) palette?.addEventListener(over, () => {
  isGoing = false;
});

palette?.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(event, event.key === "ArrowDown" ? 1 : -1);
  else if (event.key === "Enter" && event.target === typed) go(event);
  else if ((event.key.length === 1 || event.key === "Backspace") && event.target.closest("#results a")) typed.focus();
});

// From the field to the first result, and around.
function choose(event, by) {
  event.preventDefault();
  const all = [typed, ...palette.querySelectorAll("#results a")];
  const here = Math.max(0, all.indexOf(document.activeElement));
  all[(here + by + all.length) % all.length].focus();
}

// To the first result of what is typed, as soon as it is there.
function go(event) {
  event.preventDefault();
  const results = document.getElementById("results");
  isGoing = results.dataset.q !== typed.value.trim();
  if (!isGoing) results.querySelector("a")?.click();
}

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.requestConfig.elt !== typed) return;
  const results = document.getElementById("results");
  document.getElementById("palette-said").textContent = results.dataset.said;
  if (isGoing && results.dataset.q === typed.value.trim()) results.querySelector("a")?.click();
});
