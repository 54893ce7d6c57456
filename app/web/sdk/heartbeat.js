/**
 * Whether the other side still lives. A dead network looks exactly like a quiet one, and a browser never shows the
 * server's own pings, so it asks. It must never judge by its own timers alone: a browser slows those of a hidden
 * page. So a timer that comes late asks again, and whoever waits for an answer is judged by a ping, not by silence.
 */

/** Until a welcome names the beat: two of these without a word, and the connection counts as dead. */
export const HANDSHAKE_BEAT_MS = 5_000;
/** After a ping that asks for a sign of life, a word is expected so soon. */
const PROBE_MS = 5_000;
/** So many times longer at most: a large frame over a slow network is silence, too, and would begin anew each time. */
const MOST_PATIENCE = 4;
/** While something is awaited: silence for so long, and it asks. A replica that hangs keeps its sockets open. */
const IMPATIENT_MS = 4_000;
/** A timer that comes later than this was slowed, or slept with the machine. */
const LATE_MS = 1_500;

export class Heartbeat {
  /**
   * @param {import('./timers.js').Timers} timers
   * @param {() => number} now ms
   * @param {{ping: () => boolean, dead: () => void}} act ping answers false when there is nobody to ask
   */
  constructor(timers, now, act) {
    this.timers = timers;
    this.now = now;
    this.act = act;
    this.last = 0;
    this.awaited = false;
    this.patience = 1;
  }

  /** A new connection. */
  begin() {
    this.heard();
    this.watch(HANDSHAKE_BEAT_MS);
  }

  /** Something was said. */
  heard() {
    this.last = this.now();
    if (this.timers.has('probe')) this.patience = 1;
    this.timers.cancel('probe');
  }

  /** Silence for one beat: ask. For two: dead. @param {number} beat ms */
  watch(beat) {
    this.timers.after('watch', beat / 2, () => {
      // A clock that was put back says no less than one that was put forward.
      const silent = Math.abs(this.now() - this.last);
      if (silent >= 2 * beat) return this.act.dead();
      if (silent >= beat) this.act.ping();
      this.watch(beat);
    });
  }

  /** Somebody waits for a word, or nobody any more. @param {boolean} awaited */
  expect(awaited) {
    if (awaited === this.awaited) return;
    this.awaited = awaited;
    if (awaited) this.hurry(IMPATIENT_MS);
    else this.timers.cancel('hurry');
  }

  /** Asks after a short silence, and not again before the answer. @param {number} wait ms */
  hurry(wait) {
    this.timers.after('hurry', wait, () => {
      const left = IMPATIENT_MS - Math.abs(this.now() - this.last);
      if (left <= 0) this.probe(this.patience);
      this.hurry(left > 0 ? left : IMPATIENT_MS);
    });
  }

  /** Ask now, unless asked already, and don't wait long for a word. @param {number} [patience] */
  probe(patience = 1) {
    if (this.timers.has('probe') || !this.act.ping()) return;
    const wait = PROBE_MS * patience;
    const due = this.now() + wait;
    this.timers.after('probe', wait, () => {
      if (this.now() - due > LATE_MS) return this.probe(patience);
      this.patience = Math.min(2 * this.patience, MOST_PATIENCE);
      this.act.dead();
    });
  }
}
