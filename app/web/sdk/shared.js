/**
 * The outbox across the tabs of one browser: what is written, given up, retried or discarded in one shows in the
 * others, and one tab sends what another, closed one could not. A storage event only says where to look. It must never
 * write: two tabs that answer each other's writes would never come to rest.
 */

import { backoff } from './backoff.js';
import { FRESH, byTime, read } from './entry.js';
import { MOST_ENTRIES } from './outbox.js';

/** @typedef {import('./entry.js').Entry} Entry */

/**
 * Another tab changed the record of a message.
 * @param {import('./outbox.js').Outbox} outbox
 * @param {string} id
 */
export function follow(outbox, id) {
  const stored = outbox.storage.get(id);
  const known = outbox.find(id);
  if (stored === null) return removed(outbox, known);
  const theirs = read(stored, id);
  if (theirs === null) return;
  if (known === undefined) adopt(outbox, theirs);
  else changed(outbox, known, theirs);
}

/** What this tab was not told, since it slept, or shares its page with another chat. @param {import('./outbox.js').Outbox} outbox */
export function followAll(outbox) {
  for (const id of new Set([...outbox.storage.keys(), ...outbox.entries.map((entry) => entry.id)])) follow(outbox, id);
}

/**
 * It was stored, and is on its way here too: shown until its event comes, and not sent. A failed one was discarded.
 * @param {import('./outbox.js').Outbox} outbox @param {Entry|undefined} known
 */
function removed(outbox, known) {
  if (known?.state === 'failed') outbox.forget(known.id);
  else if (known) outbox.acked(known.id);
}

/**
 * The tab that wrote it, or retried it, goes first; this one sends it if that one can't.
 * @param {import('./outbox.js').Outbox} outbox @returns {number} ms, when it is this one's turn
 */
const later = ({ env }) => env.now() + backoff(1, env.random);

/**
 * What was written before there was a conversation belongs to the one that the tabs share.
 * @param {import('./outbox.js').Outbox} outbox @param {Entry} theirs
 */
function adopt(outbox, theirs) {
  if (outbox.entries.length >= MOST_ENTRIES) return;
  const entry = { ...theirs, session: theirs.session ?? outbox.session, notBefore: later(outbox) };
  outbox.entries = [...outbox.entries, entry].sort(byTime);
}

/**
 * Its text never changes: the id stands for it (I2).
 * @param {import('./outbox.js').Outbox} outbox @param {Entry} known @param {Entry} theirs
 */
function changed(outbox, known, theirs) {
  const { state, session, reason, note } = theirs;
  if (known.state === 'acked') return;
  if (state === 'failed') outbox.change(known, { state, reason, note });
  else if (known.state === 'failed') outbox.change(known, { ...FRESH, session: session ?? outbox.session, notBefore: later(outbox) });
  else if (session !== null && session !== known.session) outbox.change(known, { session });
}
