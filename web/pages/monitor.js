// The market at a glance for who answers for it: per area what is open, ordered, traded; feeds and how stale they are; halts, limits,
// and what waits for a second pair of eyes.
import { html, useMemo } from '../lib/html.js';
import { all, call, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge, columnsOf } from '../lib/table.js';
import { Chart, numbers } from '../lib/chart.js';
import { DayPicker, chosenDay } from '../lib/day.js';
import { Halts } from './emergency.js';
import { age, freshness, useMinute } from './outlook.js';
import { link } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { dayRange, iso, moment, number, words } from '../lib/format.js';

const short = (value, places = 3) => number(String(Number(value.toFixed(places))));
const DIRECTIONS = ['up', 'down'];

async function readArea(area, date, me, signal) {
  const [from, to] = dayRange(date, area.time_zone).map(iso),
    hours = area.period_seconds / 3600;
  const list = (id, params, most = 20000) =>
    isAllowed(id, me) ? all(id, { area: area.id, ...params }, { signal, most }).then((a) => a.items) : Promise.resolve(null);
  const each = (id) =>
    Promise.all(
      DIRECTIONS.map((regulation) => call(id, { area: area.id, product: 'active', regulation, from, to }, undefined, { signal })),
    );
  const [books, statistics, orders, trades, halts, points, network] = await Promise.all([
    each('get-book'),
    each('get-statistics'),
    list('list-orders', { status: 'open' }),
    list('list-trades', { from, to }),
    list('list-halts'),
    list('list-operating-points'),
    call('get-network-state', { area: area.id }, undefined, { signal }),
  ]);
  const newest = trades.reduce((last, t) => (!last || t.time > last.time ? t : last), null);
  return {
    ...area,
    statistics,
    points,
    network,
    openPeriods: books[0].periods.filter((p) => p.open).length,
    offered: books.map(
      (b) => b.periods.reduce((sum, p) => sum + p.offers.reduce((s, o) => s + Number(o.quantity), 0), 0) * hours,
    ),
    requested: books.map(
      (b) => b.periods.reduce((sum, p) => sum + p.requests.reduce((s, o) => s + Number(o.quantity), 0), 0) * hours,
    ),
    openOrders: orders?.length ?? null,
    trades: trades.length,
    volume: trades.filter((t) => t.product === 'active').reduce((sum, t) => sum + Number(t.quantity), 0) * hours,
    last: newest,
    halts: halts.length,
    staleFeeds: (points ?? []).filter((p) => freshness(p)[0] === 'bad').length,
    blocked: network.periods.filter((p) => p.check === 'blocked').length,
  };
}

