/**
 * Whether the log arrived whole: every stored event once, in order. Counted from the frames as they come, apart from
 * the client that applies them, so that it would show a fault of either side. It must never count what it didn't see.
 */

export class Proof {
  constructor() {
    this.log = '';
    this.first = 0;
    this.last = 0;
    this.newest = 0;
    this.twice = 0;
  }

  /** Events that must exist, because a later one came, and that haven't come. */
  get lost() { return Math.max(0, this.newest - this.last); }

  /** @param {import('../sdk/protocol.js').Welcome} welcome */
  welcomed({ session, epoch, recovered }) {
    const log = `${session} ${epoch}`;
    if (!recovered || log !== this.log) Object.assign(this, new Proof(), { log, twice: this.twice });
  }

  /** @param {number} seq of a durable event */
  event(seq) {
    if (this.last > 0 && seq <= this.last) {
      this.twice += 1;
      return;
    }
    if (this.last === 0) this.first = seq;
    if (this.last === 0 || seq === this.last + 1) this.last = seq;
    this.newest = Math.max(this.newest, seq);
  }
}
