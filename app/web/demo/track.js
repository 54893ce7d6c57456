/**
 * Draws the lanes of the relay on a canvas: time runs to the right. It must never run while nothing moves, while the
 * page is hidden, or faster than once a second for who asked for less motion.
 */

import { drawBaton, drawLane, drawMarks, drawPass } from './strokes.js';
import { WINDOW_MS } from './relay.js';

/** @typedef {import('./relay.js').Relay} Relay */
/**
 * @typedef {object} Paper
 * @property {(at: number) => number} x
 * @property {(lane: number) => number} y
 * @property {number} now
 * @property {number} span ms from the left edge to now
 * @property {number} width
 * @property {number} height without the axis
 * @property {boolean} calm less motion is asked for
 * @property {(name: string) => string} colour
 */

const STEP_MS = 1_000;
/** Pixels: a narrower drawing shows half the time. */
const NARROW = 420;
/** Where "now" is, from the right edge: the head of the bar stands out a little. */
const MARGIN = 16;
const AXIS = 24;
/** Room for a word above the first bar; the list of names leaves as much. */
const TOP = 8;

export class Track {
  /** @param {HTMLCanvasElement} canvas @param {Relay} relay @param {() => number} now */
  constructor(canvas, relay, now) {
    this.canvas = canvas;
    this.relay = relay;
    this.now = now;
    this.rows = 0; // lanes to make room for
    this.due = false;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    /** @type {Map<string, string>} custom properties of the style sheet */
    this.colours = new Map();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.colours.clear();
      this.wake();
    });
    document.addEventListener('visibilitychange', () => this.wake());
    addEventListener('resize', () => this.wake());
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Something happened: draw, and go on for as long as something moves. */
  wake() {
    if (this.due || document.visibilityState === 'hidden') return;
    this.due = true;
    requestAnimationFrame(() => this.run());
  }

  run() {
    this.due = false;
    if (document.visibilityState === 'hidden') return;
    this.draw();
    if (this.relay.still(this.now())) return;
    if (!this.calm.matches) return this.wake();
    this.due = true;
    setTimeout(() => { this.due = false; this.wake(); }, STEP_MS);
  }

  /** @param {string} name @returns {string} of the style sheet */
  colour(name) {
    const known = this.colours.get(name) ?? getComputedStyle(this.canvas).getPropertyValue(name).trim();
    this.colours.set(name, known);
    return known;
  }

  draw() {
    const { canvas, relay, rows } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const ctx = canvas.getContext('2d');
    if (ctx === null || width === 0 || rows === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const now = this.now();
    const span = width < NARROW ? WINDOW_MS / 2 : WINDOW_MS;
    const lane = (height - AXIS - TOP) / rows;
    const paper = /** @type {Paper} */ ({
      now, span, width, height: height - AXIS, calm: this.calm.matches,
      x: (at) => width - MARGIN - ((now - at) / span) * (width - MARGIN),
      y: (n) => TOP + (n + 0.5) * lane,
      colour: (name) => this.colour(name),
    });
    this.axis(ctx, paper);
    for (let n = 0; n < rows; n += 1) drawLane(ctx, paper, relay.lanes[n] ?? null, n);
    for (const pass of relay.passes) drawPass(ctx, paper, pass);
    drawMarks(ctx, paper, relay);
    for (const pass of relay.passes) drawBaton(ctx, paper, pass);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Paper} paper */
  axis(ctx, { now, span, x, height, width, colour }) {
    ctx.fillStyle = colour('--soft');
    ctx.strokeStyle = colour('--line');
    ctx.lineWidth = 1;
    ctx.font = `11px ${colour('--sans')}`;
    for (let ago = 0; ago < span / 1000; ago += span / 3_000) {
      const at = Math.round(x(now - ago * 1000)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(at, 0);
      ctx.lineTo(at, height);
      ctx.stroke();
      ctx.textAlign = ago === 0 ? 'right' : 'center';
      ctx.fillText(ago === 0 ? 'now' : `${ago} s ago`, ago === 0 ? width : at, height + 15);
    }
  }
}
