/** Two hundred connections later a tab holds what it held after the first. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, answered, asked, ended } from './support.mjs';

/**
 * What a tab holds on to.
 * @param {Browser} browser @param {ReturnType<Browser['tab']>} tab
 */
function held(browser, { session, window, document }) {
  const { conversation, connection } = session;
  const { commands, delivery, outbox, pages } = conversation;
  return {
    timers: browser.clock.timers.length,
    named: [connection.timers.running.size, delivery.timers.running.size],
    listening: [window.count, document.count],
    heard: [...session.listeners.values()].map((fns) => fns.size),
    open: browser.sockets.filter(({ closed }) => !closed).length,
    attached: browser.sockets.filter(({ onmessage, onclose, onopen }) => onmessage ?? onclose ?? onopen).length,
    waiting: [commands.waiting.length, outbox.entries.length, outbox.storage.memory.size, browser.storage?.length],
    page: pages.turn,
    events: session.transcript.events.length,
  };
}

/** @type {[string, (browser: Browser, tab: ReturnType<Browser['tab']>) => void][]} */
const WAYS = [
  ['1006', (browser) => browser.socket.end(1006)],
  ['1012', (browser) => browser.socket.end(1012)],
  ['a drain', (browser) => browser.socket.say({ type: 'drain', reconnect_in: 4000 })],
  ['a drain and its close', (browser) => {
    browser.socket.say({ type: 'drain', reconnect_in: 4000 });
    browser.socket.end(1012);
  }],
  ['silence', (browser, { document }) => { document.fire('visibilitychange'); browser.clock.go(5_100); }],
  ['offline and online', (browser, { window }) => {
    window.fire('offline');
    browser.clock.go(5_100);
    window.fire('online');
  }],
  ['a person', (_, { session }) => session.reconnect()],
];

for (const [name, part] of WAYS) {
  test(`200 reconnects by ${name}: nothing grows`, () => {
    const browser = new Browser();
    const tab = browser.tab();
    for (const event of /** @type {const} */ (['change', 'live', 'frame'])) tab.session.on(event, () => {});
    browser.welcome().say(asked(1), answered(2, 1), ended(3, 1));
    const again = () => {
      const count = browser.sockets.length;
      tab.session.identify('jwt');
      void tab.session.history();
      const id = tab.session.send('hello');
      part(browser, tab);
      for (let n = 0; browser.sockets.length === count && n < 250; n += 1) browser.clock.go(100);
      assert(browser.sockets.length > count, 'it came back');
      const socket = browser.welcome({ recovered: true, seq: 3 });
      socket.say({ type: 'ack', id, seq: 2, duplicate: true }, { type: 'pong', t: socket.of('ping')[0]?.t });
    };
    again();
    const before = held(browser, tab);
    assert.deepEqual([before.open, before.attached, before.page], [1, 1, null]);
    for (let n = 0; n < 199; n += 1) again();
    assert.deepEqual(held(browser, tab), before);
    tab.session.close();
    const after = held(browser, tab);
    assert.deepEqual([after.timers, after.listening, after.open, after.attached], [0, [0, 0], 0, 0]);
  });
}

test('200 conversations that are gone: nothing grows', () => {
  const browser = new Browser();
  const tab = browser.tab();
  const again = () => {
    browser.welcome();
    browser.socket.end(4404);
    browser.clock.go(20_000);
  };
  again();
  const before = held(browser, tab);
  for (let n = 0; n < 199; n += 1) again();
  assert.deepEqual(held(browser, tab), before);
});
