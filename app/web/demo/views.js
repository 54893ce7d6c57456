/**
 * The scene as elements: who serves, the answer as a bar of segments, the facts, the steps. It must never decide
 * anything: what it shows is in the scene.
 */

import { byId, element, tell } from './dom.js';
import { short } from './timeline.js';

/** @typedef {import('./scene.js').Scene} Scene */
/** @typedef {import('./relay.js').Lane} Lane */

/** Characters that fill half of the bar: how long an answer becomes, nobody knows while it is written. */
const HALF_BAR = 200;
const MIN_ROWS = 2;
const ENDS = { kill: 'killed', pause: 'paused', drop: 'dropped', drain: 'left', lost: 'left', store: 'left' };
const any = (/** @type {string} */ id) => byId(id, HTMLElement);
const count = (/** @type {number} */ n, /** @type {string} */ what) => `${n} ${what}${n === 1 ? '' : 's'}`;
const times = (/** @type {number} */ n) => (n === 1 ? 'once' : `${n} times`);

/** Gives `list` exactly one child per item, and keeps those that are there. @param {HTMLElement} list @param {number} n
 * @param {() => HTMLElement} make */
function sized(list, n, make) {
  while (list.childElementCount > n) list.lastElementChild?.remove();
  while (list.childElementCount < n) list.append(make());
  return /** @type {HTMLElement[]} */ ([...list.children]);
}

/** @param {HTMLElement} node @param {string} name */
function dress(node, name) {
  if (node.className !== name) node.className = name;
}

/** The names of the lanes, left of the drawing. @param {Scene} scene @returns {number} rows */
export function showLanes({ relay }) {
  const rows = Math.max(MIN_ROWS, relay.lanes.length);
  const label = () => {
    const made = element('li');
    made.append(element('b'), element('span'));
    return made;
  };
  for (const [n, node] of sized(any('lanes'), rows, label).entries()) {
    const lane = relay.lanes[n];
    const state = lane === undefined ? '' : lane.end === null ? 'serving now' : ENDS[lane.end];
    dress(node, lane === undefined ? 'ghost' : `shape-${n}${lane.end === null ? ' serving' : ''}`);
    tell(/** @type {Element} */ (node.firstChild), lane?.replica ?? 'next in line');
    tell(/** @type {Element} */ (node.lastChild), lane === undefined ? 'takes over' : state);
  }
  any('relay').style.setProperty('--rows', String(rows));
  return rows;
}

/** @param {Scene} scene */
export function showAnswer({ answer, proof }) {
  const { segments, chunks, size: total, writing } = answer;
  const filled = total > 0 && !writing ? 100 : (100 * total) / (total + HALF_BAR);
  any('fill').style.width = `${filled}%`;
  any('bar').classList.toggle('writing', writing && chunks > 0);
  for (const [n, node] of sized(any('fill'), segments.length, () => element('i')).entries()) {
    const { style, size } = /** @type {import('./answer.js').Segment} */ (segments[n]);
    dress(node, `lane-${style}`);
    node.style.flexGrow = String(size);
  }
  for (const [n, node] of sized(any('segments'), segments.length, () => element('li')).entries()) {
    const { style, attempt, replica, chunks: some } = /** @type {import('./answer.js').Segment} */ (segments[n]);
    dress(node, `shape-${style}`);
    tell(node, `attempt ${Math.max(1, attempt)} · ${replica} · ${some > 0 ? count(some, 'chunk') : 'as a message'}`);
  }
  tell(any('chunk'), chunks > 0 ? `chunk ${chunks}` : writing ? 'thinking' : total > 0 ? 'stored' : 'no answer yet');
  const whole = proof.lost === 0 && proof.twice === 0 && answer.cuts === 0;
  dress(any('proof'), whole ? 'proof whole' : 'proof');
  const lost = proof.lost === 0 ? 'nothing lost' : `${proof.lost} on the way`;
  const twice = proof.twice === 0 ? 'nothing twice' : `${proof.twice} twice`;
  const cut = answer.cuts === 0 ? '' : ` · text went back ${times(answer.cuts)}`;
  tell(any('proof'), proof.last === 0 ? '' : `${lost} · ${twice}${cut}`);
  tell(any('seen'), proof.last === 0 ? 'Counted on this page, from the frames that arrive.'
    : `Counted on this page: events ${proof.first}–${proof.last}, each once and in order; the text `
      + `${answer.cuts === 0 ? 'never went back' : `went back ${times(answer.cuts)}`}.`);
}

/** @param {Scene} scene @param {import('../sdk/session.js').Session|null} session */
export function showFacts(scene, session) {
  const { answer, reconnects, tookMs } = scene;
  const values = {
    replica: scene.replica ?? '–',
    seq: String(session?.transcript.seq ?? 0),
    turn: answer.turn === null ? '–' : `${answer.turn} · ${Math.max(1, answer.attempt)}`,
    reconnects: tookMs === null ? '0' : `${reconnects} · last ${Math.round(tookMs)} ms`,
    epoch: short(scene.epoch),
    session: short(scene.session),
  };
  for (const [name, value] of Object.entries(values)) {
    const node = document.querySelector(`[data-fact="${name}"]`);
    if (node) tell(node, value);
  }
}

/** @param {Scene} scene */
export function showSteps({ step }) {
  document.body.dataset.step = String(step);
  tell(any('ask'), step > 3 ? 'Ask again' : 'Ask for me');
  for (const [n, node] of [...any('steps').children].entries()) {
    dress(/** @type {HTMLElement} */ (node), n + 1 < step ? 'done' : n + 1 === step ? 'current' : '');
    if (n + 1 === step) node.setAttribute('aria-current', 'step');
    else node.removeAttribute('aria-current');
  }
}

/** What the drawing shows, in words: for who can't see it. @param {Scene} scene */
export function describe({ relay }) {
  const lanes = relay.lanes.map(({ replica, end }) => `${replica} ${end === null ? 'serves now' : `was ${ENDS[end]}`}`);
  const passes = relay.passes.map(({ from, to, attempt }) => (
    `the answer passed from ${from.replica} to ${to.replica} (attempt ${attempt})`));
  const words = [...lanes, ...passes].join('; ') || 'nobody serves yet';
  const track = any('track');
  const label = `The last 30 seconds: ${words}.`;
  if (track.ariaLabel !== label) track.ariaLabel = label;
}
