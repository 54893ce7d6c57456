/**
 * Brings what waits in the outbox onto the wire, at its time. It must never send before the replay is through: what
 * waits here may be stored already.
 */

import { oversized } from './codec.js';
import { frameOf } from './entry.js';
import { DEFAULT_LIMITS, TOO_LARGE } from './protocol.js';
import { Timers } from './timers.js';

export class Delivery {
  /**
   * @param {import('./environment.js').Environment} env
   * @param {import('./outbox.js').Outbox} outbox
   * @param {import('./conversation.js').Link} link
   */
  constructor(env, outbox, link) {
    this.env = env;
    this.outbox = outbox;
    this.link = link;
    this.timers = new Timers(env);
    this.limits = /** @type {{text: number, frame: number}} */ (DEFAULT_LIMITS);
  }

  /** Somebody waits to hear that a message is stored. */
  get awaiting() { return this.outbox.head()?.state === 'sent'; }

  /**
   * @param {string} text @param {string|null} session @param {import('./protocol.js').Context|null} context
   * @returns {string} the id of the message
   */
  add(text, session, context) {
    const entry = this.outbox.add(this.env.uuid(), text, session, context);
    if (oversized(frameOf(entry), this.limits)) this.outbox.fail(entry, 'too_large', TOO_LARGE);
    return entry.id;
  }

  /** Sends what may be sent now, and looks again when there is more to do. Only while the replay is through. */
  flush() {
    const unanswered = this.awaiting;
    const entry = this.outbox.next();
    if (entry !== null && unanswered) this.link.probe();
    if (entry !== null && !this.link.send(frameOf(entry))) return;
    const at = this.outbox.wakeAt();
    if (at === null) return this.timers.clear();
    this.timers.after('flush', Math.max(0, at - this.env.now()), () => {
      this.flush();
      this.link.changed();
    });
  }

  /**
   * Its event is on the way; or it came already, perhaps long ago.
   * @param {import('./protocol.js').Ack} ack @param {number} seen the newest event that is shown
   */
  acked({ id, seq }, seen) {
    if (seq <= seen) this.outbox.settled(id);
    else this.outbox.acked(id);
  }

  /** The connection is lost. @param {number} code @returns {boolean} because of a message, which is given up */
  parted(code) {
    this.timers.clear();
    const inFlight = this.outbox.entries.find((entry) => entry.state === 'sent');
    this.outbox.parted();
    if (code !== 1009 || !inFlight) return false;
    this.outbox.fail(inFlight, 'too_large', TOO_LARGE);
    return true;
  }
}
