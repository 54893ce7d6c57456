/**
 * A view of the browser's storage that can't fail. Storage may be absent, full, or throw on mere access (a private
 * window, a blocked third party): then values live in memory, and a reload forgets them. It must never throw, and
 * never hand out keys of another prefix.
 */

/** @typedef {Pick<Storage, 'getItem'|'setItem'|'removeItem'|'key'|'length'>} StorageLike */

export class SafeStorage {
  /**
   * @param {() => StorageLike|null|undefined} open evaluated at each use, because access itself may throw
   * @param {string} prefix set before each key
   */
  constructor(open, prefix) {
    this.open = open;
    this.prefix = prefix;
    /** @type {Map<string, string>} what the real storage would not take */
    this.memory = new Map();
  }

  /** @param {string} key @returns {string|null} */
  get(key) {
    const kept = this.memory.get(key);
    if (kept !== undefined) return kept;
    return this.attempt((real) => real.getItem(this.prefix + key), null);
  }

  /** @param {string} key @param {string} value */
  set(key, value) {
    const stored = this.attempt((real) => (real.setItem(this.prefix + key, value), true), false);
    if (stored) this.memory.delete(key);
    else this.memory.set(key, value);
  }

  /** @param {string} key */
  remove(key) {
    this.memory.delete(key);
    this.attempt((real) => real.removeItem(this.prefix + key), undefined);
  }

  /** @returns {string[]} the keys under the prefix, without it */
  keys() {
    const stored = this.attempt((real) => {
      const names = [];
      for (let n = 0; n < real.length; n += 1) names.push(real.key(n) ?? '');
      return names.filter((name) => name.startsWith(this.prefix)).map((name) => name.slice(this.prefix.length));
    }, /** @type {string[]} */ ([]));
    return [...new Set([...stored, ...this.memory.keys()])];
  }

  /**
   * @template T
   * @param {(real: StorageLike) => T} use
   * @param {T} otherwise
   * @returns {T}
   */
  attempt(use, otherwise) {
    try {
      const real = this.open();
      return real ? use(real) : otherwise;
    } catch {
      return otherwise;
    }
  }
}
