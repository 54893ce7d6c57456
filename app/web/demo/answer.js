/**
 * The answer being written, as chunks that arrived: which attempt wrote them, through which replica, and whether the
 * text ever went back on what had been shown. Pure. The text is held to be compared; it must never be shown from here.
 */

/**
 * @typedef {object} Segment
 * @property {number} attempt
 * @property {string} replica through which it came, and its `style`
 * @property {number} style
 * @property {number} chunks 0: it came in the stored message
 * @property {number} size characters
 */

/** @typedef {{replica: string, style: number}} Via */

export class Answer {
  constructor() {
    this.turn = /** @type {number|null} */ (null);
    this.attempt = 0;
    this.writing = false;
    /** @type {Segment[]} */
    this.segments = [];
    this.cuts = 0;
    this.part = 0;
    this.last = -1;
    this.text = '';
  }

  /** Characters of the whole turn that are shown. */
  get size() { return this.segments.reduce((sum, { size }) => sum + size, 0); }

  /** And its chunks. */
  get chunks() { return this.segments.reduce((sum, { chunks }) => sum + chunks, 0); }

  /** @param {number} turn @param {number} attempt @returns {boolean} false: of the past */
  started(turn, attempt) {
    if (this.turn !== null && turn < this.turn) return false;
    if (turn !== this.turn) Object.assign(this, new Answer(), { turn, cuts: this.cuts, writing: true });
    if (attempt < this.attempt) return false;
    this.attempt = attempt;
    return this.writing;
  }

  /**
   * @param {import('../sdk/protocol.js').Delta} delta
   * @param {Via} lane
   * @returns {string} what is new of it; empty when everything was shown before
   */
  delta({ turn, attempt, part, first, last, text }, lane) {
    if (!this.started(turn, attempt) || part < this.part) return '';
    if (part > this.part) Object.assign(this, { part, last: -1, text: '' });
    if (first !== 0 && first !== this.last + 1) return '';
    const goesOn = first > 0 || text.startsWith(this.text);
    if (!goesOn) this.cut();
    const shown = first > 0 ? 0 : this.text.length;
    const fresh = text.slice(shown);
    this.grow(last - this.last, fresh.length, lane);
    this.text += fresh;
    this.last = last;
    return fresh;
  }

  /** The text went back: what is written from now on replaces it. */
  cut() {
    this.cuts += 1;
    Object.assign(this, { segments: [], last: -1, text: '' });
  }

  /** @param {number} chunks @param {number} size @param {Via} lane */
  grow(chunks, size, { replica, style }) {
    if (size === 0) return;
    const { attempt } = this;
    const open = this.segments.at(-1);
    if (open?.attempt === attempt && open.replica === replica) {
      open.chunks += chunks;
      open.size += size;
    } else this.segments.push({ attempt, replica, style, chunks, size });
  }

  /**
   * A message of the answer was stored: the last word on what was shown of this part.
   * @param {import('../sdk/protocol.js').MessageEvent_} message @param {Via} lane
   * @returns {string} what is new of it
   */
  stored({ turn, text }, lane) {
    if (turn === null || turn !== this.turn) return '';
    if (!text.startsWith(this.text)) this.cut();
    const fresh = text.slice(this.text.length);
    this.grow(0, fresh.length, lane);
    Object.assign(this, { part: this.part + 1, last: -1, text: '' });
    return fresh;
  }

  /** @param {number} turn */
  ended(turn) {
    if (turn === this.turn) this.writing = false;
  }
}
