/**
 * What a screen reader is told: each answer once, when it is complete. It must never read a text out while it is being
 * written, nor a history that was there before.
 */

import { plain } from './rich.js';

/** @typedef {import('../sdk/transcript.js').Transcript} Transcript */

const MOST = 600;

export class Announcer {
  /** @param {HTMLElement} region `aria-live` @param {import('./words.js').Words} words @param {() => void} heard */
  constructor(region, words, heard) {
    this.region = region;
    this.words = words;
    this.heard = heard;
    this.session = /** @type {string|null} */ (null);
    this.seq = 0;
  }

  /** @param {Transcript} transcript @param {boolean} aloud the panel is open */
  follow({ session, epoch, seq, events }, aloud) {
    const place = `${session} ${epoch}`;
    if (this.session === place && seq === this.seq) return;
    const fresh = this.session === place ? events.filter((event) => event.seq > this.seq) : [];
    Object.assign(this, { session: place, seq });
    const texts = fresh.flatMap((event) => (
      event.type === 'message' && event.role !== 'user'
        ? [`${event.name ?? this.words[event.role]}: ${plain(event.text).slice(0, MOST)}`] : []));
    if (texts.length === 0) return;
    if (aloud) this.region.textContent = texts.join('\n');
    this.heard();
  }
}
