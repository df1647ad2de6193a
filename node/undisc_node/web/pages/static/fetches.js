// Keeps the list of fetches up to date while one of them runs; the form beside it is not touched.
//
// Without scripts the page says the same when it is loaded again.

const LOOK_MS = 2000;
const list = () => document.querySelector("[data-is=fetched]");

async function look() {
  if (!list().querySelector("[data-runs]")) return;
  try {
    const answer = await fetch("/desk/fetches", { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return; // signed off meanwhile: the next click says so
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("[data-is=fetched]");
    if (now) list().replaceWith(document.importNode(now, true));
  } catch {
    // the node does not answer at the moment
  }
  setTimeout(look, LOOK_MS);
}

setTimeout(look, LOOK_MS);
