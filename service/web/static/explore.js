// The explorer: a form that shows what it asks for at once, a search among metrics, zooming.

const form = document.getElementById("ask");
const from = form.elements.start_date;
const to = form.elements.end_date;

// What is as usual stays out of the address.
form.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  if (parameters.range === "custom") delete parameters.range;
  else { delete parameters.start_date; delete parameters.end_date; }
});

// Dates that are filled in are meant.
for (const input of [from, to]) {
  input.addEventListener("change", () => { form.elements.range.value = "custom"; }, true);
}

const day = new Intl.DateTimeFormat("en-CA", { timeZone: document.documentElement.dataset.zone, year: "numeric", month: "2-digit", day: "2-digit" });

document.addEventListener("chart:zoom", (event) => {
  from.value = day.format(event.detail.from * 1000);
  to.value = day.format(event.detail.to * 1000);
  form.elements.range.value = "custom";
  htmx.trigger(form, "submit");
});

const search = document.querySelector("[data-search]");
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const section of search.closest(".panel").querySelectorAll("section")) {
    let found = 0;
    for (const item of section.querySelectorAll("li")) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
      found += !item.hidden;
    }
    section.hidden = !found;
  }
});
search.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  search.closest(".panel").querySelector("section:not([hidden]) li:not([hidden]) a")?.click();
});
search.closest("details").addEventListener("toggle", (event) => event.target.open && search.focus());
