// The transmission system operator's view: what a control area offers in sum, its baselines and forecasts, what was forwarded to the
// balancing market, and the own requests in all areas.
import { html, useMemo } from '../lib/html.js';
import { all, call, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, columnsOf } from '../lib/table.js';
import { Chart, numbers } from '../lib/chart.js';
import { DayPicker, chosenDay } from '../lib/day.js';
import { route, set, link } from '../lib/route.js';
import { state, has } from '../lib/state.js';
import { clock, day, dayRange, iso, number, words } from '../lib/format.js';

const best = (side) => side.merit_order[0]?.price ?? '';

function MeritOrder({ period, currency }) {
  const rows = ['up', 'down'].flatMap((regulation) => {
    let sum = 0;
    return period[regulation].merit_order.map((step) => ({ regulation, ...step, sum: (sum += Number(step.quantity)) }));
  });
  const columns = [
    { name: 'regulation', title: 'Direction', value: (r) => r.regulation, show: (r) => words(r.regulation) },
    { name: 'price', title: `${currency}/MWh`, numeric: true, value: (r) => r.price, show: (r) => number(r.price) },
    { name: 'quantity', title: 'MW', numeric: true, value: (r) => r.quantity, show: (r) => number(r.quantity) },
    { name: 'sum', title: 'Sum, MW', numeric: true, value: (r) => r.sum, show: (r) => number(Number(r.sum.toFixed(6))) },
  ];
  const of = (regulation) => rows.filter((r) => r.regulation === regulation);
  return html`<section class="opened"><header class="page"><h2>Merit order at ${clock(period.start)}</h2><button class="quiet"
    onClick=${() => set({ period: '' })}>Close</button></header>
    <div class="grid-views">${['up', 'down'].map(
      (
        regulation,
      ) => html`<div><h3>${words(regulation)}</h3><${Table} name=${`merit-order-${regulation}`} columns=${columns.slice(1)} rows=${of(regulation)}
        keyOf=${(r) => r.price} empty="Nothing is offered." /></div>`,
    )}</div></section>`;
}

function OneArea({ control }) {
  const area = state.area.value,
    query = route.value.query,
    date = chosenDay();
  const [from, to] = useMemo(() => dayRange(date).map(iso), [date, area.id]);
  const data = useData(
    async (signal) => {
      const read = (id) => call(id, { area: area.id, control_area: control, from, to }, undefined, { signal });
      const [offers, outlook, bids] = await Promise.all(
        ['get-control-area-offers', 'get-control-area-outlook', 'get-forwarding-summary'].map(read),
      );
      const later = new Map(outlook.periods.map((p) => [p.start, p]));
      return { periods: offers.periods.map((p) => ({ ...later.get(p.start), ...p })), bids: bids.items };
    },
    [area.id, control, from],
    { events: /^order|^trade|^forwarding|^gate/, every: 3000 },
  );
  const side = (regulation, field, title) => ({
    name: `${regulation}_${field}`,
    title,
    numeric: true,
    value: (p) => p[regulation][field],
    show: (p) => (Number(p[regulation][field]) ? number(p[regulation][field]) : '–'),
  });
  const columns = [
    { name: 'start', title: 'Period', value: (p) => p.start, show: (p) => clock(p.start) },
    side('up', 'volume', 'Up, MW'),
    side('up', 'forwardable', 'of it forwardable'),
    { name: 'up_best', title: 'Best up', numeric: true, value: (p) => best(p.up), show: (p) => number(best(p.up)) || '–' },
    side('down', 'volume', 'Down, MW'),
    side('down', 'forwardable', 'of it forwardable'),
    {
      name: 'down_best',
      title: 'Best down',
      numeric: true,
      value: (p) => best(p.down),
      show: (p) => number(best(p.down)) || '–',
    },
    {
      name: 'baseline',
      title: 'Baselines, MW',
      numeric: true,
      value: (p) => p.baseline ?? '',
      show: (p) => (p.baselines ? html`${number(p.baseline)} <small>of ${p.baselines}</small>` : '–'),
    },
    {
      name: 'forecast',
      title: 'Forecasts, MW',
      numeric: true,
      value: (p) => p.forecast ?? '',
      show: (p) => (p.forecasts ? html`${number(p.forecast)} <small>of ${p.forecasts}</small>` : '–'),
    },
  ];
  return html`<${Loaded} data=${data}>${({ periods, bids }) => {
    const values = (of) => numbers(periods.map(of)),
      opened = periods.find((p) => p.start === query.period);
    const series = [
      { label: 'Up', values: values((p) => p.up.volume), style: 'step' },
      { label: 'Down', values: values((p) => -Number(p.down.volume)), style: 'step' },
      {
        label: 'Up, forwardable',
        values: values((p) => p.up.forwardable),
        style: 'step',
        isHidden: periods.every((p) => !Number(p.up.forwardable)),
      },
      {
        label: 'Down, forwardable',
        values: values((p) => -Number(p.down.forwardable)),
        style: 'step',
        isHidden: periods.every((p) => !Number(p.down.forwardable)),
      },
      { label: 'Baselines', values: values((p) => (p.baselines ? p.baseline : null)), style: 'step' },
    ].filter((s) => !s.isHidden);
    const isQuiet = periods.every((p) => !p.up.offers && !p.down.offers && !p.baselines);
    return html`
      <h2 class="hidden">Over the day</h2>${
        isQuiet
          ? html`<p class="empty">Nothing is offered for this day, and no baselines are there. Look at another day.</p>`
          : html`<${Chart}
        name="control-area" title=${`Offers of ${control}: up above, down below zero`} unit="MW"
          x=${numbers(periods.map((p) => new Date(p.start).getTime() / 1000))} series=${series} />`
      }
      ${opened && html`<${MeritOrder} period=${opened} currency=${area.currency} />`}
      <section><h2>Periods</h2><p class="note">Enter opens the merit order of a period.</p><${Table} name="control-area" columns=${columns}
        rows=${periods} keyOf=${(p) => p.start} onOpen=${(p) => set({ period: p.start })} empty="No periods." /></section>
      <section><h2>Forwarded to the balancing market</h2><${Table} name="forwarding-summary"
        columns=${columnsOf(itemSchema('get-forwarding-summary'))} rows=${bids} keyOf=${(b) => `${b.start} ${b.regulation} ${b.state}`}
        empty="Nothing was forwarded for this day." /><p><a href=${link('forwardings')}>Single bids</a> · <a
          href=${link('balancing-markets')}>Connection to the balancing market</a></p></section>`;
  }}<//>`;
}

