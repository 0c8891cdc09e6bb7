// Auctions: the list, and one auction from its announcement to its result. What of the result somebody sees, the API decides; parts that it
// refuses are left out.
import { html, useState, useEffect, useMemo } from '../lib/html.js';
import { all, call, isAllowed, itemSchema, request, schemaOf } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Chart, numbers, shortNumber } from '../lib/chart.js';
import { Table, columnsOf, badge, show } from '../lib/table.js';
import { Form } from '../lib/form.js';
import { Dialog } from '../lib/dialog.js';
import { Action, Resource } from '../lib/resource.js';
import { Details, Loaded } from '../lib/parts.js';
import { BusValues, LocationValues, ShadeKey } from '../lib/places.js';
import { route, set, link } from '../lib/route.js';
import { state, locationName, has } from '../lib/state.js';
import { clock, day, iso, moment, number, words } from '../lib/format.js';
import { resources } from './resources.js';

const LIST = resources.find((r) => r.path === 'auctions');
const PARTS = ['energy', 'loss', 'congestion', 'voltage', 'zone'];
const UNIT = { active: 'MWh', reactive: 'Mvarh' };
const MOST_LINES = 20;
const quiet = (fallback) => (problem) => {
  if (problem.name === 'AbortError' || (problem.status !== 403 && problem.status !== 404 && problem.status !== 409))
    throw problem;
  return fallback;
};
const at = (start) => `${day(start)} ${clock(start)}`;
const placeName = (place) => (place === 'market' ? 'Outside' : locationName(place));
const endOf = (auction) => iso(Date.parse(auction.start) + auction.periods * 1000 * (state.area.value?.period_seconds ?? 900));
const isOver = (auction) => Boolean(auction.result);

// ---- how far it is ----
const until = (instant, now) => {
  const minutes = Math.round((Date.parse(instant) - now) / 60000);
  return minutes < 1 ? 'in less than a minute' : minutes < 120 ? `in ${minutes} minutes` : `in ${Math.round(minutes / 60)} hours`;
};
function Progress({ auction, onEnd }) {
  const [now, setNow] = useState(Date.now()),
    [run, setRun] = useState(null);
  const isClearing = auction.status === 'closed';
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (!isClearing || !auction.run || !isAllowed('get-run', state.me.value)) return undefined;
    const look = async () => {
      const found = await call('get-run', { run: auction.run }).catch(() => null);
      setRun(found);
      if (found && !['queued', 'running'].includes(found.state)) onEnd();
    };
    look();
    const timer = setInterval(look, 700);
    return () => clearInterval(timer);
  }, [auction.run, isClearing]);
  if (auction.status === 'scheduled') return html`<p>Opens ${until(auction.opening, now)}, at ${moment(auction.opening)}.</p>`;
  if (auction.status === 'open')
    return html`<p>Takes sealed orders; closes ${until(auction.closure, now)}, at ${moment(auction.closure)}.</p>`;
  if (!isClearing)
    return auction.cause ? html`<div class="problem"><b>${words(auction.status)}</b> ${auction.cause}</div>` : null;
  return html`<p role="status">Sealed; it is being cleared.${run && html` ${words(run.phase || run.state)}, ${run.progress} %`}</p>
    <progress class="wide" max="100" value=${run ? run.progress : undefined} aria-label="Progress of the clearing"></progress>`;
}

// ---- prices ----
function pricesOf(items, product) {
  const own = items.filter((p) => p.product === product),
    starts = [...new Set(own.map((p) => p.start))].sort(),
    index = new Map(starts.map((start, i) => [start, i]));
  const places = new Map();
  for (const item of own) {
    if (!places.has(item.place))
      places.set(
        item.place,
        Object.fromEntries(['price', ...PARTS].map((part) => [part, new Float64Array(starts.length).fill(NaN)])),
      );
    for (const part of ['price', ...PARTS]) places.get(item.place)[part][index.get(item.start)] = Number(item[part]);
  }
  return { starts, x: Float64Array.from(starts, (s) => Date.parse(s) / 1000), places, items: own };
}
const meanOf = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const dearest = (places) =>
  [...places.keys()].reduce((a, b) => (meanOf(places.get(b).price) > meanOf(places.get(a).price) ? b : a));
