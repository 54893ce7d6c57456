/**
 * Whether the other side still lives. A dead network looks exactly like a quiet one, and a browser never shows the
 * server's own pings, so it asks. It must never judge by its own timers alone: a browser slows those of a hidden
 * page.
 */

/** Until a welcome names the beat: two of these without a word, and the connection counts as dead. */
export const HANDSHAKE_BEAT_MS = 5_000;
/** After a sleep or a change of network an answer is expected so soon. */
const PROBE_MS = 5_000;

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
    this.quiet = true;
  }

  /** Something was said. */
  heard() {
    this.last = this.now();
    this.quiet = false;
  }

  /** Silence for one beat: ask. For two: dead. @param {number} beat ms */
  watch(beat) {
    this.timers.after('watch', beat / 2, () => {
      const silent = this.now() - this.last;
      if (silent >= 2 * beat) return this.act.dead();
      if (silent >= beat) this.act.ping();
      this.watch(beat);
    });
  }

  /** Ask now, and don't wait long for a word. */
  probe() {
    this.quiet = true;
    if (!this.act.ping()) return;
    this.timers.after('probe', PROBE_MS, () => { if (this.quiet) this.act.dead(); });
  }
}
