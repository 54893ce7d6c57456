/**
 * The buttons that break something. Dropping the socket is this page's own affair; for the rest the server is asked,
 * and only one in demo mode does it. It must never ask for a fault that nobody pressed.
 */

import { byId, tell } from './dom.js';

/** @typedef {import('./incident.js').Fault} Fault */
/** @typedef {{faults: string[], agent: string, pause: number}} Demo */

const PAUSE_SECONDS = 8;
const WAIT_MS = 3_000;

/** Before anything was broken, by step. @type {Record<number, string>} */
const HINTS = {
  1: 'Ask something, and break it while the answer is being written.',
  2: 'Now, while it writes: break something.',
};

/** @type {Record<number, string>} */
const REFUSED = {
  403: 'The server takes faults only from its own page.',
  404: 'That replica has gone already.',
  429: 'One fault a second at most. Try again in a moment.',
};

/** Only there a server can be in demo mode; others needn't be asked. */
const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\])$/;

/** @returns {Promise<Demo>} what this server can do; of one that isn't in demo mode, nothing */
export async function ask() {
  const none = { faults: [], agent: '', pause: PAUSE_SECONDS };
  if (!LOOPBACK.test(location.hostname)) return none;
  try {
    const answer = await fetch('/demo', { signal: AbortSignal.timeout(WAIT_MS) });
    const { faults, agent, pause_seconds: pause } = answer.ok ? await answer.json() : /** @type {any} */ ({});
    const known = Array.isArray(faults) ? faults : [];
    return { faults: known, agent: String(agent ?? ''), pause: Number(pause ?? PAUSE_SECONDS) };
  } catch {
    return none;
  }
}

/**
 * @param {Fault} fault @param {string|null} replica
 * @returns {Promise<string|null>} why it wasn't done, as a sentence
 */
async function request(fault, replica) {
  try {
    const answer = await fetch('/demo/faults', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault, replica }),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    return answer.ok ? null : REFUSED[answer.status] ?? 'The server could not do it. Try again in a moment.';
  } catch {
    return 'No answer came from the server. It may have been done all the same.';
  }
}

export class Faults {
  /**
   * @param {import('./scene.js').Scene} scene
   * @param {() => import('../sdk/session.js').Session|null} session
   * @param {{now: () => number, changed: () => void}} page
   */
  constructor(scene, session, page) {
    this.scene = scene;
    this.session = session;
    this.page = page;
    this.pause = PAUSE_SECONDS;
    this.refusal = '';
    byId('faults', HTMLElement).addEventListener('click', ({ target }) => {
      const pressed = target instanceof Element ? target.closest('button') : null;
      if (pressed?.dataset.fault) void this.press(/** @type {Fault} */ (pressed.dataset.fault));
    });
  }

  /** @param {Demo} demo */
  offer({ faults, pause }) {
    this.pause = pause;
    const kill = faults.includes('kill');
    for (const node of byId('faults', HTMLElement).querySelectorAll('button')) {
      const { fault = '' } = node.dataset;
      node.hidden = fault !== 'drop' && !faults.includes(fault);
    }
    byId('no-faults', HTMLElement).hidden = kill;
    tell(byId('pause-for', HTMLElement), `SIGSTOP for ${pause} s`);
    tell(byId('break', HTMLElement), kill ? 'Kill the replica while it answers' : 'Drop the socket while it answers');
    document.body.classList.toggle('no-kill', !kill);
  }

  /** @param {Fault} fault */
  async press(fault) {
    const { scene, page } = this;
    this.refusal = '';
    const session = this.session();
    if (session === null || (scene.replica === null && fault !== 'store')) {
      this.refusal = 'Not connected to a replica at this moment.';
      return page.changed();
    }
    const { replica } = scene;
    const undo = scene.broke(fault, page.now(), this.pause);
    page.changed();
    if (fault === 'drop') return session.connection.drop();
    const refusal = await request(fault, fault === 'store' ? null : replica);
    if (refusal === null) return;
    undo();
    this.refusal = refusal;
    page.changed();
  }

  /** What is to be read: about the last fault, or what to do next. */
  get sentence() {
    const { incident, step } = this.scene;
    const past = incident === null || (step === 2 && incident.over);
    if (this.refusal) return this.refusal;
    return past ? HINTS[step] ?? '' : incident.sentence;
  }
}
