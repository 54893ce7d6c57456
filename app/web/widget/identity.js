/**
 * Who the customer is, as the site says: a signed token, or a function that brings one. It must never keep the token,
 * and never say the same twice: a page per click would fill the history with sign-ins.
 */

const KEY = 'identified';

/** @typedef {string|null|(() => string|null|Promise<string|null>)} Source */

export class Identity {
  /** @param {import('../sdk/session.js').Session} session @param {import('../sdk/storage.js').SafeStorage} storage */
  constructor(session, storage) {
    this.session = session;
    this.storage = storage;
    this.source = /** @type {Source} */ (null);
    this.wait = 10_000; // ms until a site that failed is asked again
    this.asked = /** @type {string|null} the connection and state for which the site was asked */ (null);
  }

  /** @param {Source} source null: the site says nothing (any more); empty: nobody is signed in */
  set(source) {
    if (source === this.source) return;
    this.source = source === null && this.source !== null ? '' : source;
    this.asked = null;
    void this.check();
  }

  /** Asks the site once for each conversation, and again when the sign-in has run out. */
  async check() {
    const { session, source } = this;
    const { session: id, state } = session.transcript;
    if (source === null || session.welcome === null || id === null || state === null || state.ended) return;
    const now = `${id} ${state.auth === 'expired'}`;
    if (this.asked === now) return;
    this.asked = now;
    const token = typeof source === 'function' ? await this.ask(source) : source;
    if (this.source !== source || session.transcript.session !== id) return;
    if (!token) return this.left(id);
    const who = `${id} ${fingerprint(subject(token))}`;
    if (state.auth === 'authenticated' && this.storage.get(KEY) === who) return;
    this.storage.set(KEY, who);
    session.identify(token);
  }

  /** A site that can't say now is asked again later. @param {() => string|null|Promise<string|null>} source */
  async ask(source) {
    try {
      return await source();
    } catch (error) {
      setTimeout(() => { this.asked = null; void this.check(); }, this.wait);
      throw error; // the site's own, for its console
    }
  }

  /** The customer has signed out of the site; a sign-in in the chat itself stays. @param {string} id */
  left(id) {
    if (this.storage.get(KEY)?.startsWith(`${id} `) !== true) return;
    this.storage.remove(KEY);
    this.session.signOut();
  }
}

/** Whom a token is about, unverified: only to tell two customers apart. @param {string} token @returns {string} */
function subject(token) {
  try {
    const body = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    return String(JSON.parse(atob(body)).sub);
  } catch {
    return token;
  }
}

/** FNV-1a of 32 bits: an account number needn't lie in the browser's storage. @param {string} text */
function fingerprint(text) {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return (hash >>> 0).toString(36);
}
