/**
 * The frames as they pass, newest first, one line each. It must never show a token or the text of a message.
 */

import { element, tell } from './dom.js';

/** @typedef {{direction: 'in'|'out', frame: Record<string, any>}} Passed */

const KEEP = 150;
/** Too many to be worth a line. */
const QUIET = ['ping', 'pong', 'typing', 'heartbeat'];
/** What the filters show: everything that isn't named here is of the connection. */
const KINDS = /** @type {Record<string, string>} */ ({
  message: 'stored', state: 'stored', turn_end: 'stored', ack: 'stored', send: 'stored', history: 'stored',
  turn_start: 'answer', delta: 'answer', cancel: 'answer',
});
const clock = () => new Date().toLocaleTimeString([], { hour12: false });
const length = (/** @type {string} */ text) => `${[...text].length} characters`;

/** The first characters of an id are enough to tell it from others. @param {string|null|undefined} id */
export const short = (id) => (id ? id.slice(0, 8) : '–');

/** @type {Record<string, (frame: Record<string, any>) => string>} */
const DETAILS = {
  hello: (f) => (f.after ? `resume after ${f.after.seq}` : f.token ? 'resume from the start' : 'new conversation'),
  welcome: (f) => `${f.replica} · seq ${f.seq} · ${f.recovered ? 'recovered' : 'from the log'}`,
  send: (f) => `${short(f.id)} · ${length(f.text)}`,
  ack: (f) => `${short(f.id)} → seq ${f.seq}${f.duplicate ? ' · duplicate' : ''}`,
  message: (f) => `seq ${f.seq} · ${f.role} · ${length(f.text)}`,
  state: (f) => `seq ${f.seq} · ${f.state.auth}${f.state.handoff === 'none' ? '' : ` · handoff ${f.state.handoff}`}`,
  turn_start: (f) => `turn ${f.turn} · attempt ${f.attempt}`,
  turn_end: (f) => `seq ${f.seq} · turn ${f.turn} ${f.status}`,
  delta: (f) => `turn ${f.turn} · attempt ${f.attempt} · chunks ${f.first}–${f.last}`,
  cancel: (f) => `turn ${f.turn}`,
  history: (f) => (f.events ? `${f.events.length} events` : `before ${f.before}`),
  error: (f) => f.code,
  drain: (f) => `within ${(f.reconnect_in / 1000).toFixed(1)} s`,
};

/** What a frame says, without what was said. @param {Record<string, any>} frame */
const details = (frame) => (Object.hasOwn(DETAILS, frame.type) ? DETAILS[frame.type]?.(frame) ?? '' : '');

export class Timeline {
  /** @param {HTMLElement} list an ol @param {HTMLElement} filters buttons with `data-show` */
  constructor(list, filters) {
    this.list = list;
    /** @type {{frame: Record<string, any>, node: HTMLElement, first: number}|null} the delta that grows */
    this.growing = null;
    filters.addEventListener('click', ({ target }) => {
      if (!(target instanceof HTMLButtonElement)) return;
      list.dataset.show = target.dataset.show;
      for (const one of filters.querySelectorAll('button')) one.ariaPressed = String(one === target);
    });
  }

  /** @param {Passed} passed */
  passed({ direction, frame }) {
    if (QUIET.includes(frame.type) || (frame.type === 'delta' && this.grew(frame))) return;
    const kind = Object.hasOwn(KINDS, frame.type) ? KINDS[frame.type] : 'link';
    const node = this.line(frame.type, `${direction} k-${kind} f-${frame.type}`);
    node.append(element('span', '', details(frame)));
    this.growing = frame.type === 'delta' ? { frame, node, first: frame.first } : null;
  }

  /** The connection ended. @param {number} code */
  closed(code) {
    this.growing = null;
    this.line('closed', 'in k-link f-closed').append(element('span', '', `code ${code}`));
  }

  /** @param {string} name @param {string} className @returns {HTMLElement} */
  line(name, className) {
    const node = element('li', className);
    node.append(element('time', '', clock()), element('b', '', name.replace('_', ' ')));
    this.list.prepend(node);
    while (this.list.childElementCount > KEEP) this.list.lastElementChild?.remove();
    return node;
  }

  /** Chunk after chunk is one line that grows. @param {Record<string, any>} frame */
  grew(frame) {
    const { growing } = this;
    if (growing === null || frame.first !== growing.frame.last + 1) return false;
    if (['turn', 'part', 'attempt'].some((name) => frame[name] !== growing.frame[name])) return false;
    this.growing = { ...growing, frame };
    if (growing.node.lastElementChild) tell(growing.node.lastElementChild, details({ ...frame, first: growing.first }));
    return true;
  }
}
