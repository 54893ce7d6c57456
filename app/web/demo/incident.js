/**
 * One fault that was made on purpose, and what became of the answer that was being written then. Pure; it measures
 * what this page saw and must never claim more.
 */

/** @typedef {'kill'|'pause'|'store'|'drop'} Fault */

/** Nothing new for so long in the middle of an answer is an interruption, even on a connection that stands. */
export const SILENCE_MS = 1_000;

/** @type {Record<Fault, (replica: string, seconds: number) => string>} while an answer is being written */
const DONE = {
  kill: (replica) => `Killed ${replica}. The lease it held runs out in at most 3\u00a0s, `
    + 'then another replica goes on at the same word.',
  pause: (replica, seconds) => `Paused ${replica} for ${seconds}\u00a0s, sockets and all. Another replica takes over; `
    + 'what this one still wants to write when it wakes is refused.',
  store: () => 'Restarting Valkey. What was stored is on disk; the answer goes on once it is back.',
  drop: () => 'Dropped the socket. The page comes back, to any replica, and asks for what it has missed.',
};

/** @type {Record<Fault, (replica: string, seconds: number) => string>} between answers */
const IDLE = {
  kill: (replica) => `Killed ${replica}. Nothing was being written, so the page just moves to another replica.`,
  pause: (replica, seconds) => `Paused ${replica} for ${seconds}\u00a0s. It answers nobody until it wakes.`,
  store: () => 'Restarting Valkey. Messages wait on this page until it is back.',
  drop: () => 'Dropped the socket. The page comes back, to any replica.',
};

const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)}\u00a0s`;

export class Incident {
  /**
   * @param {Fault} fault @param {string} replica @param {number} at
   * @param {import('./answer.js').Answer} answer as it was then
   * @param {number} pause seconds that a paused replica stands still
   */
  constructor(fault, replica, at, answer, pause) {
    this.fault = fault;
    this.at = at;
    this.turn = answer.writing ? answer.turn : null;
    this.attempt = answer.attempt;
    this.heard = at;
    this.longest = 0;
    this.parted = false;
    this.over = false;
    this.held = false;
    this.sentence = (this.turn === null ? IDLE : DONE)[fault](replica, pause);
  }

  /** The connection was lost. */
  left() { this.parted = true; }

  /** Connected again. @param {number} now @param {string} replica */
  back(now, replica) {
    if (this.turn === null && this.parted) this.end(`Back on ${replica} after ${seconds(now - this.at)}.`);
  }

  /**
   * Something new of an answer arrived.
   * @param {number} now @param {import('./relay.js').Piece} piece
   */
  piece(now, { turn, attempt, chunk, late }) {
    if (this.over || turn !== this.turn || (late && attempt === this.attempt)) return;
    const silence = now - this.heard;
    this.heard = now;
    this.longest = Math.max(this.longest, silence);
    if (!this.parted && attempt === this.attempt && silence < SILENCE_MS) return;
    this.held = true;
    this.end(chunk > 0 ? `The answer went on at chunk ${chunk} after ${seconds(silence)}.`
      : `The rest of the answer arrived at once, after ${seconds(silence)}.`);
  }

  /**
   * A turn ended.
   * @param {number} turn @param {import('../sdk/protocol.js').TurnEnd['status']} status @param {number} now
   */
  ended(turn, status, now) {
    if (this.over || turn !== this.turn) return;
    this.held = status === 'completed';
    const pause = seconds(Math.max(this.longest, now - this.heard));
    this.end(this.held ? `The answer reached its end; its longest pause was ${pause}.` : `The answer was ${status}.`);
  }

  /** @param {string} sentence */
  end(sentence) {
    if (this.over) return;
    this.over = true;
    this.sentence = sentence;
  }
}