// Not more lines than can be told apart: the lowest, the highest, and some between by their mean; the chosen one in any case.
function shownPlaces(places, chosen) {
  const names = [...places.keys()];
  if (names.length <= MOST_LINES) return names;
  const sorted = names.sort((a, b) => meanOf(places.get(a).price) - meanOf(places.get(b).price)),
    kept = new Set([
      chosen,
      ...Array.from({ length: MOST_LINES - 1 }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (MOST_LINES - 2))]),
    ]);
  return sorted.filter((name) => kept.has(name));
}

// `physics`: none means that places are locations, otherwise buses.
export function Prices({ id, physics, items, network }) {
  const query = route.value.query,
    products = [...new Set(items.map((p) => p.product))],
    product = products.includes(query.product) ? query.product : products[0];
  const prices = useMemo(() => pricesOf(items, product), [items, product]),
    names = [...prices.places.keys()];
  const place = prices.places.has(query.place) ? query.place : dearest(prices.places),
    index = Math.max(0, prices.starts.indexOf(query.at));
  const unit = `${state.area.value?.currency}/${UNIT[product]}`,
    lines = useMemo(
      () =>
        shownPlaces(prices.places, place).map((n) => ({
          label: placeName(n),
          values: prices.places.get(n).price,
          style: 'step',
        })),
      [prices, place],
    ),
    parts = useMemo(
      () =>
        [...PARTS, 'price'].map((part) => ({
          label: part === 'price' ? 'Price, their sum' : words(part),
          values: prices.places.get(place)[part],
          style: 'step',
        })),
      [prices, place],
    );
  const values = useMemo(() => new Map(names.map((n) => [n, prices.places.get(n).price[index]])), [prices, index]);
  const range = useMemo(() => {
    const every = names.filter((n) => n !== 'market').flatMap((n) => [...prices.places.get(n).price]);
    return [every.reduce((a, b) => Math.min(a, b), Infinity), every.reduce((a, b) => Math.max(a, b), -Infinity)];
  }, [prices]);
  const rows = prices.items.filter((p) => p.start === prices.starts[index]);
  const columns = columnsOf(itemSchema('list-auction-prices'), ['place', 'price', ...PARTS]);
  columns[0].show = (row) => placeName(row.place);
  columns[0].title = physics === 'none' ? 'Location' : 'Bus';
  const isBuses = physics !== 'none',
    isCut = names.length > MOST_LINES;
  const picture = { values, range, text: (v) => number(Number(v.toFixed(2))), title: `Prices at ${at(prices.starts[index])}` };
  return html`<section aria-labelledby="prices"><h2 id="prices">Prices</h2>
    <div class="tools no-print">${
      products.length > 1 &&
      html`<label>Product <select value=${product} onChange=${(e) => set({ product: e.target.value })}>${products.map(
        (p) => html`<option
        value=${p}>${words(p)}</option>`,
      )}</select></label>`
    }
      <label>Parts at <select value=${place} onChange=${(e) => set({ place: e.target.value })}>${names.map(
        (n) => html`<option
        value=${n}>${placeName(n)}</option>`,
      )}</select></label></div>
    <div class="charts"><${Chart} name=${`${id}-prices`} title="Price by place" unit=${unit} x=${prices.x} series=${lines} sync=${id}
        note=${isCut ? `${lines.length} of ${names.length} places, from the lowest to the highest mean; the table below has all.` : ''} />
      <${Chart} name=${`${id}-parts`} title=${`Parts of the price at ${placeName(place)}`} unit=${unit} x=${prices.x} series=${parts}
        sync=${id} /></div>
    <div class="tools"><label class="grow slider"><span>${at(prices.starts[index])}</span><input type="range" min="0"
      max=${prices.starts.length - 1} value=${index}
      aria-label="Delivery period" aria-valuetext=${at(prices.starts[index])}
        onInput=${(e) => set({ at: prices.starts[Number(e.target.value)] })} /></label></div>
    ${
      isBuses
        ? network?.buses && html`<${BusValues} network=${network} ...${picture} />`
        : html`<${LocationValues} locations=${state.locations.value} ...${picture} />`
    }
    ${(!isBuses || network?.buses) && html`<${ShadeKey} range=${range} text=${(v) => `${picture.text(v)} ${unit}`} />`}
    <h3>Prices at ${at(prices.starts[index])}</h3>
    <${Table} name=${`${id}-prices-at`} columns=${columns} rows=${rows} keyOf=${(r) => r.place} />
    <details><summary>Prices of all periods</summary><${Table} name=${`${id}-all-prices`}
      columns=${columnsOf(itemSchema('list-auction-prices'), ['start', 'place', 'product', 'price', ...PARTS])} rows=${items} /></details></section>`;
}

