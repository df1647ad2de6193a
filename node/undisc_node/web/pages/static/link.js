// The page of a link, `/l`. The secret stands behind `#`: it is read, taken out of the address bar
// and the history at once, and stays in this script's memory until the tab is closed.
//
// What the page says stands in its templates, in the reader's language; this script only chooses
// and fills. It shows one screen at a time: code, patient's PIN, patient's page, reader's door.

import * as undisc from "./undisc.js";
import * as keeping from "./keeping.js";

const main = document.getElementById("main");
const SKIP = "#main"; // where the link for keyboards leads, past the head of the page
const state = { node: null, skew: 0, key: null, link: null, code: "", visit: null, fresh: null };

// --- Asking -----------------------------------------------------------------------------------

class Problem extends Error {
  constructor(code, hint) {
    super(code);
    this.code = code;
    this.hint = hint ?? "";
  }
}

async function ask(path, body) {
  const asked = { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    asked.method = "POST";
    asked.headers["Content-Type"] = "application/json";
    asked.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`/l/api/${path}`, asked);
  } catch {
    throw new Problem("offline");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(said.error?.code ?? "failed", said.error?.hint);
  return said;
}

const now = () => Math.floor(Date.now() / 1000) + state.skew;

async function signed(act, args = {}) {
  const raw = await undisc.request(state.key, { node: state.node, act, args, now: now() });
  return undisc.base64(raw);
}

// --- Showing ----------------------------------------------------------------------------------

const part = (root, name) => root.querySelector(`[data-is="${name}"]`);

function copy(name) {
  return document.getElementById(name).content.cloneNode(true);
}

function fill(root, values) {
  for (const [name, value] of Object.entries(values))
    for (const place of root.querySelectorAll(`[data-is="${name}"]`)) {
      if (typeof value === "boolean") place.hidden = !value;
      else place.textContent = value;
    }
  return root;
}

/** Show a screen in the place of the last, and tell screen readers. */
function show(name, values = {}) {
  const screen = fill(copy(name), values);
  const known = { practice: state.practice, contact: state.contact, called: Boolean(state.contact) };
  fill(screen, known);
  main.replaceChildren(screen);
  const head = main.querySelector("h1");
  if (head) {
    head.tabIndex = -1;
    head.focus();
    document.title = `${head.textContent} · ${state.practice ?? ""}`;
  }
  return main;
}

function word(code) {
  const words = document.getElementById("words").content;
  const found = words.querySelector(`[data-word="${code}"]`) ?? words.querySelector('[data-word="failed"]');
  return found.textContent;
}

function say(form, text) {
  const place = part(form, "problem");
  place.textContent = text;
  place.hidden = !text;
  if (text) place.focus();
}

function tell(text) {
  document.getElementById("live").textContent = text;
}

