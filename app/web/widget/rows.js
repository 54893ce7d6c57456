/**
 * What a person sees, as a pure function of transcript and outbox: one row per message or note, with a key that stays
 * the same from "being written" to "stored", so that a view never blinks. It must never know a document.
 */

import { errorText, fill } from './words.js';

/** @typedef {import('../sdk/protocol.js').Durable} Durable */
/** @typedef {import('../sdk/protocol.js').StateBody} StateBody */
/** @typedef {import('./words.js').Words} Words */
/** @typedef {'queued'|'sent'|'acked'|'failed'|'stored'|null} Delivery */

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {'user'|'assistant'|'agent'|'system'|'note'|'day'} role
 * @property {string} text
 * @property {string|null} name
 * @property {number|null} at ms since 1970
 * @property {Delivery} delivery of the person's own messages
 * @property {boolean} live being written
 * @property {string|null} id of an own message
 * @property {string|null} hint a sentence about the delivery
 * @property {boolean} head another one speaks, or it is a while later: who it is, is said
 * @property {boolean} tail nothing of the same follows: the time is shown
 */

/** Messages of one side that are so close belong together. */
const TOGETHER_MS = 5 * 60_000;

/** @type {Row} */
const BLANK = {
  key: '', role: 'note', text: '', name: null, at: null, delivery: null, live: false, id: null, hint: null,
  head: true, tail: true,
};

/** @param {readonly Durable[]} events @param {Words} words @returns {Row[]} */
export function eventRows(events, words) {
  /** @type {Map<number|null, number>} assistant messages so far by turn */
  const parts = new Map();
  /** @type {StateBody|null} */
  let before = null;
  /** @type {Row[]} */
  const rows = [];
  for (const event of events) {
    if (event.type === 'message') rows.push(messageRow(event, parts));
    else {
      const text = event.type === 'turn_end' ? endNote(event.status, words) : stateNote(before, event.state, words);
      if (event.type === 'state') before = event.state;
      if (text !== null) rows.push({ ...BLANK, key: `n:${event.seq}`, text, at: Date.parse(event.at) || null });
    }
  }
  return rows;
}

/**
 * @param {import('../sdk/transcript.js').Transcript} transcript
 * @returns {Row[]} one row while an answer is being written; without text before its very first word
 */
export function liveRows({ open: [turn], live }) {
  if (turn === undefined) return [];
  const mine = live?.turn === turn.turn ? live : null;
  // Most often nothing follows a message but the turn's end: a row that comes and goes would be a blink.
  if (mine === null && turn.parts > 0) return [];
  const key = `a:${turn.turn}:${mine?.part ?? turn.parts}`;
  return [{ ...BLANK, key, role: 'assistant', text: mine?.text ?? '', live: true }];
}

/** @param {readonly import('../sdk/outbox.js').Entry[]} entries @param {Words} words @returns {Row[]} */
export function pendingRows(entries, words) {
  return entries.map(({ id, text, at, state, reason, note }) => ({
    ...BLANK, key: `u:${id}`, role: 'user', text, at, delivery: state, id,
    hint: reason === null ? null : errorText(words, reason, note),
  }));
}

/**
 * Who speaks, and when, is said once for what belongs together; each new day has a line.
 * @param {Row[]} rows @param {Row|null} [above] what stands before them @returns {Row[]}
 */
export function arranged(rows, above = null) {
  /** @type {Row[]} */
  const placed = [];
  let last = above;
  for (const row of rows) {
    const day = row.at === null ? null : new Date(row.at).toDateString();
    if (day !== null && day !== (last?.at ? new Date(last.at).toDateString() : null)) {
      placed.push({ ...BLANK, key: `d:${row.key}`, role: 'day', at: row.at });
    }
    const follows = last !== null && placed.at(-1)?.role !== 'day' && close(last, row);
    const before = placed.at(-1);
    if (follows && before !== undefined) placed[placed.length - 1] = { ...before, tail: false };
    placed.push({ ...row, head: !follows });
    last = row;
  }
  return placed;
}

/** @param {Row} a @param {Row} b */
const close = (a, b) => (
  a.role === b.role && a.name === b.name && Math.abs((b.at ?? a.at ?? 0) - (a.at ?? 0)) < TOGETHER_MS
);

/**
 * @param {import('../sdk/protocol.js').MessageEvent_} event
 * @param {Map<number|null, number>} parts
 * @returns {Row}
 */
function messageRow({ role, text, name, at, id, seq, turn }, parts) {
  const row = { ...BLANK, role, text, name, at: Date.parse(at) || null };
  if (role === 'user') return { ...row, key: `u:${id}`, delivery: 'stored', id };
  if (role !== 'assistant' || turn === null) return { ...row, key: `e:${seq}` };
  const part = parts.get(turn) ?? 0;
  parts.set(turn, part + 1);
  return { ...row, key: `a:${turn}:${part}` };
}

/** @param {import('../sdk/protocol.js').TurnEnd['status']} status @param {Words} words @returns {string|null} */
function endNote(status, words) {
  if (status === 'cancelled') return words.note_cancelled;
  return status === 'failed' ? words.note_failed : null;
}

/** @param {StateBody|null} before @param {StateBody} now @param {Words} words @returns {string|null} what is new */
function stateNote(before, now, words) {
  if (now.ended) return before?.ended ? null : words.note_ended;
  if (now.handoff !== (before?.handoff ?? 'none')) {
    if (now.handoff === 'waiting') return words.note_waiting;
    if (now.handoff === 'active') return words.note_active;
    if (now.handoff === 'resolved') return words.note_resolved;
  }
  if (now.auth === (before?.auth ?? 'anonymous') && now.customer_name === (before?.customer_name ?? null)) return null;
  if (now.auth === 'authenticated') {
    return now.customer_name ? fill(words.note_verified_as, { name: now.customer_name }) : words.note_verified;
  }
  if (now.auth === 'anonymous') return before === null ? null : words.note_signed_out;
  if (now.auth === 'expired') return words.note_expired;
  return now.auth === 'locked_out' ? words.note_locked : null;
}
