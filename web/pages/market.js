// The live book of a day: all delivery periods with their best prices on the left, depth of the chosen period, order entry, own
// orders and the last trades. Prices that are clicked are taken into the form. Everything chosen is in the address.
import { html, useState, useEffect, useMemo, useRef } from '../lib/html.js';
import { all, call, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Table, columnsOf, badge } from '../lib/table.js';
import { Form } from '../lib/form.js';
import { Loaded } from '../lib/parts.js';
import { Action } from '../lib/resource.js';
import { resources } from './resources.js';
import { route, set } from '../lib/route.js';
import { state, locationName, has } from '../lib/state.js';
import { clock, day, dayRange, iso, number, words } from '../lib/format.js';
import { DayPicker, chosenDay } from '../lib/day.js';

const PRODUCTS = ['active', 'reactive', 'active_reserve', 'reactive_reserve'];
const sum = (entries) => entries.reduce((total, e) => total + Number(e.quantity), 0);
const fixed = (value) => number(Number(value.toFixed(3)));

// Entries of one price together; where a quantity accumulates to.
function levels(entries) {
  const out = [];
  let total = 0;
  for (const entry of entries) {
    const last = out.at(-1);
    total += Number(entry.quantity);
    if (last?.price === entry.price)
      Object.assign(last, { quantity: last.quantity + Number(entry.quantity), total, orders: [...last.orders, entry] });
    else out.push({ price: entry.price, quantity: Number(entry.quantity), total, orders: [entry] });
  }
  return out;
}

function Side({ title, rows, most, own, onPick, isBuy, unit }) {
  return html`<table class=${`depth ${isBuy ? 'buy' : 'sell'}`}><caption>${title}</caption>
    <thead><tr><th scope="col" class="number">Price</th>
      <th scope="col" class="number">${unit}</th>
      <th scope="col" class="number">Sum</th>
      <th scope="col">Where</th></tr></thead>
    <tbody>${
      rows.length === 0
        ? html`<tr><td colspan="4" class="none">none</td></tr>`
        : rows.slice(0, 30).map(
            (level) => html`<tr class=${level.orders.some((o) => own.has(o.order)) ? 'own' : ''}>
      <td class="number"><button class="price" title="Take into the form" onClick=${() => onPick(level)}>${number(level.price)}</button></td>
      <td class="number">${fixed(level.quantity)}</td>
      <td class="number bar"><i style=${{ width: `${(100 * level.total) / (most || 1)}%` }}></i>${fixed(level.total)}</td>
      <td>${[...new Set(level.orders.map((o) => locationName(o.location)))].join(', ')}
        ${level.orders.some((o) => o.tso) && html` <span class="badge plain">TSO</span>`}
        ${level.orders.some((o) => o.conditional) && html` <span class="badge plain">conditional</span>`}
        ${level.orders.some((o) => o.tied) && html` <span class="badge plain">block</span>`}</td></tr>`,
          )
    }</tbody></table>`;
}

function Entry({ period, picked, regulation, product, onDone }) {
  const area = state.area.value,
    sells = !has('dso', 'tso') || !state.me.value.roles.every((r) => r === 'dso' || r === 'tso');
  const [side, setSide] = useState(has('dso', 'tso') ? 'buy' : 'sell');
  const portfolios = useData(
    (signal) => (isAllowed('list-portfolios', state.me.value) ? all('list-portfolios', {}, { signal }) : { items: [] }),
    [],
  );
  const mine = (portfolios.value?.items ?? []).filter(
    (p) => p.organisation === state.me.value.organisation && p.area === area.id,
  );
  const fields =
    side === 'sell'
      ? [
          'portfolio',
          'start',
          'quantity',
          'price',
          'block',
          'minimum_fraction',
          'validity',
          'expires',
          'forward_to_tso',
          'reference',
        ]
      : [
          'kind',
          'location',
          'start',
          'quantity',
          'price',
          'block',
          'minimum_fraction',
          'validity',
          'expires',
          'conditional',
          'technologies',
          'reference',
        ];
  // What is chosen on the page goes into its fields, and nothing else that was typed is touched.
  const now = {
    ...(period ? { start: period } : {}),
    ...(picked ? { price: picked.price, quantity: [String(Number(picked.quantity.toFixed(6)))] } : {}),
    ...(mine.length === 1 ? { portfolio: mine[0].id } : {}),
  };
  return html`<section class="entry" aria-labelledby="entry"><h2 id="entry">${side === 'sell' ? 'Offer' : 'Request'}</h2>
    ${
      sells &&
      html`<div class="buttons" role="group" aria-label="Side">${[
        ['sell', 'Offer'],
        ['buy', 'Request'],
      ].map(
        ([of, title]) =>
          html`<button type="button" aria-pressed=${side === of} class=${side === of ? 'primary' : ''}
            onClick=${() => setSide(of)}>${title}</button>`,
      )}</div>`
    }
    <${Form} key=${side} operation="enter-order" params=${{ area: area.id }} fixed=${{ side, product, regulation }} fields=${fields}
      start=${{ ...now, validity: 'gtc', kind: side === 'buy' ? 'need' : '' }}
        put=${{ at: JSON.stringify([now, picked?.at]), values: now }} again compact
      choices=${{ portfolio: mine.map((p) => [p.id, p.name]), location: state.locations.value.map((l) => [l.id, l.name]) }}
      submit=${side === 'sell' ? 'Enter the offer' : 'Enter the request'} onDone=${onDone} /></section>`;
}