const language = document.documentElement.lang;
const day = (moment) => new Date(moment).toLocaleDateString(language, { dateStyle: "long" });
const when = (moment) => new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
const dicomDay = (text) =>
  /^\d{8}$/.test(text) ? day(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}T12:00:00`) : "";

/** Let a form do its work once at a time, and say what went wrong where it happened. */
function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = [...form.querySelectorAll("button")];
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    say(form, "");
    try {
      await work(form);
    } catch (problem) {
      explain(form, problem);
    } finally {
      delete form.dataset.busy;
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }
  });
}

const ENDED = new Set([
  "revoked", "expired", "attempts_used_up", "uses_used_up", "not_granted", "study_unavailable",
  "suspended", "no_pin", "not_ready",
]);

function explain(form, problem) {
  const code = problem instanceof undisc.Damaged ? `damaged_${problem.message}` : (problem.code ?? "failed");
  if (!problem.code && !(problem instanceof undisc.Damaged)) console.error(problem);
  if (ENDED.has(code)) return ended(code);
  const left = /attempts left: (\d+)/.exec(problem.hint ?? "");
  say(form, left ? `${word(code)} ${word("attempts_left").replace("{n}", left[1])}` : word(code));
}

function ended(code) {
  show("ended", { why: word(code) });
}

// --- Beginning --------------------------------------------------------------------------------

async function begin() {
  let secret = null;
  const arrived = location.hash === SKIP ? location.href.slice(0, -SKIP.length) : location.href;
  try {
    secret = undisc.readSecret(arrived);
  } catch {
    try {
      secret = undisc.readPasted(arrived);
    } catch {
      state.damaged = true;
    }
  }
  const query = new URLSearchParams(location.search);
  state.trying = query.has("try");
  if (location.hash || location.search || location.pathname !== "/l") history.replaceState(null, "", "/l");
  keepThroughLanguages(secret);
  const told = await ask("start");
  state.node = undisc.fromHex(told.node);
  state.skew = told.now - Math.floor(Date.now() / 1000);
  state.practice = told.practice;
  state.contact = told.contact;
  if (secret) return withLink(secret);
  const visit = await ask("visit").catch(() => null);
  if (visit) return withKeys(visit);
  return withoutLink();
}

/** Another language is another page: hand the secret on, where the address alone would lose it. */
function keepThroughLanguages(secret) {
  for (const other of document.querySelectorAll(".languages a"))
    other.addEventListener("click", (event) => {
      event.preventDefault();
      const address = new URL(other.href);
      if (state.trying) address.searchParams.set("try", "");
      if (secret) address.hash = undisc.writeSecret(secret);
      location.replace(address);
    });
}

async function withLink(secret) {
  state.key = await undisc.keyOfLink(secret);
  state.link = state.key.did;
  state.code = "";
  const looked = await ask("look", { request: await signed("look") });
  if (looked.kind === "share") return reader(looked);
  const open = await ask("visit").catch(() => null);
  const kept = (await keeping.all()).find((one) => one.link === state.link);
  if (open && (open.key.did === state.key.did || open.key.did === kept?.did)) return withKeys(open);
  return patient(looked);
}

/** A session is open already: another tab, or the page was loaded again. */
async function withKeys(visit) {
  const own = (await keeping.all()).find((one) => one.did === visit.key.did);
  if (own && state.key?.did !== own.did) state.key = await undisc.keptKey(own.kept, own.did);
  state.visit = visit;
  return overview();
}

async function withoutLink() {
  const kept = await keeping.all();
  const screen = show("code", { damaged: Boolean(state.damaged), known: kept.length > 0 });
  const again = part(screen, "again");
  if (again)
    again.addEventListener("click", async () => {
      const one = kept[kept.length - 1];
      state.key = await undisc.keptKey(one.kept, one.did);
      state.link = one.link;
      try {
        await patient(await ask("look", { request: await signed("look") }));
      } catch (problem) {
        explain(screen.querySelector("form"), problem);
      }
    });
  onSubmit(screen.querySelector("form"), async (form) => {
    const typed = form.elements.code.value.trim();
    if (typed.includes("#") || typed.includes("://")) return withLink(undisc.readPasted(typed));
    state.code = undisc.readCode(typed);
    state.key = null;
    return patient(await ask("look", { code: state.code }));
  });
}

// --- The patient's door -----------------------------------------------------------------------

async function patient(looked) {
  const kept = (await keeping.all()).find((one) => one.link === state.link);
  if (looked.problem === "claimed" && kept && state.key && kept.did !== state.key.did) {
    state.key = await undisc.keptKey(kept.kept, kept.did);
    looked = await ask("look", { request: await signed("look") });
  }
  if (looked.problem && looked.problem !== "claimed") return ended(looked.problem);
  const mine = Boolean(kept && state.key && kept.did === state.key.did);
  const screen = show("pin", {
    claimed: looked.problem === "claimed",
    first: !looked.problem && !mine,
    until: looked.expires ? day(looked.expires) : "",
    back: Boolean(looked.problem === "claimed" && looked.contact && state.key),
    "contact-to": looked.contact,
  });
  wayBack(screen.querySelector("form"));
  onSubmit(screen.querySelector("form"), async (form) => {
    const pin = form.elements.pin.value;
    const code = form.elements.code.value.trim();
    if (code) {
      await claim(pin, code);
      state.visit = await ask("visit");
      return overview();
    }
    const keepHere = form.elements.keep?.checked && !looked.problem && !mine;
    if (keepHere) await claim(pin);
    else await enter(pin);
    state.visit = await ask("visit");
    await overview();
  });
}

/** A lost device: a code to the address that the practice has lets this one take its place. */
function wayBack(form) {
  part(form, "send-code").addEventListener("click", async () => {
    say(form, "");
    try {
      await ask("code", { request: await signed("code") });
      part(form, "code-sent").hidden = false;
    } catch (problem) {
      explain(form, problem);
    }
  });
}

async function enter(pin) {
  if (state.key) await ask("open", { request: await signed("open", { passcode: pin, code: null, name: "" }) });
  else await ask("open", { code: state.code, pin });
}

/** Put a key of this browser into the link's place; it is kept before the node hears of it. */
async function claim(pin, code = null) {
  const made = await undisc.newKey();
  await keeping.keep(made, state.link ?? made.did);
  try {
    if (state.key) {
      const args = { passcode: pin, code, key: made.did, software: made.software };
      await ask("claim", { request: await signed("claim", args) });
    } else {
      await ask("claim", { code: state.code, pin, key: made.did, software: made.software });
    }
  } catch (problem) {
    if (problem.code !== "offline") await keeping.forget(made.did);
    throw problem;
  }
  state.key = made;
  for (const one of await keeping.all())
    if (one.link === state.link && one.did !== made.did) await keeping.forget(one.did);
}

// --- The patient's page -----------------------------------------------------------------------

async function refresh() {
  state.visit = await ask("visit");
  await overview();
}

/** Go on with the PIN when the hour is over; anything else is said in the ordinary way. */
async function guarded(work) {
  try {
    await work();
  } catch (problem) {
    if (problem.code === "session_over") return again();
    if (ENDED.has(problem.code)) return ended(problem.code);
    tell(word(problem.code ?? "failed"));
    const place = part(main, "page-problem");
    if (place) {
      place.textContent = word(problem.code ?? "failed");
      place.hidden = false;
    }
  }
}

async function again() {
  if (state.key) return patient(await ask("look", { request: await signed("look") }));
  if (state.code) return patient(await ask("look", { code: state.code }));
  return withoutLink();
}

async function overview() {
  const visit = state.visit;
  const signer = state.key && state.key.did === visit.signer;
  const screen = show("visit", {
    until: visit.until ? day(visit.until) : "",
    software: Boolean(signer && state.key.software),
    closed: !visit.signer,
    keyless: Boolean(visit.signer && !signer),
    sharing: Boolean(signer && visit.studies.some((one) => one.grant)),
    none: visit.studies.length === 0,
    looking: visit.studies.length > 0 && Boolean(visit.signer),
  });
  const studies = part(screen, "studies");
  for (const study of visit.studies)
    studies.append(
      fill(copy("study"), {
        description: study.description || study.modalities.join(", "),
        about: [dicomDay(study.date), word(study.images === 1 ? "image" : "images").replace("{n}", study.images)]
          .filter(Boolean)
          .join(" · "),
      }),
    );
  part(screen, "look").addEventListener("click", () =>
    guarded(async () => {
      await ask("view", {});
      location.assign("/view/");
    }),
  );
  part(screen, "close").addEventListener("click", () => guarded(close));
  shares(screen);
  if (signer) form(screen);
  part(screen, "log").addEventListener("toggle", (event) => {
    if (event.target.open) guarded(() => log(event.target));
  });
  notices(screen, visit.notices);
  part(screen, "all").addEventListener("click", () =>
    confirm(word("revoke_all"), async () => {
      await ask("revoke", {});
      state.fresh = null;
      await refresh();
      tell(word("revoked_all"));
    }),
  );
}

/** Whether the patient is told of each use: there has to be a way to them. */
function notices(screen, wish) {
  const place = part(screen, "notices");
  place.hidden = !wish.possible && !wish.wanted;
  const box = place.querySelector("input");
  box.checked = wish.wanted;
  box.addEventListener("change", () =>
    guarded(async () => {
      const wanted = box.checked;
      box.disabled = true; // until the practice has taken it down
      try {
        await ask("notices", { wanted });
        wish.wanted = wanted;
        tell(word(wanted ? "notices_on" : "notices_off"));
      } finally {
        box.checked = wish.wanted;
        box.disabled = false;
        box.focus(); // a disabled box has lost it
      }
    }),
  );
}

async function close() {
  await ask("close", {});
  state.key = null;
  show("closed");
}

/** Ask before what cannot be undone. */
function confirm(question, work) {
  const dialog = document.getElementById("confirm");
  part(dialog, "question").textContent = question;
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue === "yes") guarded(work);
  };
  dialog.showModal();
}

function shares(screen) {
  const list = part(screen, "shares");
  const given = [...state.visit.shares];
  part(screen, "nobody").hidden = given.length + state.visit.named.length > 0;
  for (const named of state.visit.named) {
    const row = fill(copy("named"), { label: named.name, state: word(named.active ? "active" : "state_revoked") });
    copies(row, named.copies);
    list.append(row);
  }
  for (const one of given) {
    const row = fill(copy("share"), {
      label: one.label,
      state: word(one.state === "active" ? "active" : `state_${one.state}`),
      until: one.expires ? day(one.expires) : "",
      practice: one.practice,
      passcode: one.passcode,
      contact: one.contact ? `${word("code_to")} ${one.contact}` : "",
      viewing: !one.download,
      uses: one.max_uses ? word("uses").replace("{n}", one.uses).replace("{m}", one.max_uses) : "",
      tested: one.tested ? `${word("tested")} ${when(one.tested)}` : "",
    });
    const button = part(row, "revoke");
    button.hidden = one.state === "revoked";
    button.setAttribute("aria-label", `${button.textContent}: ${one.label}`);
    button.addEventListener("click", () =>
      confirm(word("revoke_one").replace("{who}", one.label), async () => {
        await ask(`shares/${one.id}/revoke`, {});
        if (state.fresh?.id === one.id) state.fresh = null;
        await refresh();
        tell(word("revoked_one"));
      }),
    );
    lacking(row, one);
    copies(row, one.copies);
    list.append(row);
  }
  if (state.fresh) handover(screen);
  part(screen, "all").hidden = !given.some((one) => one.state !== "revoked") && !state.visit.named.some((one) => one.active);
}

/** What practices say about their copies of what was ended: their words, and when they said them. */
function copies(row, said) {
  const list = part(row, "copies");
  for (const one of said) {
    const item = document.createElement("li");
    const who = one.name || word("named_practice");
    const texts = [word(one.says)];
    if (one.heard) texts.push(word("copy_heard").replace("{when}", when(one.heard)));
    if (one.passed) texts.push(word("copy_passed"));
    item.textContent = `${who}: ${texts.join(" ")}`;
    list.append(item);
  }
  list.hidden = !said.length;
}

/** A study that joined the visit after it was shared: only the patient's key can add it. */
function lacking(row, one) {
  const signer = state.key && state.key.did === state.visit.signer;
  const known = new Set(one.studies);
  const missing = state.visit.studies.filter((study) => study.grant && !known.has(study.id) && study.grant.created * 1000 > Date.parse(one.created));
  if (!signer || one.state !== "active" || !missing.length) return;
  part(row, "lacking").hidden = false;
  part(row, "add").addEventListener("click", () =>
    guarded(async () => {
      const tokens = [];
      for (const study of missing)
        tokens.push(
          undisc.base64(
            await undisc.share(state.key, {
              audience: one.audience,
              subject: study.grant.subject,
              study: undisc.fromHex(study.id),
              command: one.download ? "/img/read" : "/img/view",
              now: Math.max(now(), study.grant.created),
              expires: Math.min(one.ends, study.grant.expires),
            }),
          ),
        );
      await ask(`shares/${one.id}/add`, { tokens });
      await refresh();
      tell(word("added"));
    }),
  );
}

// --- Sharing ----------------------------------------------------------------------------------

function form(screen) {
  const made = part(screen, "form");
  const recipient = made.elements.practice;
  for (const one of state.visit.practices) recipient.append(new Option(one.name, one.did));
  part(made, "practices").hidden = state.visit.practices.length === 0;
  const chosen = part(made, "chosen");
  for (const study of state.visit.studies.filter((one) => one.grant)) {
    const row = copy("choice");
    const box = row.querySelector("input");
    box.value = study.id;
    box.dataset.study = study.id;
    box.id = `study-${study.id}`;
    row.querySelector("label").htmlFor = box.id;
    fill(row, { description: study.description || study.modalities.join(", "), date: dicomDay(study.date) });
    if (study.series.length > 1) offerParts(part(row, "parts"), study);
    chosen.append(row);
  }
  part(made, "two-step").hidden = !state.visit.codes;
  const adapt = () => {
    part(made, "protection").hidden = Boolean(recipient.value);
  };
  recipient.addEventListener("change", adapt);
  adapt();
  part(made, "draw").addEventListener("click", () => {
    const drawn = new Uint32Array(1);
    crypto.getRandomValues(drawn);
    made.elements.passcode.value = String(drawn[0] % 1_000_000).padStart(6, "0");
  });
  onSubmit(made, () => give(made));
}

function offerParts(place, study) {
  place.hidden = false;
  study.series.forEach((one, index) => {
    const row = copy("part");
    const box = row.querySelector("input");
    box.value = one.name;
    box.dataset.part = study.id;
    box.id = `part-${one.name}`;
    row.querySelector("label").htmlFor = box.id;
    const count = word(one.images === 1 ? "image" : "images").replace("{n}", one.images);
    const title = word("part").replace("{n}", index + 1).replace("{kind}", one.modality);
    fill(row, { title: `${title}, ${count}` });
    place.append(row);
  });
}

/** The series of a study that were left ticked: none stands for all of them. */
function chosenParts(made, study) {
  const boxes = [...made.querySelectorAll(`input[data-part="${study.id}"]`)];
  const ticked = boxes.filter((box) => box.checked);
  if (boxes.length && !ticked.length) throw new Problem("nothing_chosen");
  return ticked.length === boxes.length ? [] : ticked.map((box) => undisc.fromHex(box.value));
}

async function give(made) {
  const fields = made.elements;
  const peer = fields.practice.value;
  const secret = peer ? null : undisc.random(32);
  const audience = peer || (await undisc.keyOfLink(secret)).did;
  const end = now() + Number(fields.days.value) * 86_400;
  const wanted = new Set([...made.querySelectorAll("input[data-study]:checked")].map((box) => box.value));
  const studies = state.visit.studies.filter((one) => one.grant && wanted.has(one.id));
  if (!studies.length) throw new Problem("nothing_chosen");
  const tokens = [];
  for (const study of studies)
    tokens.push(
      undisc.base64(
        await undisc.share(state.key, {
          audience,
          subject: study.grant.subject,
          study: undisc.fromHex(study.id),
          series: chosenParts(made, study),
          command: fields.download.checked || peer ? "/img/read" : "/img/view",
          now: Math.max(now(), study.grant.created),
          expires: Math.min(end, study.grant.expires),
        }),
      ),
    );
  const passcode = peer ? "" : fields.passcode.value.trim();
  const label = fields.label.value.trim() || (peer ? recipientName(peer) : "");
  const uses = Number(fields.uses.value) || null;
  const body = { tokens, label, passcode: passcode || null, uses: peer ? null : uses };
  const contact = peer ? "" : fields.contact.value.trim();
  const answer = await ask("shares", { ...body, contact: contact || null });
  state.fresh = {
    id: answer.id,
    label,
    passcode,
    link: secret ? `${location.origin}/l#${undisc.writeSecret(secret)}` : "",
    peer: peer ? recipientName(peer) : "",
  };
  await refresh();
  tell(word("shared"));
  main.querySelector("#handover")?.scrollIntoView();
}

