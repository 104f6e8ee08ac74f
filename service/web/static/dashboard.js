// A dashboard reads itself again every so often, while somebody looks.

let last = Date.now();

function refresh() {
  const board = document.getElementById("board");
  const every = Number(board?.dataset.every) * 1000;
  if (!every || document.hidden || Date.now() - last < every) return;
  last = Date.now();
  // Not under the hands of who reads the figures of a panel.
  if (board.querySelector("details[open]")) return;
  htmx.trigger(board, "refresh");
}

setInterval(refresh, 1000);
document.addEventListener("visibilitychange", refresh);

const day = new Intl.DateTimeFormat("en-CA", { timeZone: document.documentElement.dataset.zone, year: "numeric", month: "2-digit", day: "2-digit" });

// What is dragged over in one chart is the range of all of them.
document.addEventListener("chart:zoom", ({ detail }) => {
  const address = new URL(location);
  address.searchParams.set("range", "custom");
  address.searchParams.set("start_date", day.format(detail.from * 1000));
  address.searchParams.set("end_date", day.format(detail.to * 1000));
  location.assign(address);
});
