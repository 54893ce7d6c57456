/**
 * Who carried the conversation, and when: one lane per replica, with the time it served this page, the pieces of
 * answers that came through it, what went wrong, and where the answer passed on. Pure, and bounded: it must never keep
 * more than the window that is drawn.
 */

export const WINDOW_MS = 30_000;
/** As many lanes as there are colours that everybody can tell apart. */
export const LANES = 4;

/** @typedef {'kill'|'pause'|'drop'|'store'|'drain'|'lost'} MarkKind */
/** @typedef {{at: number, kind: MarkKind}} Mark */

/**
 * @typedef {object} Lane
 * @property {string} replica
 * @property {number} style which colour and shape, 0 to LANES - 1; also its place from the top
 * @property {{from: number, to: number|null}[]} spans when this page was connected to it
 * @property {{at: number, size: number}[]} ticks pieces of an answer; size in characters
 * @property {Mark[]} marks
 * @property {MarkKind|null} end how it was left; null while it serves
 */

/**
 * @typedef {object} Piece
 * @property {number} turn
 * @property {number} attempt
 * @property {number} chunk its number, from 1; 0: it came in the stored message
 * @property {boolean} late what was written before, and is caught up with on a new connection: nobody goes on yet
 */

/** @typedef {{since: number, at: number, from: Lane, to: Lane, attempt: number, grew: boolean}} Pass */

export class Relay {
  constructor() {
    /** @type {Lane[]} by style */
    this.lanes = [];
    /** @type {Pass[]} */
    this.passes = [];
    /** @type {Mark[]} what concerns all lanes */
    this.marks = [];
    this.current = /** @type {Lane|null} */ (null);
    this.last = /** @type {{at: number, lane: Lane, turn: number, attempt: number}|null} the newest piece */ (null);
  }

  /** This page is served by it now. @param {string} replica @param {number} now @returns {Lane} */
  joined(replica, now) {
    this.left(now);
    const lane = this.lanes.find((one) => one.replica === replica) ?? this.laid(replica);
    lane.spans.push({ from: now, to: null });
    lane.end = null;
    this.current = lane;
    return lane;
  }

  /** A lane for it: a free one, or that of the replica that has been away for longest. @param {string} replica */
  laid(replica) {
    const gone = this.lanes.length < LANES ? null
      : this.lanes.reduce((a, b) => (until(a) <= until(b) ? a : b));
    this.passes = this.passes.filter(({ from, to }) => from !== gone && to !== gone);
    if (this.last?.lane === gone) this.last = null;
    const style = gone?.style ?? this.lanes.length;
    const lane = /** @type {Lane} */ ({ replica, style, spans: [], ticks: [], marks: [], end: null });
    this.lanes[style] = lane;
    return lane;
  }

  /** The connection is lost or given up. @param {number} now */
  left(now) {
    const lane = this.current;
    this.current = null;
    const span = lane?.spans.at(-1);
    if (!lane || !span) return;
    span.to = now;
    const mark = lane.marks.at(-1);
    const known = mark !== undefined && mark.at >= span.from;
    if (!known) lane.marks.push({ at: now, kind: 'lost' });
    lane.end = known ? mark.kind : 'lost';
  }

  /**
   * Something new of an answer arrived.
   * @param {number} now @param {number} size characters @param {Piece} piece
   */
  piece(now, size, { turn, attempt, late }) {
    const lane = this.current;
    if (lane === null) return;
    this.prune(now); // a hidden page doesn't draw, but it hears everything
    const { last } = this;
    lane.ticks.push({ at: now, size });
    if (late && attempt === last?.attempt) return;
    this.last = { at: now, lane, turn, attempt };
    if (last === null || last.turn !== turn || (last.lane === lane && last.attempt === attempt)) return;
    const grew = attempt > last.attempt;
    this.passes.push({ since: last.at, at: now, from: last.lane, to: lane, attempt, grew });
  }

  /** @param {MarkKind} kind @param {number} now @returns {() => void} takes it back */
  mark(kind, now) {
    const lane = this.current;
    const marks = kind === 'store' || lane === null ? this.marks : lane.marks;
    const mark = { at: now, kind };
    marks.push(mark);
    return () => { mark.at = -Infinity; };
  }

  /** Forgets what has left the window. @param {number} now */
  prune(now) {
    const since = now - WINDOW_MS;
    const recent = (/** @type {{at: number}} */ { at }) => at >= since;
    for (const lane of this.lanes) {
      lane.spans = lane.spans.filter((span, n) => span.to === null || span.to >= since || n === lane.spans.length - 1);
      lane.ticks = lane.ticks.filter(recent);
      lane.marks = lane.marks.filter(recent);
    }
    this.passes = this.passes.filter(recent);
    this.marks = this.marks.filter(recent);
  }

  /** Drawn a moment later it would look the same. @param {number} now */
  still(now) {
    this.prune(now);
    const edges = this.lanes.flatMap(({ spans }) => spans.flatMap(({ from, to }) => [from, to ?? 0]));
    const moving = edges.some((at) => at >= now - WINDOW_MS);
    const marked = this.marks.length > 0 || this.lanes.some(({ ticks, marks }) => ticks.length + marks.length > 0);
    return !moving && !marked;
  }
}

/** @param {Lane} lane */
function until({ spans }) {
  const span = spans.at(-1);
  return span === undefined ? 0 : span.to ?? Infinity;
}