const recipientName = (did) => state.visit.practices.find((one) => one.did === did)?.name ?? "";

/** Show what was just made, once: the link is nowhere but in this tab. */
async function handover(screen) {
  const fresh = state.fresh;
  const place = part(screen, "fresh");
  place.hidden = false;
  const card = fill(copy("handover"), {
    label: fresh.label,
    link: fresh.link,
    linked: Boolean(fresh.link),
    straight: Boolean(fresh.peer),
    peer: fresh.peer,
    passcode: fresh.passcode,
    protected: Boolean(fresh.passcode),
  });
  place.replaceChildren(card);
  if (!fresh.link) return;
  part(place, "copy").addEventListener("click", () =>
    guarded(async () => {
      await navigator.clipboard.writeText(fresh.link);
      tell(word("copied"));
      part(place, "copied").hidden = false;
    }),
  );
  const send = part(place, "send");
  send.hidden = !navigator.share;
  send.addEventListener("click", () => navigator.share({ url: fresh.link, title: state.practice }).catch(() => {}));
  part(place, "try").addEventListener("click", () => {
    // A tab of its own, which has nothing of this one but the cookie that says whose test it is.
    window.open(fresh.link.replace("/l#", "/l?try#"), "_blank", "noopener,noreferrer");
  });
  const mail = part(place, "mail");
  mail.hidden = !state.visit.codes;
  onSubmit(mail, async () => {
    await ask(`shares/${fresh.id}/send`, { link: fresh.link, to: mail.elements.to.value.trim() });
    part(mail, "mailed").hidden = false;
  });
  const { drawQr } = await import("./qr.js");
  part(place, "qr").replaceChildren(drawQr(fresh.link));
}

