/**
 * What the panel knows: frames, changes of the connection and faults in, everything that is drawn or told out. Pure;
 * the time is passed in. It must never keep a token, nor ask the session for anything.
 */

import { Answer } from './answer.js';
import { Incident } from './incident.js';
import { Proof } from './proof.js';
import { Relay } from './relay.js';

/** @typedef {import('./incident.js').Fault} Fault */

export class Scene {
  constructor() {
    this.relay = new Relay();
    this.answer = new Answer();
    this.proof = new Proof();
    this.incident = /** @type {Incident|null} the newest */ (null);
    this.top = 0;
    this.watched = /** @type {number|null} the turn that was running when the connection was joined */ (null);
    this.session = '';
    this.epoch = '';
    this.reconnects = 0;
    this.tookMs = /** @type {number|null} the last reconnect */ (null);
    this.lostAt = /** @type {number|null} */ (null);
  }

  /** Who serves this page now; null while nobody does. */
  get replica() { return this.relay.current?.replica ?? null; }

  /** How far a visitor has come: 1 to ask, 2 to break it, 3 to watch, 4 through. */
  get step() {
    const { answer, incident } = this;
    if (incident !== null && incident.turn !== null && incident.turn === answer.turn) {
      if (incident.held) return 4;
      if (!incident.over) return 3;
    }
    return answer.writing ? 2 : 1;
  }

  /** @param {import('../sdk/protocol.js').ServerFrame} frame @param {number} now */
  heard(frame, now) {
    switch (frame.type) {
      case 'welcome': this.welcomed(frame, now); break;
      case 'drain': this.relay.mark('drain', now); break;
      case 'turn_start': this.answer.started(frame.turn, frame.attempt); break;
      case 'delta': this.written(frame, now); break;
      case 'message': case 'state': case 'turn_end': this.stored(frame, now); break;
      default: break;
    }
  }

  /** The connection is lost, or given up for another one. @param {number} now */
  left(now) {
    if (this.relay.current === null) return;
    this.relay.left(now);
    this.lostAt = now;
    this.incident?.left();
  }

  /**
   * Somebody broke something. A fault of the past that nothing came of is forgotten.
   * @param {Fault} fault @param {number} now @param {number} [pause] seconds
   * @returns {() => void} takes it back: it was refused
   */
  broke(fault, now, pause = 0) {
    const before = this.incident;
    const incident = new Incident(fault, this.replica ?? 'the replica', now, this.answer, pause);
    this.incident = incident;
    const erase = this.relay.mark(fault, now);
    return () => {
      erase();
      if (this.incident === incident) this.incident = before;
    };
  }

  /** @param {import('../sdk/protocol.js').Welcome} welcome @param {number} now */
  welcomed(welcome, now) {
    const { session, epoch, replica } = welcome;
    if (session !== this.session || !welcome.recovered) Object.assign(this, { answer: new Answer(), session });
    this.watched = this.answer.writing ? this.answer.turn : null;
    this.top = welcome.seq;
    this.epoch = epoch;
    this.proof.welcomed(welcome);
    this.relay.joined(replica, now);
    if (this.lostAt === null) return;
    this.reconnects += 1;
    this.tookMs = now - this.lostAt;
    this.lostAt = null;
    this.incident?.back(now, replica);
  }

  /** @param {import('../sdk/protocol.js').Delta} delta @param {number} now */
  written(delta, now) {
    const lane = this.relay.current;
    if (lane === null) return;
    const before = this.answer.turn === delta.turn ? this.answer.chunks : 0;
    const fresh = this.answer.delta(delta, lane);
    if (fresh !== '') this.piece(fresh, before + 1, delta.first === 0 && before > 0, now);
  }

  /** @param {import('../sdk/protocol.js').Durable} event @param {number} now */
  stored(event, now) {
    this.proof.event(event.seq);
    if (event.turn === event.seq && event.type !== 'turn_end') this.answer.started(event.seq, 0);
    const lane = this.relay.current;
    if (event.type === 'message' && event.role === 'assistant' && lane !== null) {
      const fresh = this.answer.stored(event, lane);
      const old = event.seq <= this.top && event.turn !== this.watched;
      if (fresh !== '' && !old) this.piece(fresh, 0, false, now);
    }
    if (event.type !== 'turn_end') return;
    this.answer.ended(event.turn);
    this.incident?.ended(event.turn, event.status, now);
  }

  /** @param {string} fresh text @param {number} chunk @param {boolean} late @param {number} now */
  piece(fresh, chunk, late, now) {
    const { turn, attempt } = this.answer;
    if (turn === null) return;
    const piece = { turn, attempt, chunk, late };
    this.relay.piece(now, fresh.length, piece);
    this.incident?.piece(now, piece);
  }
}
