/**
 * The demo page: the widget as any site would embed it, and beside it what happens behind. It uses the element by its
 * attributes, its `session` and its `baton-session` event alone, and must never hold a chat of its own.
 */

import { Behind } from './behind.js';
import { byId } from './dom.js';
import { ask } from './faults.js';

/** @typedef {import('../sdk/session.js').Session} Session */

const ECHO = 'A relay team does not win because one runner is fast. It wins because the baton is never dropped: each '
  + 'runner carries it for a while, and when one of them falls, the next picks it up and runs on from the very same '
  + 'spot. So does this conversation. Stop the server that says this, and another one says the rest, word for word, '
  + 'without a gap and without starting again.';

/** A longer question makes no suggestion that looks like a button. */
const CHIP = 60;

/**
 * By agent: what has a long answer, and what else can be asked.
 * @type {Record<string, {long: string, others: string[]}>}
 */
const QUESTIONS = {
  support: {
    long: 'How do I read my bill?',
    others: ['What are my payment options?', 'When is my payment due?', 'I want to talk to a person'],
  },
  echo: { long: ECHO, others: ['A baton is passed on, never dropped', 'Say that again'] },
};
const ANY = { long: 'Tell me a long story', others: [] };

const behind = new Behind();
const chat = byId('chat', HTMLElement);
let long = '';

chat.addEventListener('baton-session', (event) => {
  const { session } = /** @type {CustomEvent<{session: Session|null}>} */ (event).detail;
  if (session) behind.watch(session);
});
byId('ask', HTMLButtonElement).addEventListener('click', () => behind.session?.send(long));
byId('toggle', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
  const open = document.body.classList.toggle('behind-open');
  /** @type {HTMLElement} */ (currentTarget).ariaExpanded = String(open);
  behind.changed();
});
byId('site', HTMLElement).textContent = location.origin;

const demo = await ask();
behind.faults.offer(demo);
const asked = QUESTIONS[demo.agent || 'support'] ?? ANY;
({ long } = asked);
chat.setAttribute('suggestions', [...(long.length <= CHIP ? [long] : []), ...asked.others].join('|'));
await import('../widget/element.js');
const { session } = /** @type {HTMLElement & {session?: Session|null}} */ (chat);
if (session) behind.watch(session);
