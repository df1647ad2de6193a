// The keys that this browser has made, by the link whose place they took: IndexedDB, which keeps a
// key without letting any script read it. A link's secret is never kept anywhere.

const NAME = "undisc";
const KEYS = "keys";

function opened() {
  return new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(KEYS, { keyPath: "did" });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

async function within(mode, work) {
  const database = await opened();
  try {
    const change = database.transaction(KEYS, mode, { durability: "strict" });
    const result = work(change.objectStore(KEYS));
    return await new Promise((done, failed) => {
      change.oncomplete = () => done(result.result);
      change.onerror = change.onabort = () => failed(change.error);
    });
  } finally {
    database.close();
  }
}

/** Keep a key, and the DID of the link whose place it is to take. */
export const keep = (key, link) =>
  within("readwrite", (store) => store.put({ did: key.did, link, kept: key.kept }));

/** Every key that is kept: `did`, `link`, `kept`. */
export async function all() {
  try {
    return await within("readonly", (store) => store.getAll());
  } catch {
    return []; // a private window of some browsers has no such place
  }
}

/** Forget a key. */
export const forget = (did) => within("readwrite", (store) => store.delete(did));
