/**
 * Older events, a page at a time. It must never ask twice for the same page, nor leave anybody waiting when the
 * connection is lost.
 */

export class Pages {
  /** @param {(frame: import('./protocol.js').ClientFrame) => boolean} send false: not connected */
  constructor(send) {
    this.send = send;
    this.turn = /** @type {((came: boolean) => void)|null} somebody waits for a page */ (null);
  }

  /** @param {import('./transcript.js').Transcript} transcript @param {number} limit @returns {Promise<boolean>} */
  older({ first, more }, limit) {
    const asked = this.turn === null && more && first > 1 && this.send({ type: 'history', before: first, limit });
    return asked ? new Promise((resolve) => { this.turn = resolve; }) : Promise.resolve(false);
  }

  /** The wait is over. @param {boolean} came */
  done(came) {
    const { turn } = this;
    this.turn = null;
    turn?.(came);
  }
}