export function Market() {
  const area = state.area.value,
    query = route.value.query,
    me = state.me.value;
  const date = chosenDay(),
    regulation = query.regulation ?? 'up',
    product = query.product ?? 'active';
  const [picked, setPicked] = useState(null),
    [action, setAction] = useState(null),
    firstOpen = useRef(null),
    list = useRef(null);
  const [from, to] = useMemo(() => dayRange(date).map(iso), [date, area?.id]);
  const inputs = [area?.id, date, regulation, product];
  const book = useData(
    (signal) =>
      area ? call('get-book', { area: area.id, product, regulation, from, to }, undefined, { signal }) : { periods: [] },
    inputs,
    { events: /^order\.|^trade|^gate|^trading/ },
  );
  const statistics = useData(
    (signal) =>
      area ? call('get-statistics', { area: area.id, product, regulation, from, to }, undefined, { signal }) : { periods: [] },
    inputs,
    { events: /^trade/, every: 1000 },
  );
  const trades = useData(
    (signal) => (area ? all('list-trades', { area: area.id, product, from, to }, { signal, most: 1000 }) : { items: [] }),
    [area?.id, date, product],
    { events: /^trade/, every: 1000 },
  );
  const orders = useData(
    (signal) =>
      area && isAllowed('list-orders', me) ? all('list-orders', { area: area.id, status: 'open' }, { signal }) : { items: [] },
    [area?.id],
    { events: /^order\.|^trade|^gate/ },
  );
  const own = useMemo(
    () => new Set((orders.value?.items ?? []).filter((o) => o.organisation === me.organisation).map((o) => o.order)),
    [orders.value],
  );
  const periods = book.value?.periods ?? [];
  const chosen = periods.find((p) => p.start === query.period) ?? periods.find((p) => p.open) ?? periods[0];
  useEffect(() => {
    // not the page, the list alone
    const row = list.current?.querySelector('[aria-selected=true]');
    if (!row) return;
    list.current.scrollTop = row.offsetTop - list.current.clientHeight / 2;
    if (list.current.contains(document.activeElement)) row.focus({ preventScroll: true }); // the arrow keys take the focus along
  }, [chosen?.start, date]);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === 'n' && !event.target.closest('input, select, textarea, dialog')) {
        event.preventDefault();
        document.querySelector('.entry select, .entry input')?.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  if (!area) return html`<h1>Live book</h1><p class="empty">There is no market area yet.</p>`;
  const figures = new Map((statistics.value?.periods ?? []).map((p) => [p.start, p]));
  const move = (event) => {
    const at = periods.indexOf(chosen),
      to_ = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: periods.length - 1, PageDown: at + 8, PageUp: at - 8 }[event.key];
    if (to_ === undefined) return;
    event.preventDefault();
    set({ period: periods[Math.max(0, Math.min(periods.length - 1, to_))].start });
  };
  // The form begins with the first open period; a gate that closes meanwhile does not change what is typed.
  firstOpen.current ??= chosen?.start;
  const first = firstOpen.current,
    place = [chosen?.start, date, regulation, product].join(' ');
  const unit = product.startsWith('reactive') ? 'Mvar' : 'MW';
  const buys = chosen ? levels(chosen.requests) : [],
    sells = chosen ? levels(chosen.offers) : [];
  const most = Math.max(buys.at(-1)?.total ?? 0, sells.at(-1)?.total ?? 0);
  const reloadAll = () => {
    book.reload();
    orders.reload();
  };
  const ownHere = (orders.value?.items ?? []).filter(
    (o) => own.has(o.order) && o.regulation === regulation && o.product === product,
  );
  const orderColumns = columnsOf(itemSchema('list-orders'), [
    'order',
    'side',
    'location',
    'start',
    'quantity',
    'filled',
    'price_points',
    'validity',
  ]);
  orderColumns.find((c) => c.name === 'price_points').show = (row) => row.price_points.map((p) => number(p.price)).join(', ');
  orderColumns.find((c) => c.name === 'price_points').title = 'Price';
  const doable = resources
    .find((r) => r.path === 'orders')
    .actions.filter((a) => ['amend-order', 'cancel-order'].includes(a.operation) && isAllowed(a.operation, me));
  return html`<header class="page"><h1>Live book</h1>
    <div class="tools">
      <${DayPicker} also=${{ period: '' }} />
      <div class="switch" role="group" aria-label="Regulation">${['up', 'down'].map((of) => html`<button aria-pressed=${regulation === of} onClick=${() => set({ regulation: of })}>${words(of)}</button>`)}</div>
      <label><span class="hidden">Product</span><select value=${product}
        onChange=${(e) => set({ product: e.target.value })}>${PRODUCTS.map((of) => html`<option value=${of}>${words(of)}</option>`)}</select></label>
    </div></header>
    <${Loaded} data=${book}>${() => html`<div class="market">
      <div class="scroll periods" ref=${list} tabindex="0" role="region" aria-label="Delivery periods of the day"><table role="grid" aria-label="Delivery periods" onKeyDown=${move}>
        <thead><tr><th scope="col">Delivery</th>
        <th scope="col" class="number">${unit}</th>
        <th scope="col" class="number">Request</th>
        <th scope="col" class="number">Offer</th>
        <th scope="col" class="number">${unit}</th>
        <th scope="col" class="number">Last</th>
        <th scope="col" class="number">Traded</th></tr></thead>
        <tbody>${periods.map((p) => {
          const f = figures.get(p.start);
          return html`<tr key=${p.start} tabindex=${p === chosen ? 0 : -1} aria-selected=${p === chosen} class=${p.open ? 'opens' : 'shut'}
            onClick=${() => set({ period: p.start })}>
          <th scope="row">${clock(p.start)}${!p.open && html`<span class="hidden"> closed</span>`}
            ${[...p.requests, ...p.offers].some((e) => own.has(e.order)) && html` <span class="mine" title="own orders">●</span>`}</th>
          <td class="number">${p.requests.length ? fixed(sum(p.requests)) : ''}</td>
            <td class="number buy">${p.requests.length ? number(p.requests[0].price) : ''}</td>
            <td class="number sell">${p.offers.length ? number(p.offers[0].price) : ''}</td>
            <td class="number">${p.offers.length ? fixed(sum(p.offers)) : ''}</td>
          <td class="number">${f?.last ? number(f.last) : ''}</td><td class="number">${f && Number(f.volume) ? number(f.volume) : ''}</td></tr>`;
        })}</tbody></table></div>
      <div class="focus">${
        chosen &&
        html`<h2>${clock(chosen.start)} · ${words(regulation)} ${badge(chosen.open ? 'open' : 'closed')}</h2>
        <div class="sides"><${Side} unit=${unit} title="Requests" rows=${buys} most=${most} own=${own} isBuy
          onPick=${(level) => setPicked({ ...level, at: Date.now(), of: place })} />
          <${Side} unit=${unit} title="Offers" rows=${sells} most=${most} own=${own}
          onPick=${(level) => setPicked({ ...level, at: Date.now(), of: place })} /></div>
        ${isAllowed('enter-order', me) && html`<${Entry} period=${query.period ? chosen.start : first} picked=${picked?.of === place ? picked : null} regulation=${regulation} product=${product} onDone=${reloadAll} />`}`
      }</div>
    </div>`}<//>
    ${
      isAllowed('list-orders', me) &&
      isAllowed('enter-order', me) &&
      html`<section><h2>Own open orders, ${words(regulation).toLowerCase()}</h2>
        <${Table} name="own-orders" columns=${orderColumns} rows=${ownHere} keyOf=${(r) => r.order} empty="No open orders in this direction."
      actions=${doable.length ? (row) => doable.map((a) => html`<button
        onClick=${() => setAction({ action: a, row })}>${a.label}</button>`) : undefined} /></section>`
    }
    <section><h2>Trades of the day</h2><${Loaded} data=${trades}>${(value) => html`<${Table} name="trades"
      columns=${columnsOf(itemSchema('list-trades'), ['time', 'start', 'regulation', 'quantity', 'price', 'initiator', 'sell_location', 'buy_location'])} rows=${value.items} more=${value.more} keyOf=${(r) => r.trade} empty="No trades for delivery on this day." />`}<//></section>
    ${action && html`<${Action} action=${action.action} row=${action.row} onClose=${() => setAction(null)} onDone=${reloadAll} />`}`;
}
