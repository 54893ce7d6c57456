/**
 * The demo page: a chat, and beside it what happens behind. Only glue between a session and the elements of
 * index.html; it must never hold a rule of the protocol, nor state that the session has already.
 */

import { Behind } from './behind.js';
import { MessageList } from '../widget/list.js';
import { connect } from '../sdk/session.js';

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no #${id}`);
  return found;
}
const any = (/** @type {string} */ id) => byId(id, HTMLElement);
const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);

const text = byId('text', HTMLTextAreaElement);
const composer = byId('composer', HTMLFormElement);
const page = { hello: any('hello'), light: any('light'), line: any('line'), lineText: any('line-text'),
  scroller: any('scroller'), served: any('served'), typing: any('typing') };
const press = { again: button('again'), end: button('end'), latest: button('latest'), older: button('older'),
  restart: button('restart'), send: button('send'), stop: button('stop'), toggle: button('toggle') };
const TYPING_EVERY_MS = 3_000;
const NOTICE_MS = 8_000;

const session = connect();
const list = new MessageList(page.scroller, any('messages'), {
  retry: (id) => session.retry(id),
  discard: (id) => session.discard(id),
});
const behind = new Behind(any('facts'), any('timeline'), any('trail'));
let drawing = false;
let typed = 0;
let notice = '';

function draw() {
  drawing = false;
  const { status, transcript, welcome, running } = session;
  const ended = transcript.state?.ended === true;
  const shown = list.render(session);
  page.hello.hidden = shown > 0 || welcome === null;
  page.light.className = `light ${status.phase}`;
  page.served.textContent = welcome ? `Served by ${welcome.replica}` : 'Not connected';
  press.older.hidden = !transcript.more || transcript.first <= 1;
  press.latest.hidden = list.atEnd;
  press.stop.hidden = running === null;
  press.end.hidden = ended || transcript.seq === 0;
  composer.classList.toggle('ended', ended);
  text.disabled = ended;
  text.placeholder = ended ? 'This conversation has ended' : 'Write a message';
  press.send.disabled = ended || text.value.trim() === '';
  drawLine();
  behind.render(session);
}

function drawLine() {
  const { phase, meaning, code } = session.status;
  const stopped = phase === 'stopped';
  const lost = phase === 'waiting' || (phase === 'connecting' && code !== null);
  if (stopped) page.lineText.textContent = meaning ?? 'Not connected.';
  else if (lost) page.lineText.textContent = 'Reconnecting. What you write is kept.';
  else if (notice) page.lineText.textContent = notice;
  page.line.className = `line ${stopped || notice ? 'now' : lost ? 'calm' : ''}`;
  press.again.hidden = !stopped;
}

/** One drawing per frame of the screen, however many frames arrive; a hidden page draws when it is seen again. */
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

/** @param {string} sentence */
function say(sentence) {
  notice = sentence;
  redraw();
  setTimeout(() => { if (notice === sentence) { notice = ''; redraw(); } }, NOTICE_MS);
}

function submit() {
  const written = text.value;
  if (written.trim() === '' || text.disabled) return;
  text.value = '';
  resize();
  if (typed > 0) session.typing(false);
  typed = 0;
  session.send(written);
  requestAnimationFrame(() => list.toEnd());
}

function resize() {
  text.style.height = 'auto';
  text.style.height = `${Math.min(text.scrollHeight, 200)}px`;
}

session.on('change', redraw);
session.on('frame', (passed) => behind.passed(passed));
session.on('status', ({ phase, code }) => {
  if ((phase === 'waiting' || phase === 'stopped') && code !== null) behind.closed(code);
});
session.on('gone', () => say('The earlier conversation is no longer available. This is a new one.'));
session.on('error', ({ code, message }) => { if (code !== 'session_gone') say(message); });
session.on('typing', ({ active, name }) => {
  page.typing.textContent = `${name ?? 'The other side'} is typing`;
  page.typing.hidden = !active;
});

composer.addEventListener('submit', (event) => { event.preventDefault(); submit(); });
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
text.addEventListener('input', () => {
  resize();
  redraw();
  if (Date.now() - typed < TYPING_EVERY_MS) return;
  typed = Date.now();
  session.typing(true);
});
press.stop.addEventListener('click', () => session.cancel());
press.end.addEventListener('click', () => session.end());
press.restart.addEventListener('click', () => { session.restart(); text.focus(); });
press.again.addEventListener('click', () => session.reconnect());
press.older.addEventListener('click', () => session.history());
press.latest.addEventListener('click', () => list.toEnd());
press.toggle.addEventListener('click', () => {
  const open = document.body.classList.toggle('behind-open');
  press.toggle.setAttribute('aria-expanded', String(open));
});
page.scroller.addEventListener('scroll', redraw, { passive: true });
any('chips').addEventListener('click', ({ target }) => {
  if (target instanceof HTMLButtonElement) session.send(target.textContent ?? '');
});
redraw();
if (matchMedia('(hover: hover)').matches) text.focus();
