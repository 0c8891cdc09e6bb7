// The address bar is where a page keeps what it shows: #/market?day=2026-11-26&regulation=up. Every view has a permanent link.
import { signal } from '@preact/signals';

const read = () => {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path, query: Object.fromEntries(new URLSearchParams(query)) };
};
export const route = signal(read());
addEventListener('hashchange', () => {
  route.value = read();
});

export function link(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return `#/${path}${kept.length ? `?${new URLSearchParams(kept)}` : ''}`;
}
export const go = (path, query) => {
  location.hash = link(path, query);
};

// Change some parameters of the present page, without a new entry in the history.
export function set(changes) {
  const { path, query } = route.value;
  history.replaceState(null, '', link(path, { ...query, ...changes }));
  route.value = read();
}
