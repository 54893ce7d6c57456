/**
 * What a person sees, as a pure function of transcript and outbox: one row per message or note, with a key that stays
 * the same from "being written" to "stored", so that a view never blinks. It must never know a document.
 */

/** @typedef {import('../sdk/protocol.js').Durable} Durable */
/** @typedef {import('../sdk/protocol.js').StateBody} StateBody */
/** @typedef {'queued'|'sent'|'acked'|'failed'|'stored'|null} Delivery */

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {'user'|'assistant'|'agent'|'system'|'note'} role
 * @property {string} text
 * @property {string|null} name
 * @property {number|null} at ms since 1970
 * @property {Delivery} delivery of the person's own messages
 * @property {boolean} live being written
 * @property {string|null} id of an own message
 * @property {string|null} hint a sentence about the delivery
 */

/** @type {Row} */
const BLANK = {
  key: '', role: 'note', text: '', name: null, at: null, delivery: null, live: false, id: null, hint: null,
};

/** @param {readonly Durable[]} events @returns {Row[]} */
export function eventRows(events) {
  /** @type {Map<number|null, number>} assistant messages so far by turn */
  const parts = new Map();
  /** @type {StateBody|null} */
  let before = null;
  return events.flatMap((event) => {
    const at = Date.parse(event.at);
    if (event.type === 'message') return [messageRow(event, parts)];
    const text = event.type === 'turn_end' ? endNote(event.status) : stateNote(before, event.state);
    if (event.type === 'state') before = event.state;
    return text === null ? [] : [{ ...BLANK, key: `e:${event.seq}`, text, at }];
  });
}

/**
 * @param {import('../sdk/transcript.js').Transcript} transcript
 * @returns {Row[]} one row while an answer is being written; without text before its first word
 */
export function liveRows({ open: [turn], live }) {
  if (turn === undefined) return [];
  const mine = live?.turn === turn.turn ? live : null;
  const key = `a:${turn.turn}:${mine?.part ?? turn.parts}`;
  return [{ ...BLANK, key, role: 'assistant', text: mine?.text ?? '', live: true }];
}

/** @param {readonly import('../sdk/outbox.js').Entry[]} entries @returns {Row[]} */
export function pendingRows(entries) {
  return entries.map(({ id, text, at, state, note }) => (
    { ...BLANK, key: `u:${id}`, role: 'user', text, at, delivery: state, id, hint: note }
  ));
}

/**
 * @param {import('../sdk/protocol.js').MessageEvent_} event
 * @param {Map<number|null, number>} parts
 * @returns {Row}
 */
function messageRow({ role, text, name, at, id, seq, turn }, parts) {
  const row = { ...BLANK, role, text, name, at: Date.parse(at) };
  if (role === 'user') return { ...row, key: `u:${id}`, delivery: 'stored', id };
  if (role !== 'assistant' || turn === null) return { ...row, key: `e:${seq}` };
  const part = parts.get(turn) ?? 0;
  parts.set(turn, part + 1);
  return { ...row, key: `a:${turn}:${part}` };
}

/** @param {import('../sdk/protocol.js').TurnEnd['status']} status @returns {string|null} */
function endNote(status) {
  if (status === 'cancelled') return 'Stopped';
  return status === 'failed' ? 'This answer could not be finished' : null;
}

/** @param {StateBody|null} before @param {StateBody} now @returns {string|null} what is new, if a person cares */
function stateNote(before, now) {
  if (now.ended) return before?.ended ? null : 'The conversation was ended';
  if (now.handoff !== (before?.handoff ?? 'none')) {
    if (now.handoff === 'waiting') return 'Waiting for a person';
    if (now.handoff === 'active') return 'A person has joined';
    if (now.handoff === 'resolved') return 'The person has left';
  }
  if (now.auth === (before?.auth ?? 'anonymous')) return null;
  if (now.auth === 'authenticated') return now.customer_name ? `Verified as ${now.customer_name}` : 'Verified';
  if (now.auth === 'anonymous') return 'Signed out';
  return now.auth === 'locked_out' ? 'Verification is locked for now' : null;
}
