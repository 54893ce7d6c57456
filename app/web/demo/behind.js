/**
 * The panel behind the chat: listens to a session, keeps the scene, and draws once per frame of the screen, however
 * many frames arrive. It must never draw on a hidden page, nor act on the conversation by itself.
 */

import { byId, tell } from './dom.js';
import { Faults } from './faults.js';
import { Scene } from './scene.js';
import { Timeline } from './timeline.js';
import { Track } from './track.js';
import { describe, showAnswer, showFacts, showLanes, showSteps } from './views.js';

/** @typedef {import('../sdk/session.js').Session} Session */

const now = () => performance.now();
const any = (/** @type {string} */ id) => byId(id, HTMLElement);

export class Behind {
  constructor() {
    this.scene = new Scene();
    this.session = /** @type {Session|null} */ (null);
    this.stops = /** @type {(() => void)[]} */ ([]);
    this.drawing = false;
    this.timeline = new Timeline(any('timeline'), any('filters'));
    this.track = new Track(byId('track', HTMLCanvasElement), this.scene.relay, now);
    this.faults = new Faults(this.scene, () => this.session, { now, changed: () => this.changed() });
    this.changed();
  }

  /** @param {Session} session */
  watch(session) {
    if (session === this.session) return;
    for (const stop of this.stops) stop();
    this.session = session;
    this.stops = [
      session.on('frame', (passed) => {
        this.timeline.passed(passed);
        if (passed.direction === 'in') this.scene.heard(/** @type {any} */ (passed.frame), now());
        this.changed();
      }),
      session.on('status', ({ code }) => this.moved(code)),
      session.on('change', () => this.changed()),
    ];
    if (session.welcome) this.scene.heard(session.welcome, now());
    this.changed();
  }

  /** The connection has changed. @param {number|null} code of a close */
  moved(code) {
    if (this.session?.welcome || this.scene.replica === null) return;
    this.scene.left(now());
    if (code !== null) this.timeline.closed(code);
  }

  changed() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = false;
    const { scene, session } = this;
    this.track.rows = showLanes(scene);
    showAnswer(scene);
    showFacts(scene, session);
    showSteps(scene);
    describe(scene);
    tell(any('said'), this.faults.sentence);
    any('said').classList.toggle('held', scene.incident?.held === true && this.faults.refusal === '');
    const { phase, meaning } = session?.status ?? { phase: 'connecting', meaning: null };
    any('light').className = `light ${scene.replica === null ? phase : 'open'}`;
    const lost = phase === 'stopped' ? meaning ?? 'Not connected' : session === null ? 'Connecting' : 'Reconnecting';
    tell(any('served'), scene.replica === null ? lost : `Served by ${scene.replica}`);
    this.track.wake();
  }
}
