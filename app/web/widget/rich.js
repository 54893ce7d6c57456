/**
 * Text with a little form – bold, code, lists, links – as a tree, and the tree as elements. It must never let through
 * anything else: what it doesn't know is text, and a link leads to http, https, mail or a phone.
 */

import { make } from './dom.js';

/** @typedef {{kind: 'text'|'bold'|'code'|'link', text: string, href?: string}} Span */
/**
 * @typedef {object} Block
 * @property {'p'|'h'|'ul'|'ol'|'pre'} kind
 * @property {string[]} lines of a list one an item
 * @property {number} start of a numbered list
 */

// The s flag: what stands for the rest of a line always reaches its end, so nothing is tried twice. \x60 is a backtick.
const ITEM = /^\s{0,3}(?:[-*•]|(\d{1,4})[.)])\s+(.*)$/s;
const HEADING = /^#{1,4}\s+(.*)$/s;
const FENCE = /^\x60{3}[\w+#.-]*\s*$/;
const END = /^\x60{3}\s*$/;
/** What ends a sentence rather than an address. */
const AFTER = '.,;:!?)]}\'*';
const SPANS = new RegExp([
  '\\*\\*([^*\\n]+)\\*\\*', '\\x60([^\\x60\\n]+)\\x60',
  '\\[([^\\]\\n]{1,300})\\]\\(((?:https?:\\/\\/|mailto:|tel:)[^\\s()]{1,2000})\\)', '(https?:\\/\\/[^\\s<>"]{1,2000})',
].join('|'), 'g');

/** @param {string} text @returns {Block[]} */
export function blocks(text) {
  /** @type {Block[]} */
  const found = [];
  /** @type {Block|null} */
  let open = null;
  const begin = (/** @type {Block['kind']} */ kind, start = 1) => {
    open = { kind, lines: [], start };
    found.push(open);
    return open;
  };
  for (const line of text.split(/\r?\n/)) {
    const current = /** @type {Block|null} */ (open);
    const item = ITEM.exec(line);
    const heading = HEADING.exec(line);
    if (current?.kind === 'pre') {
      if (END.test(line)) open = null;
      else current.lines.push(line);
    } else if (FENCE.test(line)) begin('pre');
    else if (line.trim() === '') open = null;
    else if (item) {
      const kind = item[1] === undefined ? 'ul' : 'ol';
      (current?.kind === kind ? current : begin(kind, Number(item[1] ?? 1))).lines.push(item[2] ?? '');
    } else if (heading) {
      begin('h').lines.push(heading[1] ?? '');
      open = null;
    } else if (current !== null && /^(ul|ol)$/.test(current.kind) && /^\s+\S/.test(line)) {
      current.lines.push(`${current.lines.pop()}\n${line.trim()}`);
    } else (current?.kind === 'p' ? current : begin('p')).lines.push(line);
  }
  return found;
}

/** @param {string} text @returns {Span[]} */
export function spans(text) {
  /** @type {Span[]} */
  const found = [];
  let at = 0;
  for (const match of text.matchAll(SPANS)) {
    const [whole, bold, code, label, target, bare] = match;
    if (match.index > at) found.push({ kind: 'text', text: text.slice(at, match.index) });
    at = match.index + whole.length;
    if (bold !== undefined) found.push({ kind: 'bold', text: bold });
    else if (code !== undefined) found.push({ kind: 'code', text: code });
    else if (target !== undefined) found.push({ kind: 'link', text: label ?? target, href: target });
    else {
      const href = address(bare ?? '');
      at = match.index + href.length;
      found.push({ kind: 'link', text: href, href });
    }
  }
  if (at < text.length) found.push({ kind: 'text', text: text.slice(at) });
  return found;
}

/** @param {string} bare @returns {string} without the punctuation after it */
function address(bare) {
  let end = bare.length;
  while (AFTER.includes(bare[end - 1] ?? ' ')) end -= 1;
  return bare.slice(0, end);
}

/** The text alone, as it is heard. @param {string} text @returns {string} */
export const plain = (text) => blocks(text)
  .map(({ kind, lines }) => (kind === 'pre' ? lines.join('\n') : heard(lines.join('\n')))).join('\n');

/** @param {string} text @returns {string} */
const heard = (text) => spans(text).map((span) => (span.kind === 'bold' ? heard(span.text) : span.text)).join('');

/** @type {WeakMap<Element, string>} what a block was made of: only those that changed are made anew */
const sources = new WeakMap();

/** Shows `text` in `node`. An answer that grows keeps its finished blocks. @param {HTMLElement} node @param {string} text */
export function show(node, text) {
  const wanted = blocks(text);
  wanted.forEach((block, n) => {
    const source = JSON.stringify(block);
    const shown = node.children[n];
    if (shown !== undefined && sources.get(shown) === source) return;
    const made = blockNode(block);
    sources.set(made, source);
    if (shown === undefined) node.append(made);
    else shown.replaceWith(made);
  });
  while (node.children.length > wanted.length) node.lastElementChild?.remove();
}

/** @param {Block} block @returns {HTMLElement} */
function blockNode({ kind, lines, start }) {
  if (kind === 'pre') return make('pre', { tabIndex: 0 }, make('code', {}, lines.join('\n')));
  if (kind === 'ul') return make('ul', { dir: 'auto' }, ...lines.map((line) => make('li', {}, ...inline(line))));
  if (kind === 'ol') return make('ol', { start, dir: 'auto' }, ...lines.map((line) => make('li', {}, ...inline(line))));
  return make('p', { dir: 'auto', className: kind }, ...inline(lines.join('\n')));
}

/** @param {string} text @returns {Node[]} */
function inline(text) {
  return spans(text).map((span) => {
    if (span.kind === 'text') return document.createTextNode(span.text);
    if (span.kind === 'code') return make('code', {}, span.text);
    if (span.kind === 'bold') return make('strong', {}, ...inline(span.text));
    const { href } = span;
    return make('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow', title: href }, span.text);
  });
}
