// Makes and uses passkeys: asks the node for a challenge, lets the device answer, sends the form on.
// Without this module, or where a browser has no passkeys, the forms stay hidden.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

async function asked(form) {
  const body = new URLSearchParams({ token: form.elements.token.value });
  const answer = await fetch(form.dataset.ask, { method: "POST", body });
  if (!answer.ok) throw new Error("the node does not ask");
  const options = await answer.json();
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const name of ["excludeCredentials", "allowCredentials"])
    for (const one of options[name] || []) one.id = bytes(one.id);
  return { publicKey: options };
}

function written(credential) {
  const said = credential.response;
  const response = { clientDataJSON: text(said.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (said[name]) response[name] = text(said[name]);
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: {},
  });
}

async function answered(form) {
  const options = await asked(form);
  const credential =
    form.dataset.passkey === "new"
      ? await navigator.credentials.create(options)
      : await navigator.credentials.get(options);
  form.elements.answer.value = written(credential);
  form.submit();
}

// An address that is a number can have none (WebAuthn level 3 §5.1.3: an effective domain).
const isNamed = !/^[\d.]+$|^\[/.test(location.hostname);
if (window.isSecureContext && window.PublicKeyCredential && isNamed) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const problem = form.querySelector("[data-problem]");
      problem.hidden = true;
      answered(form).catch(() => {
        problem.hidden = false;
      });
    });
  }
  for (const one of document.querySelectorAll("[data-unable]")) one.hidden = true;
}
