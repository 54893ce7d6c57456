/**
 * How long to wait before the next attempt to connect. Pure: chance is passed in. It must never answer a delay that
 * is the same for everybody, not even for the first retry: thousands of clients lose a replica at the same moment.
 */

export const FLOOR_MS = 500;
export const CEILING_MS = 20_000;
/** A connection that lasted so long was a good one: the backoff begins with the first retry again. */
export const STABLE_MS = 5_000;

/**
 * Full jitter over the whole window, from 0.5 s to a ceiling that doubles from 1 s to 20 s.
 * @param {number} retry 0 for the first retry
 * @param {() => number} random in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(retry, random) {
  const ceiling = Math.min(CEILING_MS, FLOOR_MS * 2 ** (Math.min(retry, 30) + 1));
  return Math.round(FLOOR_MS + random() * (ceiling - FLOOR_MS));
}

/** The retries of one client, one after the other. */
export class Retries {
  /** @param {() => number} random in [0, 1) */
  constructor(random) {
    this.random = random;
    this.count = 0;
  }

  /** @returns {number} ms until the next one */
  wait() {
    this.count += 1;
    return backoff(this.count - 1, this.random);
  }

  /** @param {number} ms that a connection lasted from its welcome on */
  lasted(ms) { if (ms >= STABLE_MS) this.count = 0; }
}
