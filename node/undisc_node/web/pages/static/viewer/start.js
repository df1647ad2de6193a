// Runs before the full viewer: where its files are, and the end when the session ends.
(() => {
  console.time("scriptToView"); // the viewer ends it, and complains otherwise
  window.PUBLIC_URL = document.currentScript.dataset.base;
  window.browserImportFunction = (name) => import(name);

  // Every answer is refused once the patient took the share back; what is drawn already must go, too.
  const leave = () => {
    document.documentElement.replaceChildren();
    location.replace("/view/");
  };
  const look = async () => {
    try {
      const answer = await fetch("/view/alive", { cache: "no-store" });
      if (answer.status >= 400 && answer.status < 500) leave();
    } catch {
      // No line at the moment: nothing can be loaded, and nothing is known.
    }
  };
  window.undiscLeave = leave;
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  window.addEventListener("pageshow", (event) => event.persisted && look());
})();
