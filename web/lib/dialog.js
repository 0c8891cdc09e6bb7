// A dialog over the page: the browser's own, so that focus stays inside, Escape closes it, and it is read as what it is.
import { html, useEffect, useRef } from './html.js';

export function Dialog({ title, onClose, children, wide = false }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current,
      before = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-label=${title} onCancel=${(event) => {
    if (event.target !== dialog.current) return; // that of a file picker inside
    event.preventDefault();
    onClose();
  }}>
    <header><h2>${title}</h2><button class="quiet" onClick=${onClose} aria-label="Close">✕</button></header>
    <div class="body">${children}</div>
  </dialog>`;
}
