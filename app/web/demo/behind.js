/**
 * What happens behind the chat: who serves it, where the log stands, and the frames as they pass. For the curious; it
 * must never show a token or the text of a message.
 */

import { element } from '../widget/list.js';

/** @typedef {import('../sdk/session.js').Session} Session */
/** @typedef {{direction: 'in'|'out', frame: Record<string, any>}} Passed */

const KEEP = 150;
/** Too many to be worth a line. */
const QUIET = ['ping', 'pong', 'typing'];
const clock = () => new Date().toLocaleTimeString([], { hour12: false });
const short = (/** @type {string|null|undefined} */ id) => (id ? id.slice(0, 8) : '–');

/** @type {Record<string, (frame: Record<string, any>) => string>} */
const DETAILS = {
  hello: (f) => (f.after ? `resume after ${f.after.seq}` : f.token ? 'resume from the start' : 'new conversation'),
  welcome: (f) => `${f.replica} · seq ${f.seq} · ${f.recovered ? 'recovered' : 'from the log'}`,
  send: (f) => `${short(f.id)} · ${[...f.text].length} chars`,
  ack: (f) => `${short(f.id)} → seq ${f.seq}${f.duplicate ? ' · duplicate' : ''}`,
  message: (f) => `${f.seq} · ${f.role} · ${[...f.text].length} chars`,
  state: (f) => `${f.seq} · ${f.state.auth}${f.state.handoff === 'none' ? '' : ` · handoff ${f.state.handoff}`}`,
  turn_start: (f) => `turn ${f.turn} · attempt ${f.attempt}`,
  turn_end: (f) => `${f.seq} · turn ${f.turn} ${f.status}`,
  delta: (f) => `turn ${f.turn}.${f.part} · chunks ${f.first}–${f.last}`,
  cancel: (f) => `turn ${f.turn}`,
  history: (f) => (f.events ? `${f.events.length} events` : `before ${f.before}`),
  error: (f) => f.code,
  drain: (f) => `within ${Math.round(f.reconnect_in / 100) / 10} s`,
};

export class Behind {
  /** @param {HTMLElement} facts a dl @param {HTMLElement} timeline an ol @param {HTMLElement} trail an ol */
  constructor(facts, timeline, trail) {
    this.facts = facts;
    this.timeline = timeline;
    this.trail = trail;
    this.connections = 0;
    this.attempt = 0;
    this.turn = 0;
    this.replica = '–';
    /** @type {{frame: Record<string, any>, node: HTMLElement, first: number}|null} the delta that grows */
    this.growing = null;
  }

  /** @param {Passed} passed */
  passed({ direction, frame }) {
    if (QUIET.includes(frame.type)) return;
    if (frame.type === 'welcome') this.served(frame.replica);
    const { turn, attempt } = frame;
    if (frame.type === 'turn_start' || frame.type === 'delta') Object.assign(this, { turn, attempt });
    if (frame.type === 'delta' && this.grew(frame)) return;
    const node = element('li', `${direction} f-${frame.type}`);
    node.append(
      element('time', '', clock()),
      element('b', '', frame.type.replace('_', ' ')),
      element('span', '', DETAILS[frame.type]?.(frame) ?? ''),
    );
    this.growing = frame.type === 'delta' ? { frame, node, first: frame.first } : null;
    this.add(node);
  }

  /** The connection ended. @param {number} code */
  closed(code) {
    const node = element('li', 'f-closed');
    node.append(element('time', '', clock()), element('b', '', `closed ${code}`));
    this.growing = null;
    this.add(node);
  }

  /** Chunk after chunk is one line that grows. @param {Record<string, any>} frame */
  grew(frame) {
    const { growing } = this;
    if (growing === null || frame.first !== growing.frame.last + 1) return false;
    if (['turn', 'part', 'attempt'].some((name) => frame[name] !== growing.frame[name])) return false;
    this.growing = { ...growing, frame };
    const details = growing.node.lastElementChild;
    if (details) details.textContent = DETAILS.delta?.({ ...frame, first: growing.first }) ?? '';
    return true;
  }

  /** @param {string} replica */
  served(replica) {
    this.connections += 1;
    if (replica === this.replica) return;
    this.replica = replica;
    this.trail.append(element('li', '', replica));
    while (this.trail.childElementCount > 6) this.trail.firstElementChild?.remove();
  }

  /** @param {HTMLElement} node */
  add(node) {
    this.timeline.prepend(node);
    while (this.timeline.childElementCount > KEEP) this.timeline.lastElementChild?.remove();
  }

  /** @param {Session} session */
  render({ transcript, welcome }) {
    const values = {
      replica: welcome ? this.replica : '–',
      seq: String(transcript.seq),
      epoch: short(transcript.epoch),
      session: short(transcript.session),
      turn: this.turn > 0 ? `${this.turn} · attempt ${this.attempt}` : '–',
      connections: String(this.connections),
    };
    for (const [name, value] of Object.entries(values)) {
      const shown = this.facts.querySelector(`[data-fact="${name}"]`);
      if (shown && shown.textContent !== value) shown.textContent = value;
    }
  }
}
