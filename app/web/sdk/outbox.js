/**
 * What the person wrote and the server has not shown back yet. One storage key per message, so that two tabs never
 * overwrite each other's. A message leaves one at a time, in order, always under the id it was given first (I2),
 * until its event is seen. It must never send a message into another conversation than the one it was written in:
 * that one may have asked for a secret.
 */

import { backoff } from './backoff.js';
import { FRESH, byTime, read, written } from './entry.js';
import { RETRYABLE } from './protocol.js';

/** @typedef {import('./entry.js').Entry} Entry */
/** @typedef {import('./protocol.js').Context} Context */

/** No answer to a `send` for so long: it is sent again. */
const ACK_WITHIN_MS = 10_000;
/** Nothing waits longer for its time: more says a clock that was put back, or a server that makes no sense. */
const LONGEST_MS = 60_000;
const ELSEWHERE = 'This was written in an earlier conversation and was not sent.';
/** More than anybody writes while offline; what a script writes in a loop ends here. */
export const MOST_ENTRIES = 200;
const FULL = 'Too many messages are waiting to be sent. Please try again later.';

export class Outbox {
  /**
   * @param {import('./storage.js').SafeStorage} storage
   * @param {{now: () => number, random: () => number}} env
   */
  constructor(storage, env) {
    this.storage = storage;
    this.env = env;
    this.session = /** @type {string|null} the conversation that was joined last */ (null);
    /** @type {Entry[]} in the order of writing */
    this.entries = storage.keys().flatMap((key) => read(storage.get(key), key) ?? []).sort(byTime);
    // The others wait in storage for the next load.
    this.entries.length = Math.min(this.entries.length, MOST_ENTRIES);
  }

  /**
   * @param {string} id @param {string} text @param {string|null} session @param {Context|null} [context]
   * @returns {Entry} Throws a `RangeError` when too many wait: a message that can't be kept isn't taken.
   */
  add(id, text, session, context = null) {
    if (this.entries.length >= MOST_ENTRIES) throw new RangeError(FULL);
    const at = Math.max(this.env.now(), (this.entries.at(-1)?.at ?? 0) + 1);
    const entry = { id, text, context, at, session, ...FRESH };
    this.entries = [...this.entries, entry];
    this.keep(entry);
    return entry;
  }

  /** What was in flight is to be sent again; what belongs to another conversation is not. @param {string} session */
  joined(session) {
    this.session = session;
    for (const entry of this.entries) {
      const elsewhere = entry.session !== null && entry.session !== session;
      // Else another tab has seen it stored, and let it go.
      const known = this.storage.get(entry.id) !== null;
      if (entry.state === 'failed') continue;
      if (elsewhere && known) this.fail(entry, 'session_gone', ELSEWHERE);
      else if (!known && entry.session !== session) this.settled(entry.id);
      else {
        const next = this.change(entry, { ...FRESH, session });
        if (known && entry.session === null) this.keep(next);
      }
    }
  }

  /** The conversation is gone. What was written for it stays, and waits to be told so by the next one. */
  left() { this.session = null; }

  /** The connection is lost: what it had not acknowledged waits again. */
  parted() {
    for (const entry of this.entries) if (entry.state === 'sent') this.change(entry, { state: 'queued', notBefore: 0 });
  }

  /** @returns {Entry|null} to send now; only the oldest may be in flight, so that a refused one is not overtaken */
  next() {
    const head = this.head();
    const left = (head?.notBefore ?? 0) - this.env.now();
    if (head === null || (left > 0 && left <= LONGEST_MS)) return null;
    const next = this.change(head, { state: 'sent', notBefore: this.env.now() + ACK_WITHIN_MS });
    // Written before there was a conversation: no tab may take it to another one from now on.
    if (read(this.storage.get(next.id), next.id)?.session === null) this.keep(next);
    return next;
  }

  /** @returns {number|null} ms, when `next` is worth asking again */
  wakeAt = () => this.head()?.notBefore ?? null;

  /** @param {string} id */
  acked(id) {
    const entry = this.find(id);
    if (entry && entry.state !== 'failed') this.change(entry, { state: 'acked', reason: null, note: null });
  }

  /** Its event is in the transcript: done. @param {string} id */
  settled(id) {
    if (!this.find(id)) return;
    this.forget(id);
    this.storage.remove(id);
  }

  /** @param {string} id @param {{code: string, message: string, retry_after: number|null}} error */
  refused(id, error) {
    const entry = this.find(id);
    if (!entry || entry.state === 'acked') return;
    if (!RETRYABLE.includes(error.code)) return void this.fail(entry, error.code, error.message);
    const asked = Math.min(Number(error.retry_after) * 1000 || 0, LONGEST_MS);
    const wait = Math.max(asked, backoff(entry.tries, this.env.random));
    const notBefore = this.env.now() + wait;
    this.change(entry, { state: 'queued', reason: error.code, note: error.message, notBefore, tries: entry.tries + 1 });
  }

  /** A person wants it sent after all, into this conversation. @param {string} id @param {string|null} session */
  retry(id, session) {
    const entry = this.find(id);
    if (entry?.state === 'failed') this.keep(this.change(entry, { ...FRESH, session }));
  }

  /** The person gives a failed message up. @param {string} id */
  discard(id) {
    if (this.find(id)?.state === 'failed') this.settled(id);
  }

  /** @param {Entry} entry @param {string} reason @param {string} note */
  fail(entry, reason, note) { this.keep(this.change(entry, { state: 'failed', reason, note })); }

  /** @returns {Entry|null} the oldest of this conversation that is neither stored nor given up */
  head() {
    const mine = (/** @type {Entry} */ entry) => this.session === null || entry.session === this.session;
    return this.entries.find((entry) => (entry.state === 'queued' || entry.state === 'sent') && mine(entry)) ?? null;
  }

  /** @param {string} id */
  find(id) { return this.entries.find((entry) => entry.id === id); }

  /** @param {Entry} entry @param {Partial<Entry>} change @returns {Entry} a new object: views compare by identity */
  change(entry, change) {
    const next = { ...entry, ...change };
    this.entries = this.entries.map((one) => (one.id === entry.id ? next : one));
    return next;
  }

  /** Shows it no longer; its record is another's business. @param {string} id */
  forget(id) { this.entries = this.entries.filter((entry) => entry.id !== id); }

  /** @param {Entry} entry */
  keep(entry) { this.storage.set(entry.id, written(entry)); }
}