// ---- orders ----
const total = (list) => (list ?? []).reduce((sum, q) => sum + Number(q), 0);
const hours = () => (state.area.value?.period_seconds ?? 900) / 3600;
function orderColumns(isResult) {
  const of = itemSchema('list-auction-orders');
  const energy = (name, title) => ({
    name,
    title,
    numeric: true,
    value: (r) => (r[name] ? Number((total(r[name]) * hours()).toFixed(6)) : ''),
    show: (r) => (r[name] ? shortNumber(total(r[name]) * hours()) : '–'),
  });
  const plain = (names) => columnsOf(of, names).map((c) => ({ ...c, show: (r) => (r[c.name] ? words(r[c.name]) : '–') }));
  const price = {
    name: 'price',
    title: 'Price',
    numeric: true,
    value: (r) => r.price_points[0].price,
    show: (r) => r.price_points.map((p) => number(p.price)).join(', '),
  };
  return [
    ...columnsOf(of, ['order', 'status', 'organisation']),
    ...plain(['side', 'regulation']),
    ...columnsOf(of, ['location', 'bus']),
    energy('quantity', 'Energy, MWh'),
    ...(isResult ? [energy('accepted', 'Accepted, MWh')] : []),
    price,
    ...columnsOf(of, isResult ? ['settled', 'reason', 'make_whole', 'missed_gain', 'portfolio'] : ['portfolio', 'reason']),
    ...plain(['product']),
  ];
}

function Order({ order, auction, actions, onClose }) {
  const start = Date.parse(order.start) / 1000,
    seconds = state.area.value?.period_seconds ?? 900,
    x = useMemo(() => Float64Array.from(order.quantity, (_, i) => start + i * seconds), [order]);
  const unit = order.product === 'active' ? 'MW' : 'Mvar';
  const amounts = useMemo(
    () => [
      { label: 'Ordered', values: numbers(order.quantity), style: 'step', isFromZero: true },
      ...(order.accepted ? [{ label: 'Accepted', values: numbers(order.accepted), style: 'step' }] : []),
    ],
    [order],
  );
  const price = useMemo(
    () =>
      order.unit_price?.length === x.length
        ? [
            { label: 'Paid', values: numbers(order.unit_price), style: 'step' },
            {
              label: 'Own price, first step',
              values: new Float64Array(x.length).fill(Number(order.price_points[0].price)),
              style: 'step',
            },
          ]
        : null,
    [order],
  );
  return html`<${Dialog} wide title=${`Order ${order.order}`} onClose=${onClose}>
    ${order.reason && html`<p><b>${words(order.status)}:</b> ${order.reason}</p>`}
    <${Chart} name=${`${auction.id}-${order.order}`} title="Quantity" unit=${unit} x=${x} series=${amounts} height=${200} />
    ${
      price &&
      html`<${Chart} name=${`${auction.id}-${order.order}-price`} title="Price"
      unit=${`${state.area.value?.currency}/${UNIT[order.product]}`} x=${x} series=${price} height=${200} />`
    }
    <${Details} object=${order} schema=${itemSchema('list-auction-orders')} />
    ${actions && html`<div class="buttons">${actions}</div>`}<//>`;
}

// What an order of a side may say; without a grid nothing of buses.
const TERMS_OF_ORDER = ['start', 'quantity', 'price', 'price_points', 'block', 'minimum_fraction', 'reference'];
const fieldsOf = (side, auction) =>
  (side === 'sell'
    ? ['regulation', 'portfolio', 'bus', ...TERMS_OF_ORDER, 'parent']
    : ['regulation', 'kind', 'location', 'bus', 'covers_branch', 'covers_voltage', ...TERMS_OF_ORDER]
  ).filter((field) => auction.terms.physics !== 'none' || !['bus', 'covers_branch', 'covers_voltage'].includes(field));

