// Takes the code out of the address, so that it stays in no history, and puts it into the field.
// Nothing is sent before somebody presses the button: a scanner that runs scripts opens nothing.
const code = location.hash.replace(/^#|%23/g, "").slice(0, 64);
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("code").value = code;
}
