// What a browser of a patient or a reader says to a node, byte for byte as SPEC.md has it.
//
// One small module without a dependency: strict DAG-CBOR (§2.1), envelopes (§2.2), did:key (§3.1),
// the key of a link (§3.2), damaged links and codes (§3.8), shares (§4.2) and requests (§6.13).
// Signing is WebCrypto's Ed25519, with keys that scripts cannot read. A browser without it gets
// noble-ed25519, and everything it signs is known to come from a key that is kept as bytes.

const utf8 = new TextEncoder();
const MAX_DEPTH = 16; // arrays and maps within one another (§2.1)
const VARSIG = Uint8Array.of(0x34, 1, 0xed, 1, 0xed, 1, 0x13, 0x71);
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const TAG_DELEGATION = "ucan/dlg@1.0.0";
export const TAG_BROWSER = "undisc/browser@1";
const LIFETIME = 240; // seconds for which a request is good; the holder takes 300
const MAX_LINK = 2048; // characters that anybody pastes
const ESCAPES = 4; // times that gateways in a row may have escaped a link

export class Damaged extends Error {}

// --- Bytes ------------------------------------------------------------------------------------

export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export function base64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export const random = (count) => crypto.getRandomValues(new Uint8Array(count));

// --- DAG-CBOR ---------------------------------------------------------------------------------

function head(major, count) {
  const kind = major << 5;
  if (count < 24) return Uint8Array.of(kind | count);
  if (count < 0x100) return Uint8Array.of(kind | 24, count);
  if (count < 0x10000) return Uint8Array.of(kind | 25, count >> 8, count & 255);
  const wide = new Uint8Array(count < 0x100000000 ? 5 : 9);
  const view = new DataView(wide.buffer);
  wide[0] = kind | (wide.length === 5 ? 26 : 27);
  if (wide.length === 5) view.setUint32(1, count);
  else view.setBigUint64(1, BigInt(count));
  return wide;
}

function text(value) {
  encodeURIComponent(value); // throws for half a surrogate pair, which has no bytes
  return utf8.encode(value);
}

// Keys in DAG-CBOR's order: the shorter first, keys of one length by their bytes.
function before(one, other) {
  if (one.length !== other.length) return one.length - other.length;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return one[at] - other[at];
  return 0;
}

/** Encode null, booleans, safe integers, text, bytes, arrays and plain objects; nothing else. */
export function encode(value, depth = 0) {
  if (value === null) return Uint8Array.of(0xf6);
  if (value === false) return Uint8Array.of(0xf4);
  if (value === true) return Uint8Array.of(0xf5);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new Error("only whole numbers of 53 bits are encoded");
    return value < 0 ? head(1, -1 - value) : head(0, value);
  }
  if (typeof value === "string") {
    const bytes = text(value);
    return join(head(3, bytes.length), bytes);
  }
  if (value instanceof Uint8Array) return join(head(2, value.length), value);
  if (depth >= MAX_DEPTH) throw new Error("too many arrays and maps within one another");
  if (Array.isArray(value))
    return join(head(4, value.length), ...value.map((item) => encode(item, depth + 1)));
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).map(([key, item]) => [text(key), item]);
    entries.sort(([one], [other]) => before(one, other));
    const parts = entries.flatMap(([key, item]) => [head(3, key.length), key, encode(item, depth + 1)]);
    return join(head(5, entries.length), ...parts);
  }
  throw new Error("a value of this kind cannot be encoded");
}

// --- Keys -------------------------------------------------------------------------------------

/** The did:key of an Ed25519 public key. */
export function didOf(publicKey) {
  let number = 0n;
  for (const byte of join(Uint8Array.of(0xed, 1), publicKey)) number = (number << 8n) | BigInt(byte);
  let digits = "";
  for (; number; number /= 58n) digits = BASE58[Number(number % 58n)] + digits;
  return `did:key:z${digits}`;
}

const fromBase64Url = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));

async function noble() {
  return import("./noble-ed25519.js");
}

async function softwareKey(seed) {
  const ed25519 = await noble();
  const publicKey = await ed25519.getPublicKeyAsync(seed);
  return {
    did: didOf(publicKey),
    software: true,
    kept: seed,
    sign: (bytes) => ed25519.signAsync(bytes, seed),
  };
}

function nativeKey(key, publicKey) {
  return {
    did: didOf(publicKey),
    software: false,
    kept: key,
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes)),
  };
}

async function nativeFrom(seed) {
  const pkcs8 = join(PKCS8, seed);
  const readable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", readable);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  return nativeKey(key, fromBase64Url(x));
}

