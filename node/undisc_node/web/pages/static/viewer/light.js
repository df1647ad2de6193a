// The light page: one image at a time, made by the node. Everything it shows is text or an <img>.
const page = document.querySelector("[data-viewer]");
const stage = page.querySelector("[data-stage]");
const slider = page.querySelector("[data-slider]");
const place = page.querySelector("[data-place]");
const windows = page.querySelector("[data-windows]");
const failed = page.querySelector("[data-failed]");
const report = page.querySelector("[data-report]");

const AHEAD = 4; // images fetched on each side of the one that is shown
const KEPT = 60; // images kept
const BUSY = 2; // images fetched at once: the node decodes two at a time
const LOOK = 5000; // ms between two looks at whether the session still lives

let chosen = null; // { address, images, button }
let level = ""; // "center,width", or the image's own
let kept = new Map(); // position -> Promise of an <img>
let busy = 0;
let shown = 0;

const leave = () => {
  stage.replaceChildren();
  location.replace("/view/");
};

const look = async () => {
  try {
    const answer = await fetch("/view/alive", { cache: "no-store" });
    if (answer.status >= 400 && answer.status < 500) leave();
  } catch {
    // No line at the moment.
  }
};

const side = () => {
  const wide = Math.max(stage.clientWidth, stage.clientHeight) * Math.min(devicePixelRatio || 1, 2);
  return wide <= 512 ? 512 : wide <= 1024 ? 1024 : 2048;
};

const address = (position) => {
  const wish = new URLSearchParams({ side: String(side()) });
  if (level) wish.set("window", level);
  return `${chosen.address}/images/${position}?${wish}`;
};

const load = (position) => {
  if (!kept.has(position)) {
    busy += 1;
    const image = new Image();
    image.decoding = "async";
    image.alt = "";
    image.src = address(position);
    const ready = image.decode().then(() => image);
    ready.catch(() => {}).finally(() => {
      busy -= 1;
      ahead();
    });
    kept.set(position, ready);
    for (const one of kept.keys()) {
      if (kept.size <= KEPT) break;
      if (Math.abs(one - Number(slider.value)) > AHEAD) kept.delete(one);
    }
  }
  return kept.get(position);
};

const ahead = () => {
  if (!chosen || shown !== Number(slider.value)) return;
  for (let step = 1; step <= AHEAD; step += 1) {
    for (const position of [shown + step, shown - step]) {
      if (busy >= BUSY) return;
      if (position >= 1 && position <= chosen.images && !kept.has(position)) load(position);
    }
  }
};

const draw = async () => {
  if (!chosen) return;
  const wanted = Number(slider.value);
  const text = place.dataset.text.replace("{0}", wanted).replace("{1}", chosen.images);
  place.textContent = text;
  slider.setAttribute("aria-valuetext", text);
  stage.setAttribute("aria-busy", "true");
  try {
    const image = await load(wanted);
    if (wanted !== Number(slider.value)) return; // the slider has moved on
    stage.replaceChildren(image);
    failed.hidden = true;
    shown = wanted;
  } catch {
    if (wanted !== Number(slider.value)) return;
    kept.delete(wanted);
    stage.replaceChildren();
    failed.hidden = false;
    look();
  }
  stage.removeAttribute("aria-busy");
  ahead();
};

let turning = 0;
const turn = () => {
  // A slider that is dragged asks for what it stops at, not for everything on the way.
  clearTimeout(turning);
  turning = setTimeout(draw, kept.has(Number(slider.value)) ? 0 : 60);
};

const step = (by) => {
  const wanted = Math.min(Math.max(Number(slider.value) + by, 1), Number(slider.max));
  if (wanted !== Number(slider.value)) {
    slider.value = wanted;
    turn();
  }
};

const choose = (button) => {
  for (const one of page.querySelectorAll("[data-series]")) {
    one.setAttribute("aria-pressed", String(one === button));
  }
  chosen = { address: button.dataset.series, images: Number(button.dataset.images), button };
  kept = new Map();
  level = "";
  slider.max = chosen.images;
  slider.value = Math.ceil(chosen.images / 2);
  slider.disabled = chosen.images < 2;
  windows.hidden = button.dataset.modality !== "CT";
  press(windows.querySelector("[data-window='']"));
  draw();
};

const press = (button) => {
  for (const one of windows.querySelectorAll("[data-window]")) {
    one.setAttribute("aria-pressed", String(one === button));
  }
};

page.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.series) choose(button);
  if (button.dataset.step) step(Number(button.dataset.step));
  if (button.dataset.window !== undefined) {
    level = button.dataset.window;
    kept = new Map();
    press(button);
    draw();
  }
});
slider.addEventListener("input", turn);
stage.addEventListener(
  "wheel",
  (event) => {
    if (event.ctrlKey || !chosen || chosen.images < 2) return;
    event.preventDefault();
    step(Math.sign(event.deltaY));
  },
  { passive: false },
);
stage.addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 };
  if (by[event.key]) {
    event.preventDefault();
    step(by[event.key]);
  }
});

let touched = null;
stage.addEventListener("touchstart", (event) => {
  touched = event.touches.length === 1 ? event.touches[0].clientX : null;
}, { passive: true });
stage.addEventListener("touchmove", (event) => {
  if (touched === null || event.touches.length !== 1) return;
  const moved = event.touches[0].clientX - touched;
  if (Math.abs(moved) < 12) return;
  step(Math.sign(moved));
  touched = event.touches[0].clientX;
}, { passive: true });

// Beside the images where there is room; phones cannot show a PDF within a page, and get the link.
const first = report && report.querySelector("[data-frame]");
if (first && matchMedia("(min-width: 60rem)").matches) {
  const frame = document.createElement("iframe");
  frame.src = first.dataset.frame;
  frame.title = first.dataset.title;
  first.replaceWith(frame);
}

setInterval(() => document.hidden || look(), LOOK);
document.addEventListener("visibilitychange", () => document.hidden || look());
window.addEventListener("pageshow", (event) => event.persisted && look());
const begin = page.querySelector("[data-series]");
if (begin) choose(begin);
