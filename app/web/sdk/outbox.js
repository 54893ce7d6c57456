/**
 * What the person wrote and the server has not shown back yet. One storage key per message, so that two tabs never
 * overwrite each other's. A message leaves one at a time, in order, always under the id it was given first (I2),
 * until its event is seen. It must never send a message into another conversation than the one it was written in:
 * that one may have asked for a secret.
 */

import { RETRYABLE } from './protocol.js';
import { backoff } from './backoff.js';

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} text
 * @property {number} at ms, when it was written
 * @property {string|null} session the conversation it belongs to; null before there was one
 * @property {'queued'|'sent'|'acked'|'failed'} state
 * @property {string|null} reason error code of a failed one, or why a queued one waits
 * @property {string|null} note a sentence for the person
 * @property {number} notBefore ms
 * @property {number} tries refusals so far
 */

/** No answer to a `send` for so long: it is sent again. */
const ACK_WITHIN_MS = 10_000;
const ELSEWHERE = 'This was written in an earlier conversation and was not sent.';

export class Outbox {
  /**
   * @param {import('./storage.js').SafeStorage} storage
   * @param {{now: () => number, random: () => number}} env
   */
  constructor(storage, env) {
    this.storage = storage;
    this.env = env;
    /** @type {Entry[]} in the order of writing */
    this.entries = storage.keys().flatMap((key) => parsed(storage.get(key), key));
    this.entries.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  /** @param {string} id @param {string} text @param {string|null} session @returns {Entry} */
  add(id, text, session) {
    const at = Math.max(this.env.now(), (this.entries.at(-1)?.at ?? 0) + 1);
    /** @type {Entry} */
    const entry = { id, text, at, session, state: 'queued', reason: null, note: null, notBefore: 0, tries: 0 };
    this.entries.push(entry);
    this.keep(entry);
    return entry;
  }

  /** What was in flight is to be sent again; what belongs to another conversation is not. @param {string} session */
  joined(session) {
    for (const entry of this.entries) {
      if (entry.state === 'failed') continue;
      if (entry.session !== null && entry.session !== session) this.fail(entry, 'session_gone', ELSEWHERE);
      else this.change(entry, { session, state: 'queued', reason: null, note: null, notBefore: 0 });
    }
  }

  /** The connection is lost: what it had not acknowledged waits again. */
  parted() {
    for (const entry of this.entries) if (entry.state === 'sent') this.change(entry, { state: 'queued', notBefore: 0 });
  }

  /** @returns {Entry|null} to send now; only the oldest may be in flight, so that a refused one is not overtaken */
  next() {
    const head = this.head();
    if (head === null || head.notBefore > this.env.now()) return null;
    return this.change(head, { state: 'sent', notBefore: this.env.now() + ACK_WITHIN_MS });
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
    this.entries = this.entries.filter((entry) => entry.id !== id);
    this.storage.remove(id);
  }

  /** @param {string} id @param {{code: string, message: string, retry_after: number|null}} error */
  refused(id, error) {
    const entry = this.find(id);
    if (!entry || entry.state === 'acked') return;
    if (!RETRYABLE.includes(error.code)) return void this.fail(entry, error.code, error.message);
    const wait = Math.max((error.retry_after ?? 0) * 1000, backoff(entry.tries, this.env.random));
    const notBefore = this.env.now() + wait;
    this.change(entry, { state: 'queued', reason: error.code, note: error.message, notBefore, tries: entry.tries + 1 });
  }

  /** A person wants it sent after all, into this conversation. @param {string} id @param {string|null} session */
  retry(id, session) {
    const entry = this.find(id);
    if (entry?.state !== 'failed') return;
    this.keep(this.change(entry, { session, state: 'queued', reason: null, note: null, notBefore: 0, tries: 0 }));
  }

  /** The person gives a failed message up. @param {string} id */
  discard(id) {
    if (this.find(id)?.state === 'failed') this.settled(id);
  }

  /** @param {Entry} entry @param {string} reason @param {string} note */
  fail(entry, reason, note) {
    this.keep(this.change(entry, { state: 'failed', reason, note }));
  }

  /** @returns {Entry|null} the oldest that is neither stored nor given up */
  head() {
    return this.entries.find((entry) => entry.state === 'queued' || entry.state === 'sent') ?? null;
  }

  /** @param {string} id */
  find(id) {
    return this.entries.find((entry) => entry.id === id);
  }

  /** @param {Entry} entry @param {Partial<Entry>} change @returns {Entry} a new object: views compare by identity */
  change(entry, change) {
    const next = { ...entry, ...change };
    this.entries = this.entries.map((one) => (one.id === entry.id ? next : one));
    if (next.session !== entry.session) this.keep(next);
    return next;
  }

  /** @param {Entry} entry */
  keep({ id, text, at, session, state, reason, note }) {
    this.storage.set(id, JSON.stringify({ text, at, session, failed: state === 'failed', reason, note }));
  }
}

/** @param {string|null} stored @param {string} id @returns {Entry[]} none for what can't be read, which stays */
function parsed(stored, id) {
  try {
    const { text, at, session, failed, reason, note } = JSON.parse(stored ?? '');
    if (typeof text !== 'string' || typeof at !== 'number') return [];
    const state = failed === true ? 'failed' : 'queued';
    return [{ id, text, at, session: session ?? null, state, reason, note, notBefore: 0, tries: 0 }];
  } catch {
    return [];
  }
}
