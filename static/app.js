// What pages can't do by HTML alone: copy buttons, "/" for the search, and a question before revoking.

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

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector(".search input");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

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