// --- The log ----------------------------------------------------------------------------------

async function log(place) {
  const { accesses } = await ask("log");
  const list = part(place, "accesses");
  list.replaceChildren();
  part(place, "silence").hidden = accesses.length > 0;
  for (const one of accesses) {
    let who = one.self ? word("you") : one.with || word(one.emergency ? "emergency" : "named_practice");
    const known = one.practice || one.what === "given"; // others only say who they are
    if (one.who) who = `${who} – ${known ? one.who : word("says").replace("{who}", one.who)}`;
    list.append(
      fill(copy("access"), { at: when(one.at), who, what: word(`did_${one.what}`), study: one.study }),
    );
  }
}

// --- The reader's door ------------------------------------------------------------------------

async function reader(looked) {
  if (looked.problem) return ended(looked.problem);
  const screen = show("reader", {
    passcode: looked.passcode,
    until: looked.expires ? day(looked.expires) : "",
    trying: Boolean(state.trying),
    viewing: !looked.download,
    contacted: Boolean(looked.contact),
    "contact-to": looked.contact,
  });
  const door = screen.querySelector("form");
  door.elements.passcode.required = looked.passcode;
  door.elements.code.required = Boolean(looked.contact);
  part(door, "send-code").addEventListener("click", async () => {
    say(door, "");
    try {
      await ask("code", { request: await signed("code") });
      part(door, "code-sent").hidden = false;
    } catch (problem) {
      explain(door, problem);
    }
  });
  onSubmit(door, async () => {
    const passcode = looked.passcode ? door.elements.passcode.value : null;
    const name = door.elements.name.value.trim();
    const code = looked.contact ? door.elements.code.value.trim() : null;
    const args = { passcode, code, name };
    await ask("open", { request: await signed("open", args), test: Boolean(state.trying) });
    location.assign("/view/");
  });
}

// A link that is pasted into a tab with this page changes the fragment only.
addEventListener("hashchange", () => {
  if (location.hash && location.hash !== SKIP) location.reload();
});

begin().catch((problem) => {
  const code = problem.code ?? "failed";
  if (!problem.code) console.error(problem);
  ended(globalThis.isSecureContext ? code : "insecure");
});
