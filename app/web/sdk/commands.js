/**
 * Requests that have no id of their own: cancel, identify, sign_out, end. Each is followed by a ping, and is said
 * again on the next connection until the pong to it was heard. That is safe only because each of them may be said
 * twice: it must never carry a message.
 */

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */

/** Only the last word on who the customer is counts: said in another conversation, an older one would be wrong. */
const WHO = ['identify', 'sign_out'];

export class Commands {
  constructor() {
    /** @type {{n: number, frame: ClientFrame}[]} */
    this.waiting = [];
    this.count = 0;
  }

  /** @param {ClientFrame} frame @returns {ClientFrame[]} what to send */
  add(frame) {
    this.count += 1;
    if (WHO.includes(frame.type)) this.waiting = this.waiting.filter((one) => !WHO.includes(one.frame.type));
    this.waiting.push({ n: this.count, frame });
    return [frame, { type: 'ping', t: this.count }];
  }

  /** @returns {ClientFrame[]} what to say again on a new connection */
  unsettled() {
    const frames = this.waiting.map(({ frame }) => frame);
    return frames.length > 0 ? [...frames, { type: 'ping', t: this.count }] : [];
  }

  /** @param {unknown} t of a pong */
  settle(t) {
    if (typeof t === 'number') this.waiting = this.waiting.filter(({ n }) => n > t);
  }

  /** They were meant for a conversation that is gone. Who the customer is, is still true. */
  moved() {
    this.waiting = this.waiting.filter(({ frame }) => frame.type === 'identify');
  }
}
