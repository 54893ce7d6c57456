/**
 * What a conversation looks like, as a pure function of the frames that arrived. It applies each durable event once
 * and in the order of `seq` (I3), and must never show an event of one log beside one of another: `recovered: false`
 * empties it. Events are never changed in place, so a view can compare by identity.
 */

/** @typedef {import('./protocol.js').Durable} Durable */
/** @typedef {import('./protocol.js').Delta} Delta */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */
/** @typedef {{turn: number, attempt: number, parts: number}} OpenTurn parts: assistant messages stored so far */
/** @typedef {{turn: number, part: number, last: number, text: string}} Live the answer being written */

/**
 * @typedef {object} Transcript
 * @property {string|null} session
 * @property {string|null} epoch
 * @property {number} seq newest applied event, 0 for none
 * @property {string|null} mark its mark
 * @property {number} first oldest event held, 0 for none
 * @property {boolean} more older events can be asked for
 * @property {number} top newest event when the connection was joined: below it, a replay is still coming
 * @property {readonly Durable[]} events
 * @property {import('./protocol.js').StateBody|null} state
 * @property {readonly OpenTurn[]} open turns without a turn_end, oldest (the running one) first
 * @property {Live|null} live
 * @property {boolean} gap an event was missing: nothing more is applied before the next welcome
 */

/** @type {Readonly<Transcript>} */
export const EMPTY = Object.freeze({
  session: null, epoch: null, seq: 0, mark: null, first: 0, more: false, top: 0, events: [], state: null, open: [],
  live: null, gap: false,
});

/** @param {Transcript} t @returns {import('./protocol.js').Cursor|null} what `hello` says as `after` */
export function cursor(t) {
  return t.seq > 0 && t.epoch !== null && t.mark !== null ? { epoch: t.epoch, seq: t.seq, mark: t.mark } : null;
}

/** @param {Transcript} t @returns {boolean} everything that was stored at the welcome is shown */
export const caughtUp = (t) => t.epoch !== null && !t.gap && t.seq >= t.top;

/** @param {Transcript} t @returns {OpenTurn|null} the turn that a stop button stops */
export const running = (t) => t.open[0] ?? null;

/**
 * @param {Transcript} t
 * @param {ServerFrame} frame unknown types are ignored
 * @returns {Transcript} `t` itself when nothing changed
 */
export function reduce(t, frame) {
  if (frame.type === 'welcome') return joined(t, frame);
  if (t.gap || t.epoch === null) return t;
  switch (frame.type) {
    case 'message': case 'state': case 'turn_end': return durable(t, frame);
    case 'turn_start': return noted(t, frame.turn, frame.attempt);
    case 'delta': return written(t, frame);
    case 'history': return prepended(t, frame);
    default: return t;
  }
}

/** @param {Transcript} t @param {import('./protocol.js').Welcome} w @returns {Transcript} */
function joined(t, w) {
  const same = w.recovered && t.seq > 0 && t.epoch === w.epoch && t.session === w.session;
  const base = same ? t : EMPTY;
  const more = same ? t.more : w.seq > 0 && w.oldest < w.seq;
  return { ...base, session: w.session, epoch: w.epoch, top: w.seq, state: w.state, more, gap: false };
}

/** @param {Transcript} t @param {Durable} e @returns {Transcript} */
function durable(t, e) {
  if (e.seq <= t.seq) return t;
  const follows = t.seq > 0 ? e.seq === t.seq + 1 : e.seq <= Math.max(1, t.top);
  if (!follows) return { ...t, gap: true };
  const open = opened(t.open, e);
  const next = { ...t, seq: e.seq, mark: e.mark, events: [...t.events, e], open, live: outlived(t, open, e) };
  if (t.first === 0) Object.assign(next, { first: e.seq, more: t.more && e.seq > 1 });
  if (e.type === 'state') next.state = e.state;
  return next;
}

/** @param {readonly OpenTurn[]} open @param {Durable} e @returns {readonly OpenTurn[]} */
function opened(open, e) {
  if (e.type === 'turn_end') return open.filter((o) => o.turn !== e.turn);
  const starts = e.turn === e.seq && (e.type === 'state' || e.role === 'user');
  if (starts) return [...open, { turn: e.seq, attempt: 0, parts: 0 }];
  if (e.type !== 'message' || e.role !== 'assistant') return open;
  return open.map((o) => (o.turn === e.turn ? { ...o, parts: o.parts + 1 } : o));
}

/**
 * The final message replaces the text that was streamed; only a later part that is known to be one stays.
 * @param {Transcript} t @param {readonly OpenTurn[]} open after the event @param {Durable} e @returns {Live|null}
 */
function outlived(t, open, e) {
  const { live } = t;
  if (live === null || e.turn !== live.turn) return live;
  if (e.type === 'turn_end') return null;
  if (e.type !== 'message' || e.role !== 'assistant') return live;
  const turn = open.find((o) => o.turn === live.turn);
  const counted = t.first > 0 && live.turn >= t.first;
  return turn !== undefined && counted && live.part >= turn.parts ? live : null;
}

/**
 * A turn is at work. Turns that ended, that no stored event started yet, and lower attempts are stale.
 * @param {Transcript} t @param {number} turn @param {number} attempt
 * @returns {Transcript} `t` itself when stale or known
 */
function noted(t, turn, attempt) {
  const known = t.open.find((o) => o.turn === turn);
  if (known ? attempt <= known.attempt : turn > t.seq || turn >= t.first) return t;
  const open = [...t.open.filter((o) => o !== known), { turn, attempt, parts: known?.parts ?? 0 }];
  open.sort((a, b) => a.turn - b.turn);
  return { ...t, open, live: t.live?.turn === turn ? t.live : null };
}

/** @param {Transcript} t @param {Delta} d @returns {Transcript} */
function written(t, d) {
  const next = noted(t, d.turn, d.attempt);
  const turn = next.open.find((o) => o.turn === d.turn);
  if (turn === undefined || d.attempt < turn.attempt || d.part < turn.parts) return next;
  const { live } = next;
  const shown = live !== null && live.turn === d.turn && live.part === d.part ? live : null;
  if (d.first !== 0 && d.first !== (shown?.last ?? -1) + 1) return next;
  const text = d.first === 0 ? d.text : (shown?.text ?? '') + d.text;
  return { ...next, live: { turn: d.turn, part: d.part, last: d.last, text } };
}

/** @param {Transcript} t @param {import('./protocol.js').History} h @returns {Transcript} */
function prepended(t, h) {
  const older = h.events.filter((e) => e.seq < t.first);
  const joins = older.every((e, n) => e.seq === t.first - older.length + n);
  if (t.first === 0 || !joins) return t;
  if (older.length === 0) return h.more === t.more ? t : { ...t, more: h.more };
  const events = [...older, ...t.events];
  const open = events.reduce(opened, /** @type {readonly OpenTurn[]} */ ([]))
    .map((o) => ({ ...o, attempt: t.open.find((was) => was.turn === o.turn)?.attempt ?? 0 }));
  const outside = t.open.filter((was) => was.turn < (older[0]?.seq ?? 0));
  return { ...t, events, first: older[0]?.seq ?? t.first, more: h.more, open: [...outside, ...open] };
}
