/**
 * What a site says of its chat, by attributes and properties, with what follows from it. It must never read more of
 * the page than its language and its path.
 */

import { SafeStorage } from '../sdk/storage.js';
import { wordsFor } from './words.js';

/** @typedef {{words: Partial<import('./words.js').Words>, identity: import('./identity.js').Source|undefined}} Given */

/** @typedef {ReturnType<typeof options>} Options */
/**
 * @typedef {object} Living what of the element changes while the panel is there
 * @property {boolean} isOpen
 * @property {() => Record<string, string>} context of the page
 * @property {() => void} close
 * @property {(count: number) => void} unread
 */
/** @typedef {Omit<Options, 'context'> & Living} Host */

const CONTEXT = 'context-';

/** @param {HTMLElement & {given: Given}} element */
export function options(element) {
  const said = (/** @type {string} */ name) => element.getAttribute(name);
  const server = new URL(said('server') ?? import.meta.url, import.meta.url);
  const url = new URL('/ws', server);
  url.protocol = server.protocol === 'http:' ? 'ws:' : 'wss:';
  const prefix = `baton:${url.host}:`;
  const lang = tag(element.closest('[lang]')?.getAttribute('lang') || document.documentElement.lang || navigator.language);
  const words = wordsFor(lang, element.given.words);
  return {
    url: url.href, prefix, lang, words,
    label: said('label') ?? words.label,
    greeting: said('greeting') ?? words.greeting,
    suggestions: (said('suggestions') ?? '').split('|').map((text) => text.trim()).filter(Boolean),
    inline: element.hasAttribute('inline'),
    identity: element.given.identity === undefined ? said('identity') : element.given.identity,
    context: context(element),
    tab: new SafeStorage(() => sessionStorage, prefix),
  };
}

/** A page may say anything, such as `en_US`; where a browser takes no such tag, it throws. @param {string} lang */
function tag(lang) {
  try {
    return Intl.getCanonicalLocales(lang.replaceAll('_', '-'))[0] ?? 'en';
  } catch {
    return 'en';
  }
}

/** Where the person is: the path, never its query, and what the site adds. @param {HTMLElement} element */
function context(element) {
  /** @type {Record<string, string>} */
  const found = { page: location.pathname };
  for (const { name, value } of element.attributes) {
    if (name.startsWith(CONTEXT)) found[name.slice(CONTEXT.length)] = value;
  }
  return found;
}
