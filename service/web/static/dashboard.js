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
