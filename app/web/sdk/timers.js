/**
 * Timers by name: setting one replaces the earlier one of that name. It must never leave one running after `clear`.
 */

/** A browser takes what is longer for nothing at all. */
const MOST_MS = 2 ** 31 - 1;

export class Timers {
  /** @param {Pick<import('./environment.js').Environment, 'setTimeout'|'clearTimeout'>} env */
  constructor(env) {
    this.env = env;
    /** @type {Map<string, any>} */
    this.running = new Map();
  }

  /** @param {string} name @param {number} ms @param {() => void} then */
  after(name, ms, then) {
    this.cancel(name);
    this.running.set(name, this.env.setTimeout(() => {
      this.running.delete(name);
      then();
    }, Math.min(ms, MOST_MS)));
  }

  /** @param {string} name @returns {boolean} it is set and has not run */
  has(name) { return this.running.has(name); }

  /** @param {string} name */
  cancel(name) {
    this.env.clearTimeout(this.running.get(name));
    this.running.delete(name);
  }

  clear() {
    for (const name of [...this.running.keys()]) this.cancel(name);
  }
}
