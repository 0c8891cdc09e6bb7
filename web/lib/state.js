// What all pages share: who is logged in, the market area, the theme, what has to be told.
import { signal, computed, effect } from '@preact/signals';

const kept = (name, otherwise) => {
  const value = signal(localStorage.getItem(`flexgrid.${name}`) ?? otherwise);
  effect(() => {
    localStorage.setItem(`flexgrid.${name}`, value.value ?? '');
  });
  return value;
};

// Kept for this tab alone, so that nobody acts for another one unawares.
const keptHere = (name) => {
  const value = signal(sessionStorage.getItem(`flexgrid.${name}`) ?? '');
  effect(() => {
    sessionStorage.setItem(`flexgrid.${name}`, value.value);
  });
  return value;
};

const me = signal(null); // of get-me; null: nobody. `organisation` is the party: when one acts for another, that one; `agent` is then the own
const areas = signal([]);
const areaId = kept('area', '');
export const state = {
  me,
  areas,
  areaId,
  server: signal(null),
  organisations: signal(new Map()), // id -> name, of those that may be seen
  locations: signal([]),
  area: computed(() => areas.value.find((a) => a.id === areaId.value) ?? areas.value[0] ?? null),
  theme: kept('theme', 'system'),
  hasEntered: kept('entered', ''), // a session may be there: without the mark the first page does not ask
  behalf: keptHere('behalf'), // organisation that one acts for; its id
  mandates: signal([]), // of those that one's organisation acts for
  connection: signal('off'), // of the event stream: off, live, lost
  isExpired: signal(false), // the session has ended: the log-in stands over the page until there is a new one
  notices: signal([]), // {id, kind: done | wrong | news, text, detail}
};

effect(() => {
  document.documentElement.dataset.theme = state.theme.value;
});

let nextNotice = 1;
export function notify(kind, text, detail = '') {
  const notice = { id: nextNotice++, kind, text, detail };
  state.notices.value = [...state.notices.value.slice(-4), notice];
  if (kind !== 'wrong') setTimeout(() => dismiss(notice.id), 6000);
}
export const dismiss = (id) => {
  state.notices.value = state.notices.value.filter((n) => n.id !== id);
};

export const locationName = (id) => state.locations.value.find((l) => l.id === id)?.name ?? id;
export const organisationName = (id) => state.organisations.value.get(id) ?? id;
export const has = (...roles) => roles.some((role) => state.me.value?.roles.includes(role));
