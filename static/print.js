// A button that prints its page; the style sheet leaves away what belongs to the screen.

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
