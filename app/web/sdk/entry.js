/**
 * A message on its way, and how it is kept in the browser's storage. Storage is shared with everything on the site: it
 * must never be believed to hold what was written there, and never throw at what it does hold.
 */

import { contextOf } from './context.js';

/**
 * - `queued`: waits to be sent
 * - `sent`: on the wire, not acknowledged
 * - `acked`: stored; its event is on the way
 * - `failed`: given up; a person may `retry` or `discard` it
 * @typedef {'queued'|'sent'|'acked'|'failed'} State
 */

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} text
 * @property {import('./protocol.js').Context|null} [context] of the moment of writing
 * @property {number} at ms, when it was written
 * @property {string|null} session the conversation it belongs to; null before there was one
 * @property {State} state
 * @property {string|null} reason error code of a failed one, or why a queued one waits
 * @property {string|null} note a sentence for the person
 * @property {number} notBefore ms
 * @property {number} tries refusals so far
 */

/** What the server takes as an id, and every id that this client makes is. */
const ID = /^[\w.:-]{1,64}$/;
/** No clock of this age says more; what is written next must still come after it. */
const LATEST_MS = 1e14;
/** Nothing refused it, nothing waits. */
export const FRESH = Object.freeze({
  state: /** @type {State} */ ('queued'), reason: null, note: null, notBefore: 0, tries: 0,
});

/** @param {Entry} entry @returns {import('./protocol.js').Send} */
export const frameOf = ({ id, text, context }) => ({ type: 'send', id, text, ...(context ? { context } : {}) });

/** @param {Entry} entry @returns {string} */
export function written({ text, context, at, session, state, reason, note }) {
  return JSON.stringify({ text, context: context ?? undefined, at, session, failed: state === 'failed', reason, note });
}

/** @param {string|null} stored @param {string} id @returns {Entry|null} null for what can't be read */
export function read(stored, id) {
  try {
    const { text, context, at, session, failed, reason, note } = JSON.parse(stored ?? '');
    if (typeof text !== 'string' || !(Math.abs(at) < LATEST_MS) || !ID.test(id)) return null;
    const entry = { id, text, context: contextOf(context), at, session: word(session), ...FRESH };
    return failed === true ? { ...entry, state: 'failed', reason: word(reason), note: word(note) } : entry;
  } catch {
    return null;
  }
}

/** @param {unknown} value */
const word = (value) => (typeof value === 'string' ? value : null);

/** @param {Entry} a @param {Entry} b in the order of writing */
export const byTime = (a, b) => a.at - b.at || (a.id < b.id ? -1 : 1);
