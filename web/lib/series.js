// Time series of the market from all operations that give some: which there are, their values in a range of time, and values put on
// a common grid of time. Values are Float64Array, NaN: none.
import { all, call, isAllowed } from './api.js';
import { state } from './state.js';
import { day, dayRange, instantOf, iso, shiftDay, words } from './format.js';

const seconds = (instant) => Date.parse(instant) / 1000;
const period = () => state.area.value?.period_seconds ?? 900;
const currency = () => state.area.value?.currency ?? '';

// Requests are kept, so that a change of the choice or of the resolution reads nothing twice; four at a time.
const kept = new Map();
let running = 0;
const waiting = [];
export const forget = () => kept.clear();
async function turn(work) {
  if (running >= 4) await new Promise((go) => waiting.push(go));
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}
// A request belongs to all who wait for it: one who turns away breaks it off for nobody else.
function once(operation, params, signal, read = call) {
  const key = JSON.stringify([state.me.value?.user, state.behalf.value, operation, params]);
  if (!kept.has(key)) {
    const promise = turn(() =>
      signal.aborted ? Promise.reject(new DOMException('', 'AbortError')) : read(operation, params, undefined, {}),
    );
    kept.set(key, promise);
    promise.catch(() => kept.delete(key));
  }
  return kept.get(key);
}
// Pieces of a range that one request may ask for.
function pieces(from, to, most) {
  const out = [];
  for (let at = from; at < to; at += most) out.push([at, Math.min(to, at + most)].map((second) => iso(second * 1000)));
  return out;
}
async function inPieces(from, to, most, ask, told) {
  const parts = pieces(from, to, most);
  told(parts.length, 0);
  return Promise.all(
    parts.map(async (part) => {
      const answer = await ask(...part);
      told(0, 1);
      return answer;
    }),
  );
}
const points = (rows, time, value) => ({
  x: Float64Array.from(rows, (row) => seconds(row[time])),
  values: Float64Array.from(rows, (row) => (row[value] === null || row[value] === undefined ? NaN : Number(row[value]))),
});

const BOOK_DAYS = 92;
const FIGURES = {
  vwap: 'mean price',
  last: 'last price',
  high: 'highest price',
  low: 'lowest price',
  volume: 'traded',
  trades: 'number of trades',
};
const PRODUCT_UNIT = { active: 'MWh', reactive: 'Mvarh' };

