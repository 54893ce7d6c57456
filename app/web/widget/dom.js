/**
 * Elements, made by DOM calls alone. Text is put in as text; it must never be parsed as HTML, whoever wrote it.
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [set] properties; `role`, `lang`, `dir` and what has a dash as attributes
 * @param {...(Node|string|null)} inside
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, set = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...inside.filter((one) => one !== null));
  return made;
}

/** @param {string} className @param {string} label @param {() => void} act @param {...(Node|string)} inside */
export function button(className, label, act, ...inside) {
  const made = make('button', { type: 'button', className }, ...(inside.length > 0 ? inside : [label]));
  if (inside.length > 0) Object.assign(made, { ariaLabel: label, title: label });
  made.addEventListener('click', act);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A line drawing of 24 units, hidden from screen readers. @param {string} path */
export function icon(path) {
  const svg = document.createElementNS(SVG, 'svg');
  const line = document.createElementNS(SVG, 'path');
  for (const [name, value] of [['viewBox', '0 0 24 24'], ['aria-hidden', 'true']]) svg.setAttribute(name ?? '', value ?? '');
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

export const ICONS = Object.freeze({
  chat: 'M20 11.5a7.5 7.5 0 0 1-10.9 6.7L4 20l1.7-4.7A7.5 7.5 0 1 1 20 11.5Z',
  close: 'M6 6l12 12M18 6 6 18',
  down: 'M6 9l6 6 6-6',
  menu: 'M5 12h.01M12 12h.01M19 12h.01',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM5 20a7 7 0 0 1 14 0',
  send: 'M12 19V5M6 11l6-6 6 6',
  spark: 'M12 4l1.8 5.2L19 11l-5.2 1.8L12 18l-1.8-5.2L5 11l5.2-1.8Z',
});

/** Sets a text only where it changed, so that nothing is read out or laid out again for nothing.
 * @param {Element} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Draws; where that takes the focused element away, the focus goes on to another one: it must not fall out of the chat.
 * @param {HTMLElement} root @param {() => void} draw @param {() => void} next
 */
export function keepFocus(root, draw, next) {
  const active = focused(root);
  const held = root.contains(active) ? active : null;
  draw();
  if (held !== null && (!held.isConnected || held.closest('[hidden]'))) next();
}

/** What has the focus in the tree that `node` is of. @param {Node} node */
export const focused = (node) => /** @type {Document|ShadowRoot} */ (node.getRootNode()).activeElement;

/** Gives the shadow root around `node` a sheet, after the first `n`. @param {HTMLElement} node @param {string} style @param {number} n */
export function dress(node, style, n) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  const root = /** @type {ShadowRoot} */ (node.getRootNode());
  root.adoptedStyleSheets = [...root.adoptedStyleSheets.slice(0, n), sheet];
}
