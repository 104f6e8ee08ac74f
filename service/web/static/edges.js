// What scrolls sideways shows that it does: it fades at the edges behind which there is more. The
// navigation begins where the reader is.

const SIDEWAYS = ".sections, .segments, .scroll";

function mark(one) {
  one.classList.toggle("more-before", one.scrollLeft > 1);
  one.classList.toggle("more-after", one.scrollLeft + one.clientWidth < one.scrollWidth - 1);
}

function markAll() {
  document.querySelectorAll(SIDEWAYS).forEach(mark);
}

// The window, and nothing else, stays where it is.
function showCurrent(row) {
  const current = row.querySelector("[aria-current]");
  if (!current) return;
  const [whole, part] = [row, current].map((one) => one.getBoundingClientRect());
  row.scrollLeft += part.left + part.width / 2 - whole.left - whole.width / 2;
}

document.querySelectorAll(".sections, .segments").forEach(showCurrent);
markAll();
addEventListener("resize", markAll);
document.addEventListener("htmx:load", markAll);
// Neither of the two bubbles.
document.addEventListener("toggle", markAll, true);
document.addEventListener("scroll", ({ target }) => target.matches?.(SIDEWAYS) && mark(target), true);