function OwnRequests() {
  const data = useData(async (signal) => (await call('list-own-requests', {}, undefined, { signal })).items, [], {
    events: /^order|^trade/,
    every: 1000,
  });
  const columns = columnsOf(itemSchema('list-own-requests'), [
    'order',
    'area',
    'location',
    'product',
    'regulation',
    'kind',
    'start',
    'price',
    'remaining',
  ]);
  return html`<section><h2>Own open requests, all areas</h2><${Loaded} data=${data}>${(
    rows,
  ) => html`<${Table} name="own-requests" columns=${columns} rows=${rows} keyOf=${(r) => r.order}
    onOpen=${(r) => {
      location.hash = link('orders', { open: r.order });
    }} empty="No open requests." />`}<//>
    <p class="note">Ask for flexibility at a location from <a href=${link('grid')}>the map</a> or in <a
      href=${link('market')}>the live book</a>.</p></section>`;
}

export function ControlArea() {
  const me = state.me.value,
    query = route.value.query;
  const names = useMemo(() => {
    const seesAll = has('fmo', 'regulator');
    const mine = state.locations.value.filter(
      (l) =>
        l.control_area &&
        l.status === 'published' &&
        (seesAll || l.operator === me.organisation || l.priority === me.organisation),
    );
    return [...new Set(mine.map((l) => l.control_area))].sort();
  }, [state.locations.value, me]);
  if (!state.area.value) return html`<h1>Control area</h1><p class="empty">There is no market area yet.</p>`;
  const control = names.includes(query.control) ? query.control : names[0];
  return html`<header class="page"><h1>Control area</h1><div class="tools">
      ${
        names.length > 1 &&
        html`<label>Control area <select value=${control} onChange=${(e) => set({ control: e.target.value })}>
        ${names.map((n) => html`<option value=${n}>${n}</option>`)}</select></label>`
      }
      <${DayPicker} also=${{ period: '' }} /></div></header>
    ${
      control
        ? html`<${OneArea} key=${control} control=${control} />`
        : html`<p class="empty">You have no control area here: it needs a published location that names it and that you operate or have priority at.
            <a href=${link('locations')}>Publish a location</a> for the connection to your grid.</p>`
    }
    ${isAllowed('list-own-requests', me) && me.roles.some((r) => r === 'tso' || r === 'dso') && html`<${OwnRequests} />`}`;
}