// Each source: `list(signal)` -> [{key, title, unit, isSum, holds}] with isSum: adds up over time (energy), holds: a value counts until the next
// one; `read(key parts, from, to, signal, told)` -> {x, values}.
export const sources = [
  {
    id: 'meter',
    title: 'Meters',
    needs: 'list-meters',
    async list(signal) {
      const { items } = await all('list-meters', {}, { signal, most: 5000 });
      return items
        .filter((m) => m.area === state.area.value.id)
        .map((m) => ({ key: `meter:${m.id}`, title: m.name, unit: PRODUCT_UNIT[m.product], isSum: true }));
    },
    async read([meter], from, to, signal, told) {
      const ask = (begin, end) => once('get-readings', { meter, from: begin, until: end }, signal);
      const parts = await inPieces(from, to, 40 * 86400, ask, told);
      return points(
        parts.flatMap((part) => part.readings),
        'start',
        'energy',
      );
    },
  },
  {
    id: 'book',
    title: 'Prices and volumes of the live book',
    needs: 'get-statistics',
    note: `at most the last ${BOOK_DAYS} days of the range`,
    async list() {
      return ['active', 'reactive'].flatMap((product) =>
        ['up', 'down'].flatMap((regulation) =>
          Object.entries(FIGURES).map(([figure, title]) => ({
            key: `book:${product}:${regulation}:${figure}`,
            title: `${words(product)} ${regulation}, ${title}`,
            unit:
              figure === 'volume'
                ? product === 'active'
                  ? 'MW'
                  : 'Mvar'
                : figure === 'trades'
                  ? 'trades'
                  : `${currency()}/${PRODUCT_UNIT[product]}`,
            isSum: figure === 'trades',
          })),
        ),
      );
    },
    async read([product, regulation, figure], from, to, signal, told) {
      const area = state.area.value.id,
        ask = (begin, end) => once('get-statistics', { area, product, regulation, from: begin, to: end }, signal);
      const parts = await inPieces(Math.max(from, to - BOOK_DAYS * 86400), to, 96 * period(), ask, told);
      return points(
        parts.flatMap((part) => part.periods),
        'start',
        figure,
      );
    },
  },
  {
    id: 'auction',
    title: 'Prices of auctions',
    needs: 'list-auction-prices',
    async list(signal) {
      const area = state.area.value.id,
        latest = (await all('list-auctions', { area }, { signal })).items.filter((a) => a.result).at(0);
      if (!latest) return [];
      const { items } = await all('list-auction-prices', { area, auction: latest.id }, { signal, most: 20000 });
      const places = new Map(items.map((p) => [`${p.product}:${p.place}`, p]));
      return [...places.values()].map((p) => ({
        key: `auction:${p.product}:${p.place}`,
        title: `Auctions, ${words(p.product).toLowerCase()}, ${state.locations.value.find((l) => l.id === p.place)?.name ?? p.place}`,
        unit: `${currency()}/${PRODUCT_UNIT[p.product]}`,
      }));
    },
    async read([product, place], from, to, signal, told) {
      const area = state.area.value.id,
        auctions = (await all('list-auctions', { area }, { signal })).items.filter(
          (a) => a.result && seconds(a.start) < to && seconds(a.start) + a.periods * period() > from,
        );
      told(auctions.length, 0);
      const found = await Promise.all(
        auctions.map(async (a) => {
          const readAll = (id, params, _, options) => all(id, params, { ...options, most: 200000 });
          const { items } = await once('list-auction-prices', { area, auction: a.id }, signal, readAll);
          told(0, 1);
          return items.filter((p) => p.product === product && p.place === place);
        }),
      );
      return points(
        found.flat().sort((a, b) => (a.start < b.start ? -1 : 1)),
        'start',
        'price',
      );
    },
  },
  {
    id: 'agent',
    title: 'Data of other markets',
    needs: 'list-market-agents',
    async list(signal) {
      const { items } = await all('list-market-agents', {}, { signal });
      return items.map((a) => ({ key: `agent:${a.id}`, title: `${a.name} (${a.source})`, unit: a.unit, holds: true }));
    },
    async read([agent], from, to, signal, told) {
      const ask = (begin, end) => once('list-market-values', { market_agent: agent, from: begin, to: end }, signal);
      const parts = await inPieces(from, to, 31 * 86400, ask, told);
      return points(
        parts.flatMap((part) => part.items),
        'time',
        'value',
      );
    },
  },
  {
    id: 'point',
    title: 'Forecasts and plans of the grid (operating points)',
    needs: 'list-operating-points',
    async list(signal) {
      const { items } = await all('list-operating-points', { area: state.area.value.id }, { signal });
      const known = items.filter((o) => o.values_version > 0);
      const versions = await Promise.all(
        known.map((o) => once('get-operating-values', { operating_point: o.id, version: o.values_version }, signal)),
      );
      return known.flatMap((o, i) =>
        versions[i].values.flatMap((value) => {
          const place = value.bus !== null ? `bus ${value.bus}` : (value.asset ?? value.portfolio);
          return ['p', 'q']
            .filter((of) => value[of])
            .map((of) => ({
              key: `point:${o.id}:${o.values_version}:${of}:${value.bus ?? value.asset ?? value.portfolio}`,
              title: `${o.name}, ${place}${of === 'q' ? ', reactive' : ''}`,
              unit: of === 'p' ? 'MW' : 'Mvar',
            }));
        }),
      );
    },
    async read([point, version, of, ...place], from, to, signal, told) {
      told(1, 0);
      const answer = await once('get-operating-values', { operating_point: point, version: Number(version) }, signal),
        value = answer.values.find((v) => (v.bus ?? v.asset ?? v.portfolio) === place.join(':')),
        start = seconds(answer.start);
      told(0, 1);
      const values = value?.[of] ?? [];
      const first = Math.max(0, Math.ceil((from - start) / period())),
        end = Math.min(values.length, Math.ceil((to - start) / period()));
      const shown = end > first ? values.slice(first, end) : [];
      return {
        x: Float64Array.from(shown, (_, i) => start + (first + i) * period()),
        values: Float64Array.from(shown, Number),
      };
    },
  },
];
export const allowedSources = () => sources.filter((s) => isAllowed(s.needs, state.me.value));
export function readSeries(key, from, to, signal, told) {
  const [source, ...rest] = key.split(':');
  return sources.find((s) => s.id === source).read(rest, from, to, signal, told);
}

// Steps of the grid: seconds, or local days, weeks (from Monday), months.
export const STEPS = [
  ['period', 'delivery period'],
  ['1800', '30 minutes'],
  ['3600', 'hour'],
  ['14400', '4 hours'],
  ['day', 'day'],
  ['week', 'week'],
  ['month', 'month'],
];
// Begins of the steps of [from, to) and, at the end, `to`.
export function gridOf(firstDay, lastDay, step) {
  const from = instantOf(firstDay).getTime() / 1000,
    to = dayRange(lastDay)[1].getTime() / 1000;
  const begins = [];
  if (step === 'day' || step === 'week' || step === 'month') {
    for (let date = firstDay; date <= lastDay; date = shiftDay(date, 1)) {
      const isBegin =
        step === 'day' || (step === 'week' ? new Date(`${date}T12:00:00Z`).getUTCDay() === 1 : date.endsWith('-01'));
      if (isBegin || begins.length === 0) begins.push(instantOf(date).getTime() / 1000);
    }
  } else {
    const length = step === 'period' ? period() : Number(step);
    for (let at = from; at < to; at += length) begins.push(at);
  }
  return { x: Float64Array.from(begins), to };
}

// Values on the grid: of each step the sum, mean, least or most of what lies in it. A value that `holds` counts in the steps until the next one.
export function onGrid(grid, { x, values }, how, holds) {
  const out = new Float64Array(grid.x.length).fill(NaN);
  let at = 0,
    held = NaN;
  for (let step = 0; step < out.length; step++) {
    const begin = grid.x[step],
      end = step + 1 < out.length ? grid.x[step + 1] : grid.to;
    while (at < x.length && x[at] < begin) at++;
    let count = 0,
      result = NaN;
    for (; at < x.length && x[at] < end; at++) {
      const value = values[at];
      if (Number.isNaN(value)) continue;
      count++;
      held = value;
      if (count === 1) result = value;
      else if (how === 'min') result = Math.min(result, value);
      else if (how === 'max') result = Math.max(result, value);
      else result += value;
    }
    if (count) out[step] = how === 'mean' ? result / count : result;
    else if (holds && at < x.length) out[step] = held;
  }
  return out;
}
export const today = () => day(Date.now());
