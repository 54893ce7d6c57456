/**
 * The key to the conversation, one per site, so that all tabs of a site share it. It must never be put into a URL,
 * and never be removed by a tab that failed with an older one.
 */

/** @typedef {{token: string, session: string}} Kept */
const KEY = 'token';
const BEGUN = 'begun';

export class TokenStore {
  /** @param {import('./storage.js').SafeStorage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** @returns {Kept|null} */
  get() {
    try {
      const { token, session } = JSON.parse(this.storage.get(KEY) ?? '');
      return typeof token === 'string' && typeof session === 'string' ? { token, session } : null;
    } catch {
      return null;
    }
  }

  /** @param {Kept} kept */
  set(kept) {
    this.storage.set(KEY, JSON.stringify(kept));
  }

  /**
   * Another tab may have a new conversation already: only the token that failed is dropped.
   * @param {string|null} token
   */
  forget(token) {
    if (this.get()?.token === token) this.storage.remove(KEY);
  }

  /** Something of that conversation was stored. @param {string} session */
  begin(session) { if (!this.begun(session)) this.storage.set(BEGUN, session); }

  /** @param {string} session */
  begun(session) { return this.storage.get(BEGUN) === session; }
}
