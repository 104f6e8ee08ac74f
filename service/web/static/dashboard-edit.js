// Panels are dragged by their titles and sized by their lower right corners; the menu of a
// panel does the same by keyboard.

const GAP = 16;
const ROW = 64;
// Not the style of the panel itself: htmx would write that attribute again for what comes in
// its place, which the policy forbids.
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);
const form = document.getElementById("place");

function unit(board) {
  return (board.clientWidth + GAP) / 12;
}

function place(panel, x, y, w, h) {
  const values = { panel: panel.dataset.panel, x, y, w, h };
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  htmx.trigger(form, "submit");
}

function begin(event) {
  const title = event.target.closest(".editing .panel-card > h2");
  const corner = event.target.closest(".editing .corner");
  const panel = (title ?? corner)?.closest(".panel-card");
  if (!panel || event.button || innerWidth <= 760) return;
  event.preventDefault();
  const board = panel.parentElement;
  const { x, y, w, h } = Object.fromEntries(["x", "y", "w", "h"].map((name) => [name, Number(panel.dataset[name])]));
  const start = [event.clientX, event.clientY];
  const steps = (now) => [Math.round((now.clientX - start[0]) / unit(board)), Math.round((now.clientY - start[1]) / (ROW + GAP))];
  const limit = (value, low, high) => Math.min(Math.max(value, low), high);
  panel.classList.add("moving");
  const move = (now) => {
    const [dx, dy] = [now.clientX - start[0], now.clientY - start[1]];
    const [width, height] = [w * unit(board) - GAP + dx, h * (ROW + GAP) - GAP + dy];
    const size = `width: ${Math.max(width, 60)}px; height: ${Math.max(height, ROW)}px`;
    sheet.replaceSync(`.moving { ${title ? `translate: ${dx}px ${dy}px` : size} }`);
  };
  const end = (now) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    panel.classList.remove("moving");
    sheet.replaceSync("");
    const [dx, dy] = steps(now);
    if (!dx && !dy) return;
    if (title) place(panel, limit(x + dx, 0, 12 - w), Math.max(y + dy, 0), w, h);
    else place(panel, x, y, limit(w + dx, 1, 12 - x), limit(h + dy, 1, 24));
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
}

function corners(root) {
  for (const panel of root.querySelectorAll(".editing .panel-card:not(:has(.corner))")) {
    const corner = document.createElement("span");
    corner.className = "corner";
    panel.append(corner);
  }
}

document.addEventListener("pointerdown", begin);
document.addEventListener("htmx:load", () => corners(document));
corners(document);
