// On every page: what forms and menus do beyond HTML, and charts where there are any.

import "./answers.js";
import "./edges.js";

// A menu closes on Escape and when something else is clicked.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A form that shows what it asks for needs no button: <form data-at-once>.
document.addEventListener("change", (event) => {
  if (event.target.form?.matches("[data-at-once]")) event.target.form.requestSubmit();
});

// A second click sends nothing more; a page that is come back to sends again.
const sent = new Set();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
  setTimeout(() => sent.delete(form), 5000);
});
addEventListener("pageshow", () => sent.clear());

// What one request complained of is over when the next one succeeds.
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  for (const notice of document.querySelectorAll("#notices [role='alert']")) notice.remove();
});

async function drawCharts(root) {
  const waiting = "[data-chart]:not([data-drawn])";
  const figures = [...root.querySelectorAll(waiting)];
  // What htmx puts in may be a figure itself.
  if (root.matches?.(waiting)) figures.push(root);
  if (!figures.length) return;
  // Marked at once: another event may come before the module has.
  for (const figure of figures) figure.dataset.drawn = "";
  const { draw } = await import("./chart.js");
  figures.forEach(draw);
}

document.addEventListener("htmx:load", (event) => drawCharts(event.detail.elt));
drawCharts(document);