export function Monitor() {
  const me = state.me.value,
    date = chosenDay(),
    chosen = state.area.value;
  useMinute();
  const data = useData(
    async (signal) => {
      const whole = (id) => (isAllowed(id, me) ? all(id, {}, { signal }).then((a) => a.items) : Promise.resolve(null));
      const [areas, agents, approvals, users, limits] = await Promise.all([
        Promise.all(state.areas.value.map((area) => readArea(area, date, me, signal))),
        whole('list-market-agents'),
        whole('list-approvals'),
        whole('list-users'),
        chosen ? all('list-limits', { area: chosen.id }, { signal }).then((a) => a.items) : [],
      ]);
      return { areas, agents, approvals, users: new Map((users ?? []).map((u) => [u.id, u.name])), limits };
    },
    [date, chosen?.id, state.areas.value.length],
    { events: /^order|^trade|^gate|^trading|^limit|^network/, every: 5000 },
  );
  const columns = [
    { name: 'name', title: 'Area', value: (a) => a.name, show: (a) => a.name },
    { name: 'open', title: 'Open periods', numeric: true, value: (a) => a.openPeriods, show: (a) => number(a.openPeriods) },
    {
      name: 'orders',
      title: 'Open orders',
      numeric: true,
      value: (a) => a.openOrders ?? '',
      show: (a) => number(a.openOrders) || '–',
    },
    {
      name: 'requested',
      title: 'Requested, MWh',
      numeric: true,
      value: (a) => a.requested[0] + a.requested[1],
      show: (a) => short(a.requested[0] + a.requested[1]),
    },
    {
      name: 'offered',
      title: 'Offered, MWh',
      numeric: true,
      value: (a) => a.offered[0] + a.offered[1],
      show: (a) => short(a.offered[0] + a.offered[1]),
    },
    { name: 'trades', title: 'Trades', numeric: true, value: (a) => a.trades, show: (a) => number(a.trades) },
    { name: 'volume', title: 'Traded, MWh', numeric: true, value: (a) => a.volume, show: (a) => short(a.volume) },
    {
      name: 'last',
      title: 'Last price',
      numeric: true,
      value: (a) => a.last?.price ?? '',
      show: (a) => (a.last ? `${number(a.last.price)} ${words(a.last.regulation).toLowerCase()}` : '–'),
    },
    {
      name: 'halts',
      title: 'Halts',
      numeric: true,
      value: (a) => a.halts,
      show: (a) => (a.halts ? html`<span class="badge bad">${a.halts}</span>` : '0'),
    },
    {
      name: 'stale',
      title: 'Stale',
      numeric: true,
      value: (a) => a.staleFeeds,
      show: (a) => (a.staleFeeds ? html`<span class="badge bad">${a.staleFeeds}</span>` : '0'),
    },
    {
      name: 'mode',
      title: 'Grid check',
      value: (a) => a.network.mode,
      show: (a) =>
        a.blocked ? html`${words(a.network.mode)} <span class="badge bad">${a.blocked} blocked</span>` : words(a.network.mode),
    },
  ];
  return html`<header class="page"><h1>Market monitor</h1><div class="tools"><${DayPicker} /></div></header>
    <${Loaded} data=${data}>${({ areas, agents, approvals, users, limits }) => {
      const here = areas.find((a) => a.id === chosen?.id);
      const waiting = (approvals ?? []).filter((a) => a.status === 'open');
      const feeds = [
        ...(agents ?? []).map((a) => ({
          id: a.id,
          name: a.name,
          kind: 'Market data',
          of: a.source,
          entered: a.fetched_at,
          state: a.stale || a.failing_since ? 'bad' : 'good',
          note: a.failure ?? (a.stale ? 'stale' : a.fetched_at ? `${age(a.fetched_at)} old` : 'never fetched'),
        })),
        ...areas.flatMap((area) =>
          (area.points ?? []).map((p) => ({
            id: p.id,
            name: p.name,
            kind: `${words(p.origin)}, ${area.name}`,
            of: organisationName(p.organisation),
            entered: p.values_entered,
            state: freshness(p)[0],
            note: freshness(p)[1],
          })),
        ),
      ];
      return html`<${Table} name="areas" columns=${columns} rows=${areas} keyOf=${(a) => a.id} empty="There is no market area yet."
          onOpen=${(a) => {
            state.areaId.value = a.id;
          }} />
        ${here && html`<${Day} area=${here} />`}
        ${
          approvals &&
          html`<section><h2>Waits for a second pair of eyes: ${waiting.length}</h2><${Table} name="pending-approvals" rows=${waiting}
            keyOf=${(a) => a.id} empty="Nothing waits."
          onOpen=${(a) => {
            location.hash = link('queue', { open: a.id });
          }} columns=${[
            { name: 'action', title: 'What', value: (a) => a.action, show: (a) => words(a.action) },
            { name: 'object', title: 'Of', value: (a) => a.object, show: (a) => a.object },
            {
              name: 'asked_by',
              title: 'Asked by',
              value: (a) => users.get(a.asked_by) ?? a.asked_by,
              show: (a) =>
                `${users.get(a.asked_by) ?? a.asked_by}${a.asked_by === me.user ? ' (you: somebody else decides)' : ''}`,
            },
            { name: 'asked', title: 'When', value: (a) => a.asked, show: (a) => moment(a.asked) },
            { name: 'age', title: 'Waits for', value: (a) => a.asked, show: (a) => age(a.asked) },
          ]} /></section>`
        }
        <section><h2>Feeds</h2><${Table} name="feeds" rows=${feeds} keyOf=${(f) => f.id}
          empty="No feeds: nothing is fetched from other markets, and nobody delivers forecasts."
          columns=${[
            { name: 'id', title: 'Id', value: (f) => f.id, show: (f) => f.id },
            { name: 'name', title: 'Name', value: (f) => f.name, show: (f) => f.name },
            { name: 'kind', title: 'Kind', value: (f) => f.kind, show: (f) => f.kind },
            { name: 'of', title: 'From', value: (f) => f.of, show: (f) => f.of },
            { name: 'entered', title: 'Last', value: (f) => f.entered ?? '', show: (f) => (f.entered ? moment(f.entered) : '–') },
            {
              name: 'freshness',
              title: 'Freshness',
              value: (f) => f.note,
              show: (f) => html`<span class=${`badge ${f.state}`}>${f.note}</span>`,
            },
          ]} /></section>
        ${chosen && html`<${Halts} />`}
        <section><h2>Limits of ${chosen?.name}</h2><${Table} name="limits" rows=${limits}
          keyOf=${(l) => `${l.organisation} ${l.product} ${l.regulation}`} columns=${columnsOf(itemSchema('list-limits'))}
          empty="No limits beside those of the area." /><p><a href=${link('limits')}>Propose or set a limit</a></p></section>`;
    }}<//>`;
}

// Volume and prices over the day's periods.
function Day({ area }) {
  const shaped = useMemo(() => {
    const [up, down] = area.statistics.map((s) => s.periods);
    return {
      x: numbers(up.map((p) => new Date(p.start).getTime() / 1000)),
      volumes: [
        { label: 'Up', values: numbers(up.map((p) => p.volume)), style: 'bar' },
        { label: 'Down', values: numbers(down.map((p) => -Number(p.volume))), style: 'bar' },
      ],
      prices: [
        { label: 'Up, volume-weighted', values: numbers(up.map((p) => p.vwap)), style: 'step' },
        { label: 'Down, volume-weighted', values: numbers(down.map((p) => p.vwap)), style: 'step' },
      ],
    };
  }, [area.statistics]);
  return html`<h2 class="hidden">The day of ${area.name}</h2><div class="grid-views">
    <${Chart} name="volume" title=${`${area.name}: traded, up above, down below zero`} unit="MW" x=${shaped.x} series=${shaped.volumes}
      sync="monitor" height=${220} />
    <${Chart} name="prices" title="Prices" unit=${`${area.currency}/MWh`} x=${shaped.x} series=${shaped.prices} sync="monitor" height=${220} />
      </div>`;
}
