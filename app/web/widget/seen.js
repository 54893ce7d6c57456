/**
 * How many messages the person hasn't seen, counted from what is remembered for all tabs of the site. It must never
 * count what the person wrote.
 */

/** @typedef {import('../sdk/transcript.js').Transcript} Transcript */

const KEY = 'seen';

export class Seen {
  /** @param {import('../sdk/storage.js').SafeStorage} storage */
  constructor(storage) { this.storage = storage; }

  /** @param {Transcript} transcript @param {boolean} reading its end is before the person's eyes @returns {number} unseen */
  count(transcript, reading) {
    const { session, seq } = transcript;
    const upTo = this.upTo(session);
    if (!reading) return unread(transcript, upTo);
    if (session !== null && seq > upTo) this.storage.set(KEY, JSON.stringify({ session, seq }));
    return 0;
  }

  /** @param {string|null} session @returns {number} newest seq seen */
  upTo(session) {
    try {
      const kept = JSON.parse(this.storage.get(KEY) ?? '');
      return kept.session === session && Number.isInteger(kept.seq) ? kept.seq : 0;
    } catch {
      return 0;
    }
  }
}

/** @param {Transcript} transcript @param {number} upTo seq @returns {number} messages since, of others */
export function unread({ events }, upTo) {
  let count = 0;
  for (let n = events.length - 1; n >= 0; n -= 1) {
    const event = events[n];
    if (event === undefined || event.seq <= upTo) break;
    if (event.type === 'message' && event.role !== 'user') count += 1;
  }
  return count;
}
