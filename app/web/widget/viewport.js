/**
 * Keeps a full-screen panel above the keyboard of a phone, which covers a page without resizing it. It must never act on
 * a page that was zoomed: who zooms wants to look around.
 */

/** @param {HTMLElement} node gets `--seen` and `--above`, in px @returns {() => void} ends it */
export function followViewport(node) {
  const view = globalThis.visualViewport;
  if (!view) return () => {};
  const follow = () => {
    const zoomed = view.scale > 1.01;
    for (const [name, value] of [['--seen', view.height], ['--above', view.offsetTop]]) {
      if (zoomed) node.style.removeProperty(String(name));
      else node.style.setProperty(String(name), `${value}px`);
    }
  };
  view.addEventListener('resize', follow);
  view.addEventListener('scroll', follow);
  follow();
  return () => {
    view.removeEventListener('resize', follow);
    view.removeEventListener('scroll', follow);
  };
}
