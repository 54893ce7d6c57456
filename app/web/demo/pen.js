/**
 * The few strokes that the drawing is made of. It must never know what they mean.
 */

/** @typedef {CanvasRenderingContext2D} Pen */
/** @typedef {[number, number]} Point */
/** @typedef {[Point, Point, Point, Point]} Curve of the third degree */

/**
 * Text with a rim, so that it can be read over anything.
 * @param {Pen} ctx @param {number} x @param {number} y @param {string} text
 * @param {(name: string) => string} colour
 */
export function caption(ctx, x, y, text, colour) {
  ctx.lineWidth = 4;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = colour('--surface');
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour('--ink');
  ctx.fillText(text, x, y);
}

/** @param {Pen} ctx @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
export function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

/** @param {Pen} ctx @param {number} x @param {number} y @param {number} r */
export function disc(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  ctx.fill();
}

/** @param {Pen} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {number} r */
export function round(ctx, x, y, w, h, r) {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, r);
  ctx.fill();
}

/** @param {number} t from 0 to 1 @param {Curve} curve @returns {Point} */
export function bezier(t, [a, b, c, d]) {
  const [u, v] = [1 - t, t];
  const on = (/** @type {0|1} */ axis) => (
    u ** 3 * a[axis] + 3 * u ** 2 * v * b[axis] + 3 * u * v ** 2 * c[axis] + v ** 3 * d[axis]);
  return [on(0), on(1)];
}
