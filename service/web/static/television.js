// Television mode: the page that follows, once it can be had; the whole screen on a click.

const RETRY = 10_000;
const { next, after } = document.body.dataset;

async function follow() {
  try {
    if ((await fetch(next)).ok) return location.assign(next);
  } catch {
    // The service is away: what is shown says as of when it is.
  }
  setTimeout(follow, RETRY);
}

if (next) setTimeout(follow, Number(after) * 1000);

const button = document.querySelector("[data-full-screen]");
if (button && document.fullscreenEnabled) {
  button.hidden = false;
  button.addEventListener("click", () => document.documentElement.requestFullscreen());
}
