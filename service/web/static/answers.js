// What is asked for again in place: busy while it is under way, and a notice with "Try again" where
// nothing comes. Figures of another question never stay: [data-answer] is emptied by a failure,
// [data-answer="keep"], which asks the same again, says that it is as it was.

const TARGET = "[data-answer]";
const LIVE = "[sse-connect]";

// Requests that a newer one took the place of: that one is waited for.
const replaced = new WeakSet();

document.addEventListener("htmx:sendAbort", ({ detail: { xhr } }) => replaced.add(xhr));

document.addEventListener("htmx:beforeRequest", ({ detail: { target } }) => {
  if (target.matches(TARGET)) target.setAttribute("aria-busy", "true");
});

document.addEventListener("htmx:afterRequest", ({ detail: { target, elt, xhr, successful } }) => {
  if (!target.matches(TARGET)) return;
  // What an error answered is put in first: a target that it replaced is no longer there.
  setTimeout(() => {
    if (replaced.has(xhr)) return;
    target.removeAttribute("aria-busy");
    if (successful) target.querySelector(":scope > [data-unanswered]")?.remove();
    else if (target.isConnected) fail(target, () => htmx.trigger(elt, eventOf(elt, target)));
  });
});

// By which it is asked for again: of a form what sends it, of a part that asks for itself "refresh",
// of what asks for another part "again", as "refresh" of parts within it is heard there, too.
function eventOf(elt, target) {
  if (elt.matches("form")) return "submit";
  return elt === target ? "refresh" : "again";
}

function fail(target, again) {
  target.querySelector(":scope > [data-unanswered]")?.remove();
  const notice = document.getElementById("unanswered").content.firstElementChild.cloneNode(true);
  notice.querySelector("button").addEventListener("click", again);
  if (target.dataset.answer === "keep" || target.matches(LIVE)) target.prepend(notice);
  else target.replaceChildren(notice);
}

// Parts that follow what happens: the browser connects again by itself, unless it has no network.
// What was under way when the network went may still arrive, and changes nothing about that.
const unfollowed = (part) => fail(part, () => location.reload());

document.addEventListener("htmx:sseError", ({ target }) => unfollowed(target.closest(LIVE)));
for (const heard of ["htmx:sseOpen", "htmx:sseMessage"]) {
  document.addEventListener(heard, ({ target }) => {
    const part = target.closest(LIVE);
    if (navigator.onLine) part.querySelector(":scope > [data-unanswered]")?.remove();
    else unfollowed(part);
  });
}
addEventListener("offline", () => document.querySelectorAll(LIVE).forEach(unfollowed));