function Entry({ auction, portfolios, onDone }) {
  const isOperator = has('dso', 'tso'),
    canSell = !state.me.value.roles.every((role) => role === 'dso' || role === 'tso');
  const [side, setSide] = useState(isOperator ? 'buy' : 'sell'),
    [product, setProduct] = useState(auction.terms.products[0]),
    [other, setOther] = useState(null);
  const fields = fieldsOf(side, auction);
  const choices = {
    portfolio: portfolios.map((p) => [p.id, p.name]),
    location: state.locations.value.map((l) => [l.id, l.name]),
  };
  const nested = Object.fromEntries(
    Object.entries(choices).flatMap(([name, list]) => [
      [name, list],
      [`orders.${name}`, list],
    ]),
  );
  const params = { area: auction.area, auction: auction.id };
  return html`<section class="entry no-print" aria-labelledby="entry"><h2 id="entry">Enter an order</h2>
    <div class="buttons">
      ${
        canSell &&
        html`<div class="switch" role="group" aria-label="Side">${[
          ['sell', 'Offer'],
          ['buy', 'Request'],
        ].map(
          ([of, title]) => html`<button aria-pressed=${side === of} onClick=${() => setSide(of)}>${title}</button>`,
        )}</div>`
      }
      ${
        auction.terms.products.length > 1 &&
        html`<label>Product <select value=${product}
        onChange=${(e) => setProduct(e.target.value)}>${auction.terms.products.map(
          (p) => html`<option
          value=${p}>${words(p)}</option>`,
        )}</select></label>`
      }
      <button onClick=${() => setOther('enter-auction-group')}>Several under one rule …</button>
      ${canSell && html`<button onClick=${() => setOther('set-auction-limits')}>Physical limits of a portfolio …</button>`}</div>
    <p class="note">The quantity is one value per delivery period from the start on; ${auction.periods} periods begin at ${at(auction.start)}.</p>
    <${Form} key=${`${side} ${product} ${portfolios.length}`} operation="enter-auction-order" params=${params} fixed=${{ side, product }}
      fields=${fields} choices=${choices} again compact
      start=${{ start: auction.start, regulation: 'up', kind: 'need', portfolio: portfolios.length === 1 ? portfolios[0].id : '' }}
        submit=${side === 'sell' ? 'Enter the offer' : 'Enter the request'} onDone=${onDone} />
    ${
      other &&
      html`<${Dialog} wide title=${other === 'set-auction-limits' ? 'Physical limits' : 'Orders under one rule'} onClose=${() => setOther(null)}>
      <${Form} operation=${other} params=${params} choices=${nested} compact submit="Send" onCancel=${() => setOther(null)} onDone=${() => {
        setOther(null);
        onDone();
      }} /><//>`
    }</section>`;
}

function Orders({ auction, data, reload }) {
  const me = state.me.value,
    query = route.value.query,
    isOpen = auction.status === 'open';
  const [action, setAction] = useState(null),
    columns = useMemo(() => orderColumns(isOver(auction)), [auction.status]);
  const portfolios = useData(
    (signal) => (isAllowed('list-portfolios', me) ? all('list-portfolios', {}, { signal }) : { items: [] }),
    [],
  );
  const own = (portfolios.value?.items ?? []).filter((p) => p.organisation === me.organisation && p.area === auction.area);
  const params = (order) => ({ area: auction.area, auction: auction.id, order: order.order });
  const doable = (order) =>
    isOpen && order.status === 'entered' && order.organisation === me.organisation
      ? [
          {
            operation: 'amend-auction-order',
            label: 'Amend',
            params,
            fixed: (r) => ({ side: r.side, product: r.product }),
            fields: fieldsOf(order.side, auction).filter((field) => field !== 'parent'),
            start: (r) => ({
              ...r,
              price: r.price_points.length === 1 ? r.price_points[0].price : '',
              price_points: r.price_points.length > 1 ? r.price_points : [],
            }),
            choices: () => ({
              portfolio: own.map((p) => [p.id, p.name]),
              location: state.locations.value.map((l) => [l.id, l.name]),
            }),
            note: 'The whole order as it shall be from now on. It keeps its number.',
            isWide: true,
          },
          {
            operation: 'cancel-auction-order',
            label: 'Withdraw',
            params,
            sure: 'The order is withdrawn, with its group and the orders that are linked to it',
          },
        ].filter((a) => isAllowed(a.operation, me) && !(a.operation === 'amend-auction-order' && order.group))
      : [];
  const buttons = (order) =>
    doable(order).map((a) => html`<button onClick=${() => setAction({ action: a, row: order })}>${a.label}</button>`);
  return html`<section aria-labelledby="orders"><h2 id="orders">Orders</h2><${Loaded} data=${data}>${(value) => {
    const status = query.status ?? '',
      opened = value.items.find((o) => o.order === query.order),
      rows = value.items.filter((o) => (status === 'paradoxical' ? Number(o.missed_gain) > 0 : !status || o.status === status));
    const kinds = [...new Set(value.items.map((o) => o.status))].sort(),
      paradoxical = value.items.filter((o) => Number(o.missed_gain) > 0).length;
    return html`${
      !isOver(auction) &&
      auction.orders !== null &&
      html`<p
      class="note">${number(auction.orders)} sealed orders. Before the result, everybody sees only the own ones.</p>`
    }
      <${Table} name=${`${auction.id}-orders`} columns=${columns} rows=${rows} keyOf=${(r) => r.order}
        onOpen=${(r) => set({ order: r.order })} empty="No orders that you may see."
        actions=${value.items.some((o) => doable(o).length) ? buttons : undefined}
        tools=${
          kinds.length > 1 &&
          html`<label>Status <select value=${status} onChange=${(e) => set({ status: e.target.value })}>
            <option value="">all</option>${kinds.map((k) => html`<option value=${k}>${words(k)}</option>`)}
          ${
            paradoxical > 0 &&
            html`<option
            value="paradoxical">Rejected although the prices would have paid (${paradoxical})</option>`
          }</select></label>`
        } />
      ${
        opened &&
        html`<${Order} key=${opened.order} order=${opened} auction=${auction} actions=${buttons(opened)}
        onClose=${() => set({ order: '' })} />`
      }`;
  }}<//>
    ${isOpen && isAllowed('enter-auction-order', me) && html`<${Entry} auction=${auction} portfolios=${own} onDone=${reload} />`}
    ${action && html`<${Action} action=${action.action} row=${action.row} onClose=${() => setAction(null)} onDone=${reload} />`}</section>`;
}

// ---- the auction ----
const rounded = (object) =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, typeof value === 'number' ? Number(value.toPrecision(7)) : value]),
  );
function Terms({ auction }) {
  const terms = auction.terms,
    schema = schemaOf(itemSchema('list-auctions').properties.terms),
    plain = Object.fromEntries(
      Object.entries(terms).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
    );
  return html`<details open=${!isOver(auction)}><summary>Terms</summary>
    <${Details} object=${plain} schema=${schema} /></details>`;
}

function Limits({ auction, items }) {
  const columns = columnsOf(itemSchema('list-auction-limits'), null).map((c) =>
    c.numeric ? { ...c, show: (r) => (r[c.name] === null ? show(null) : shortNumber(r[c.name])) } : c,
  );
  const count = (name) => number(items.filter((l) => l[name] > 0).length),
    priced = number(items.filter((l) => Math.abs(l.shadow_price) > 1e-6).length);
  const summary = items.length
    ? `Violated before: ${count('violation_before')}, after: ${count('violation_after')}; with a shadow price: ${priced}.`
    : 'No limit binds or is violated.';
  return html`<section aria-labelledby="limits"><h2 id="limits">Limits of the grid</h2>
    <p class="note">${summary}</p>
    ${
      items.length > 0 &&
      html`<${Table} name=${`${auction.id}-limits`} columns=${columns} rows=${items}
      keyOf=${(r) => `${r.start} ${r.limit} ${r.element}`} />`
    }</section>`;
}

function Auction({ id }) {
  const area = state.area.value.id,
    me = state.me.value,
    params = { area, auction: id },
    [action, setAction] = useState(null);
  const data = useData((signal) => call('get-auction', params, undefined, { signal }), [area, id], {
    events: /^auction|^run/,
    every: 500,
  });
  const auction = data.value,
    status = auction?.status;
  const orders = useData(
    (signal) =>
      isAllowed('list-auction-orders', me)
        ? all('list-auction-orders', { ...params, limit: 1000 }, { signal, most: 50000 }).catch(quiet({ items: [] }))
        : { items: [] },
    [area, id, status],
  );
  const result = useData(
    async (signal) => {
      if (!auction || !isOver(auction)) return null;
      const [prices, limits, network] = await Promise.all([
        all('list-auction-prices', { ...params, limit: 1000 }, { signal, most: 200000 }),
        isAllowed('list-auction-limits', me)
          ? all('list-auction-limits', { ...params, limit: 1000 }, { signal, most: 50000 }).catch(quiet(null))
          : null,
        auction.network && isAllowed('get-network-document', me)
          ? request('GET', `/v1/networks/${encodeURIComponent(auction.network)}/document`, { signal, as: 'blob' })
              .then((blob) => blob.text())
              .then(JSON.parse)
              .catch((problem) => (problem instanceof SyntaxError ? null : quiet(null)(problem)))
          : null,
      ]);
      return { prices: prices.items, limits: limits?.items, network };
    },
    [area, id, status],
  );
  const reload = async () => {
    await Promise.all([data.reload(), orders.reload(), result.reload()]);
  };
  const doable = auction ? LIST.actions.filter((a) => isAllowed(a.operation, me) && a.when(auction)) : [];
  return html`<${Loaded} data=${data}>${(a) => html`<header class="page"><h1>${a.name} ${badge(a.status)}</h1>
      <div class="buttons no-print">${doable.map((of) => html`<button onClick=${() => setAction(of)}>${of.label}</button>`)}
        ${a.run && isAllowed('get-run', me) && html`<a class="button" href=${link('runs', { open: a.run })}>Its run</a>`}
        ${isOver(a) && html`<button onClick=${() => print()}>Print</button>`}<a class="button" href=${link('auctions')}>All auctions</a></div>
      <p class="note">${a.id}: ${number(a.periods)} periods from ${at(a.start)} to ${at(endOf(a))};
        ${' '}orders from ${moment(a.opening)} until ${moment(a.closure)}</p></header>
    <${Progress} auction=${a} onEnd=${reload} />
    ${
      isOver(a) &&
      html`<div class="tiles">${a.totals.map(
        (t) => html`<div class="tile"><b>${number(t.energy)}</b>
        <span>${UNIT[t.product]} ${words(t.product).toLowerCase()} ${t.regulation}, accepted</span></div>`,
      )}
      ${
        a.result.welfare !== null &&
        html`<div class="tile"><b>${number(a.result.welfare.toFixed(2))}</b>
        <span>${state.area.value.currency} welfare</span></div>`
      }
      ${
        a.result.gap !== null &&
        html`<div class="tile"><b>${number(Number((100 * a.result.gap).toPrecision(3)))} %</b>
        <span>at most from the best possible</span></div>`
      }
      ${
        a.result.violations_before !== null &&
        html`<div class="tile">
        <b>${number(a.result.violations_before)} → ${number(a.result.violations_after)}</b><span>violated limits, before and after</span>
          </div>`
      }</div>`
    }
    <${Terms} auction=${a} />
    ${
      isOver(a) &&
      html`<${Loaded} data=${result}>${(r) =>
        r.prices.length
          ? html`<${Prices} id=${a.id} physics=${a.terms.physics}
      items=${r.prices} network=${r.network} />`
          : html`<p class="empty">The result has no prices.</p>`}<//>`
    }
    ${isAllowed('list-auction-orders', me) && html`<${Orders} auction=${a} data=${orders} reload=${reload} />`}
    ${isOver(a) && result.value?.limits && html`<${Limits} auction=${a} items=${result.value.limits} />`}
    ${
      isOver(a) &&
      html`<section aria-labelledby="certificate"><h2 id="certificate">Certificate</h2><${Details} object=${rounded(a.result)}
      schema=${schemaOf(itemSchema('list-auctions').properties.result)} /></section>`
    }
    ${action && html`<${Action} action=${action} row=${a} onClose=${() => setAction(null)} onDone=${reload} />`}`}<//>`;
}

export function Auctions() {
  const open = route.value.query.open;
  if (open && state.area.value) return html`<${Auction} key=${open} id=${open} />`;
  return html`<${Resource} of=${LIST} />`;
}
