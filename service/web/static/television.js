// Television mode: the page that follows, once it can be had; the whole screen on a click.

const RETRY = 10_000;
const { next, after } = document.body.dataset;

async function follow() {
  try {
    const { ok, status } = await fetch(next);
    if (ok) return location.assign(next);
    // A dashboard that is gone: around again, from the overview.
    if (status === 404) return location.assign(`/?tv=1&rotate=${after}`);
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
