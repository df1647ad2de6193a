// A field to sign in with a finger, a pen or a mouse. Without this module a typed name does the same.
const canvas = document.getElementById("canvas");
const field = document.getElementById("drawn");
const context = canvas.getContext("2d");
let isDrawn = false;
let last = null;

function clear() {
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#14202b";
  context.lineWidth = 3;
  context.lineCap = "round";
  isDrawn = false;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * canvas.width,
    ((event.clientY - box.top) / box.height) * canvas.height,
  ];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  last = place(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  const next = place(event);
  context.beginPath();
  context.moveTo(...last);
  context.lineTo(...next);
  context.stroke();
  last = next;
  isDrawn = true;
});
for (const kind of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(kind, () => {
    last = null;
  });
}
document.getElementById("clear").addEventListener("click", clear);
canvas.closest("form").addEventListener("submit", () => {
  field.value = isDrawn ? canvas.toDataURL("image/png").split(",")[1] : "";
});
document.getElementById("draw").hidden = false;
clear();