/** The key of a 32-byte Ed25519 seed; the browser's own where it has one. */
export async function keyOfSeed(seed, { software = false } = {}) {
  if (!software) {
    try {
      return await nativeFrom(seed);
    } catch (problem) {
      if (problem.name !== "NotSupportedError" && problem.name !== "SyntaxError") throw problem;
    }
  }
  return softwareKey(seed);
}

/** The key of a link: HKDF-SHA256 of its 32-byte secret (§3.2). */
export async function keyOfLink(secret, options) {
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const derivation = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: utf8.encode("undisc/v1/link"),
  };
  const seed = new Uint8Array(await crypto.subtle.deriveBits(derivation, material, 256));
  return keyOfSeed(seed, options);
}

/** A new key of this browser, which no script can read; as bytes where there is nothing better. */
export async function newKey() {
  try {
    const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    return nativeKey(pair.privateKey, publicKey);
  } catch (problem) {
    if (problem.name !== "NotSupportedError" && problem.name !== "SyntaxError") throw problem;
    return softwareKey(random(32));
  }
}

/** A key as the browser has kept it. */
export async function keptKey(kept, did) {
  if (kept instanceof Uint8Array) return softwareKey(kept);
  const key = kept;
  return {
    did,
    software: false,
    kept: key,
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes)),
  };
}

// --- What is signed ---------------------------------------------------------------------------

/** Sign a payload; return the envelope (§2.2). */
export async function sign(key, tag, payload) {
  const signed = encode({ h: VARSIG, [tag]: payload });
  return join(Uint8Array.of(0x82, 0x58, 0x40), await key.sign(signed), signed);
}

/** A share of one study (§4.2). `series` are names of 16 bytes, or nothing for all of them. */
export async function share(key, { audience, subject, study, command, series = [], nonce, now, expires }) {
  const policy = [["==", ".study", study]];
  if (series.length) {
    const sorted = [...series].sort(before);
    policy.push(["all", ".series", ["or", sorted.map((name) => ["==", ".", name])]]);
  }
  policy.push(["==", ".by", audience]);
  return sign(key, TAG_DELEGATION, {
    iss: key.did,
    aud: audience,
    sub: subject,
    cmd: command,
    pol: policy,
    nonce: nonce ?? random(12),
    nbf: now,
    exp: expires,
  });
}

/** A request to the holder (§6.13). */
export async function request(key, { node, act, args = {}, nonce, now }) {
  return sign(key, TAG_BROWSER, {
    iss: key.did,
    to: node,
    act,
    args,
    nonce: nonce ?? random(16),
    iat: now,
    exp: now + LIFETIME,
  });
}

// --- Links and codes --------------------------------------------------------------------------

/** The fragment of a link: 43 characters. */
export const writeSecret = (secret) =>
  base64(secret).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** The 32-byte secret of an address as it arrived, or null when there is none in it (§3.2). */
export function readSecret(address) {
  const pieces = address.split(/#|%(?:25){0,3}23/);
  if (pieces.length < 2) return null;
  const fragment = pieces[pieces.length - 1].replace(/^[\s.,;:!?'"()[\]{}<>*]+|[\s.,;:!?'"()[\]{}<>*]+$/g, "");
  if (!fragment) return null;
  if (!/^[A-Za-z0-9_-]{43}$/.test(fragment)) throw new Damaged("cut");
  const secret = fromBase64Url(fragment);
  if (writeSecret(secret) !== fragment) throw new Damaged("cut");
  return secret;
}

/** The secret of what somebody pasted: a link, or lines around one. */
export function readPasted(pasted) {
  if (pasted.length > MAX_LINK) throw new Damaged("none");
  for (const joined of [pasted, pasted.replace(/=?[\r\n]+[ \t>|]*/g, ""), pasted.replace(/\s+/g, "")]) {
    let form = joined;
    for (let times = 0; times <= ESCAPES; times++) {
      const found = new Set([...form.matchAll(/\/l\/?#([A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])/g)].map((one) => one[1]));
      if (found.size > 1) throw new Damaged("several");
      for (const fragment of found) return readSecret(`#${fragment}`);
      try {
        form = decodeURIComponent(form).replace("&#35;", "#");
      } catch {
        break;
      }
    }
  }
  throw new Damaged("none");
}

/** A typed code in its one spelling, checked before anything is sent (§3.8). */
export function readCode(typed) {
  const plain = typed
    .toUpperCase()
    .replace(/[\s.\-\u2010-\u2015\u2212]+/g, "")
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
  const values = [...plain].map((character) => CROCKFORD.indexOf(character));
  if (values.length !== 12 || values.includes(-1)) throw new Damaged("length");
  let check = 0;
  for (const value of values.slice(0, -1)) {
    check = (check ^ value) << 1;
    if (check & 32) check ^= 0b100101;
  }
  if (check !== values[11]) throw new Damaged("typo");
  return plain.replace(/(.{4})(?=.)/g, "$1-");
}
