// Runs cases through the module of the pages, for test_browser_module.py: JSON in, JSON out.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const module = await import(pathToFileURL(process.argv[2]));
const hex = (bytes) => Buffer.from(bytes).toString("hex");

/** Values as the test writes them: bytes are {"bytes": hex}, maps {"map": [[key, value]]}. */
function value(said) {
  if (Array.isArray(said)) return said.map(value);
  if (said === null || typeof said !== "object") return said;
  if ("bytes" in said) return module.fromHex(said.bytes);
  const entries = said.map.map(([key, item]) => [key, value(item)]);
  return Object.fromEntries(entries);
}

async function run({ what, ...given }) {
  const options = { software: Boolean(given.software) };
  switch (what) {
    case "encode":
      return hex(module.encode(value(given.value)));
    case "link-key":
      return (await module.keyOfLink(module.fromHex(given.secret), options)).did;
    case "share": {
      const key = await module.keyOfSeed(module.fromHex(given.seed), options);
      return hex(await module.share(key, value(given.share)));
    }
    case "request": {
      const key = await module.keyOfSeed(module.fromHex(given.seed), options);
      return hex(await module.request(key, value(given.request)));
    }
    case "secret": {
      const secret = module.readSecret(given.text);
      return secret === null ? null : hex(secret);
    }
    case "pasted":
      return hex(module.readPasted(given.text));
    case "code":
      return module.readCode(given.text);
    case "new": {
      const key = await module.newKey();
      return { did: key.did, software: key.software, signed: hex(await key.sign(new Uint8Array(3))) };
    }
  }
  throw new Error(`unknown case ${what}`);
}

const results = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    results.push({ ok: await run(one) });
  } catch (problem) {
    results.push({ error: problem.message, kind: problem.constructor.name });
  }
}
process.stdout.write(JSON.stringify(results));
