/**
 * The shapes of the relay: a bar for the time that a replica served this page, a stroke for each piece of an answer, a
 * badge for what went wrong, and the baton as it is passed on. It must never change what it draws.
 */

import { bezier, caption, disc, line, round } from './pen.js';

/** @typedef {import('./track.js').Paper} Paper */
/** @typedef {import('./relay.js').Lane} Lane */
/** @typedef {import('./relay.js').Pass} Pass */
/** @typedef {CanvasRenderingContext2D} Pen */

const BAR = 24;
const BADGE = 10;
const PASS_MS = 800;
/** A piece of so many characters is as high as the bar. */
const FULL = 9;

/** @type {Record<import('./relay.js').MarkKind, string>} */
const WORDS = {
  kill: 'killed', pause: 'paused', drop: 'dropped', store: 'Valkey restarted', drain: 'leaving', lost: '',
};

/** @param {Pen} ctx @param {Paper} paper @param {Lane|null} lane null: nobody yet @param {number} n */
export function drawLane(ctx, { x, y, now, width, colour }, lane, n) {
  const at = y(n);
  ctx.strokeStyle = colour('--line');
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 5]);
  line(ctx, 0, at, width, at);
  ctx.setLineDash([]);
  if (lane === null) return;
  const hue = colour(`--lane-${lane.style}`);
  ctx.fillStyle = hue;
  for (const { from, to } of lane.spans) {
    const left = Math.max(-BAR, x(from));
    const right = x(to ?? now);
    if (right < 0) continue;
    ctx.globalAlpha = 0.2;
    round(ctx, left, at - BAR / 2, Math.max(3, right - left), BAR, 6);
  }
  ctx.globalAlpha = 1;
  for (const tick of lane.ticks) {
    const high = 7 + (BAR - 7) * Math.min(1, tick.size / FULL);
    round(ctx, x(tick.at) - 0.9, at - high / 2, 1.8, high, 0.9);
  }
  if (lane.end === null) head(ctx, x(now), at, hue);
}

/** Where a bar grows. @param {Pen} ctx @param {number} at @param {number} y @param {string} hue */
function head(ctx, at, y, hue) {
  ctx.fillStyle = hue;
  ctx.globalAlpha = 0.25;
  disc(ctx, at, y, 10);
  ctx.globalAlpha = 1;
  disc(ctx, at, y, 5);
}

/** The answer goes on elsewhere: the way there. @param {Pen} ctx @param {Paper} paper @param {Pass} pass */
export function drawPass(ctx, paper, pass) {
  const [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = way(paper, pass);
  ctx.strokeStyle = paper.colour('--ink');
  ctx.lineWidth = 1.6;
  ctx.setLineDash([4, 3]);
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.bezierCurveTo(x1, y1, x2, y2, x3, y3);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** And what is carried, how long that took. @param {Pen} ctx @param {Paper} paper @param {Pass} pass */
export function drawBaton(ctx, paper, pass) {
  const { now, calm, width, colour } = paper;
  const { since, at, attempt, grew } = pass;
  const points = way(paper, pass);
  const done = calm ? 1 : Math.min(1, (now - at) / PASS_MS);
  baton(ctx, ...bezier(1 - (1 - done) ** 3, points), colour);
  const wait = `${((at - since) / 1000).toFixed(1)} s`;
  const words = grew ? `attempt ${attempt} · ${wait}` : wait;
  ctx.textAlign = 'left';
  ctx.font = `600 11px ${colour('--sans')}`;
  const [x, y] = points[3];
  const above = y < points[0][1];
  const left = Math.min(x + 8, width - ctx.measureText(words).width - 2);
  caption(ctx, left, y + (above ? 4 - BAR : BAR + 1), words, colour);
}

/** @param {Paper} paper @param {Pass} pass @returns {import('./pen.js').Curve} */
function way({ x, y }, { since, at, from, to }) {
  const [x0, x1, y0, y1] = [x(since), x(at), y(from.style), y(to.style)];
  const lift = y0 === y1 ? -BAR * 1.1 : 0;
  const bend = Math.max(14, (x1 - x0) / 2);
  return [[x0, y0], [x0 + bend, y0 + lift], [x1 - bend, y1 + lift], [x1, y1]];
}

/** @param {Pen} ctx @param {Paper} paper @param {import('./relay.js').Relay} relay */
export function drawMarks(ctx, { x, y, height, colour }, { lanes, marks }) {
  ctx.font = `600 11px ${colour('--sans')}`;
  ctx.textAlign = 'right';
  for (const mark of marks) {
    ctx.strokeStyle = colour('--bad');
    ctx.lineWidth = 1.5;
    line(ctx, x(mark.at), 0, x(mark.at), height);
    caption(ctx, x(mark.at) - 5, 11, WORDS[mark.kind], colour);
  }
  for (const lane of lanes) {
    for (const mark of lane.marks) {
      badge(ctx, x(mark.at), y(lane.style), mark.kind, colour);
      caption(ctx, x(mark.at) - BADGE - 5, y(lane.style) - BAR / 2 - 4, WORDS[mark.kind], colour);
    }
  }
}

/**
 * @param {Pen} ctx @param {number} x @param {number} y @param {import('./relay.js').MarkKind} kind
 * @param {Paper['colour']} colour
 */
function badge(ctx, x, y, kind, colour) {
  ctx.fillStyle = colour(kind === 'drain' || kind === 'lost' ? '--soft' : '--bad');
  disc(ctx, x, y, BADGE);
  ctx.strokeStyle = colour('--surface');
  ctx.lineWidth = 2;
  if (kind === 'pause') {
    line(ctx, x - 2.5, y - 4, x - 2.5, y + 4);
    line(ctx, x + 2.5, y - 4, x + 2.5, y + 4);
  } else if (kind === 'kill') {
    line(ctx, x - 3.5, y - 3.5, x + 3.5, y + 3.5);
    line(ctx, x - 3.5, y + 3.5, x + 3.5, y - 3.5);
  } else line(ctx, x - 2.5, y + 4.5, x + 2.5, y - 4.5);
}

/**
 * As in the mark of Baton: a stick that leans.
 * @param {Pen} ctx @param {number} x @param {number} y @param {Paper['colour']} colour
 */
function baton(ctx, x, y, colour) {
  ctx.lineCap = 'round';
  for (const [style, width] of /** @type {[string, number][]} */ ([['--surface', 11], ['--ink', 6.5]])) {
    ctx.strokeStyle = colour(style);
    ctx.lineWidth = width;
    line(ctx, x - 7, y + 7, x + 7, y - 7);
  }
  ctx.lineCap = 'butt';
}
