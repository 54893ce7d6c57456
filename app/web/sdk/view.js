/**
 * What a page can see of a session, and how it hears of changes. It must never change anything itself: what a page can
 * do is session.js.
 */

import { Emitter } from './emitter.js';
import { snapshot } from './snapshot.js';
import { caughtUp, running } from './transcript.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */
/** @typedef {import('./status.js').Status} Status */

/**
 * @typedef {object} Events
 * @property {View} change something to show has changed
 * @property {Status} status each change of the phase; and the same under the name of the new phase:
 * @property {Status} connecting
 * @property {Status} live
 * @property {Status} offline
 * @property {Status} draining
 * @property {Status} stopped
 * @property {{direction: 'in'|'out', frame: ServerFrame|ClientFrame}} frame for the curious; may hold tokens
 * @property {import('./protocol.js').ErrorFrame} error one that belongs to no message
 * @property {import('./protocol.js').Typing} typing
 * @property {{code: number}} gone the conversation can't be opened any more; a new one is begun
 */

/** @extends {Emitter<Events>} */
export class View extends Emitter {
  constructor() {
    super();
    // The session sets these two before anybody looks.
    this.conversation = /** @type {import('./conversation.js').Conversation} */ (/** @type {unknown} */ (null));
    this.connection = /** @type {import('./connection.js').Connection} */ (/** @type {unknown} */ (null));
    this.place = /** @type {import('./protocol.js').Context|null} */ (null);
    this.shown = /** @type {import('./snapshot.js').Snapshot|null} */ (null);
  }

  get status() { return this.connection.status; }
  /** What was stored, and the answer being written. */
  get transcript() { return this.conversation.transcript; }
  /** What was written here, or in another tab, and isn't in the transcript yet. */
  get pending() { return this.conversation.outbox.entries; }
  /** The turn that `cancel` stops, or null. */
  get running() { return running(this.transcript); }
  /** The server's last greeting; null while not connected. */
  get welcome() { return this.conversation.welcome; }
  /** Everything that was stored at the welcome is shown. */
  get caughtUp() { return caughtUp(this.transcript); }

  /** All of this as one frozen object, which is another one only when something has changed. */
  get snapshot() { return (this.shown ??= this.look()); }

  /** Calls back whenever `snapshot` is another object. @param {() => void} listener */
  subscribe = (listener) => this.on('change', listener);

  /** Tells it, if something has changed. */
  changed() {
    this.connection.awaits(this.conversation.awaiting);
    const before = this.shown;
    this.shown = this.look();
    if (this.shown !== before) this.emit('change', this);
  }

  look() {
    const { status, transcript, pending, running: turn, welcome, caughtUp: whole, place: context } = this;
    return snapshot(this.shown, { status, transcript, pending, running: turn, welcome, caughtUp: whole, context });
  }
}
