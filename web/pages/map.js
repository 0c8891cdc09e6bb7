// The grid in space and as a diagram, in the colours of the traffic light, with a slider over the delivery periods. From here a
// system operator draws and publishes a congestion zone and asks for flexibility at a location.
import { html, useMemo, useState } from '../lib/html.js';
import { all, call, isAllowed } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge } from '../lib/table.js';
import { Form } from '../lib/form.js';
import { Dialog } from '../lib/dialog.js';
import { LocationMap, Diagram, placesOf, useNetwork } from '../lib/grid.js';
import { ZonePanel, cornersOf, textOf } from './zone.js';
import { route, set, link } from '../lib/route.js';
import { state, notify, locationName } from '../lib/state.js';
import { clock, day, iso, number, words } from '../lib/format.js';

// Location and everything below it.
export function withBelow(id, locations) {
  const found = new Set([id]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const l of locations) if (found.has(l.parent)) found.add(l.id);
  }
  return found;
}

// What is offered there in the period, cheapest first: what a request would meet.
function OffersThere({ location, start, regulation, product }) {
  const area = state.area.value;
  const data = useData(
    async (signal) => {
      const to = iso(new Date(start).getTime() + 1000 * area.period_seconds);
      const book = await call('get-book', { area: area.id, product, regulation, from: start, to }, undefined, { signal });
      const here = withBelow(location, state.locations.value);
      return (book.periods[0]?.offers ?? []).filter((o) => here.has(o.location));
    },
    [location, start, regulation, product],
    { events: /^order|^trade/, every: 1000 },
  );
  const columns = [
    { name: 'price', title: `${area.currency}/MWh`, numeric: true, value: (o) => o.price, show: (o) => number(o.price) },
    { name: 'quantity', title: 'MW', numeric: true, value: (o) => o.quantity, show: (o) => number(o.quantity) },
    { name: 'location', title: 'Where', value: (o) => locationName(o.location), show: (o) => locationName(o.location) },
  ];
  return html`<h3>Offered there at ${clock(start)}, ${words(regulation).toLowerCase()}</h3>
    <${Loaded} data=${data}>${(
      rows,
    ) => html`<${Table} name="offers-there" columns=${columns} rows=${rows} keyOf=${(o) => `${o.order} ${o.price}`}
      empty="Nothing is offered there now; a request waits in the book until its gate closes." />`}<//>`;
}

function RequestDialog({ location, start, onClose }) {
  const area = state.area.value,
    query = route.value.query;
  const regulation = query.regulation ?? 'up',
    product = query.product ?? 'active';
  const fields = [
    'start',
    'quantity',
    'price',
    'kind',
    'block',
    'minimum_fraction',
    'validity',
    'expires',
    'conditional',
    'technologies',
    'reference',
  ];
  const done = (answer) => {
    const left = answer.orders[0].remaining;
    notify('done', `Requested: ${answer.orders[0].order}`, left ? `Still open: ${left.map(number).join(', ')} MW` : '');
    onClose();
  };
  return html`<${Dialog} wide title=${`Request flexibility: ${location.name}`} onClose=${onClose}>
    <div class="tools">
      <div class="switch" role="group" aria-label="Direction">${['up', 'down'].map(
        (of) =>
          html`<button aria-pressed=${regulation === of} onClick=${() => set({ regulation: of })}>${words(of)}</button>`,
      )}</div>
      <label>Product <select value=${product} onChange=${(e) => set({ product: e.target.value })}>
        ${['active', 'reactive'].map((of) => html`<option value=${of}>${words(of)}</option>`)}</select></label></div>
    <p class="note">Up: more generation or less consumption there. Several quantities, with blanks between,
      are for consecutive periods from the start on.</p>
    <${Form} operation="enter-order" params=${{ area: area.id }} compact fields=${fields}
      fixed=${{ side: 'buy', product, regulation, location: location.id }} start=${{ start, kind: 'need', validity: 'gtc' }}
      submit="Enter the request" onDone=${done} onCancel=${onClose} />
    <${OffersThere} location=${location.id} start=${start} regulation=${regulation} product=${product} /><//>`;
}

export function GridMap() {
  const area = state.area.value,
    me = state.me.value,
    query = route.value.query;
  const data = useData(
    async (signal) => {
      const [lights, locations] = await Promise.all([
        all('list-traffic-lights', { area: area.id }, { signal, most: 20000 }),
        all('list-locations', { area: area.id }, { signal }),
      ]);
      state.locations.value = locations.items;
      return { lights: lights.items, locations: locations.items.filter((l) => l.status !== 'closed') };
    },
    [area?.id],
    { events: /^network|^gate|^trade|^order/, every: 3000 },
  );
  const network = useNetwork();
  const own = useData(
    (signal) => (isAllowed('list-assets', me) ? all('list-assets', {}, { signal, most: 20000 }) : { items: [] }),
    [area?.id],
  );
  const [isAsking, setAsking] = useState(false);
  const starts = useMemo(() => [...new Set((data.value?.lights ?? []).map((l) => l.start))].sort(), [data.value]);
  const at = Math.max(0, starts.indexOf(query.at));
  const now = useMemo(
    () => new Map((data.value?.lights ?? []).filter((l) => l.start === starts[at]).map((l) => [l.location, l])),
    [data.value, at],
  );
  const assets = (own.value?.items ?? []).filter((a) => a.area === area?.id);
  const counts = useMemo(() => {
    const found = new Map();
    for (const a of assets) found.set(a.bus, (found.get(a.bus) ?? 0) + 1);
    return found;
  }, [own.value]);
  const places = useMemo(() => placesOf(network.value, data.value?.locations ?? []), [network.value, data.value?.locations]);
  const busClass = useMemo(() => (bus) => (counts.get(bus) ? 'has-assets' : ''), [counts]);
  const zoneText = query.zone ?? '',
    zone = useMemo(() => (query.draw ? cornersOf(zoneText).corners : null), [query.draw, zoneText]);
  if (!area) return html`<h1>Map and diagram</h1><p class="empty">There is no market area yet.</p>`;
  const opened = data.value?.locations.find((l) => l.id === query.open),
    light = opened && now.get(opened.id);
  const canDraw = isAllowed('create-location', me),
    canAsk = isAllowed('enter-order', me) && me.roles.some((r) => r === 'dso' || r === 'tso');
  const light_ = (r) => now.get(r.id);
  const columns = [
    { name: 'name', title: 'Location', value: (r) => r.name, show: (r) => r.name },
    { name: 'parent', title: 'Below', value: (r) => r.parent ?? '', show: (r) => (r.parent ? locationName(r.parent) : '–') },
    {
      name: 'colour',
      title: 'Light',
      value: (r) => light_(r)?.colour ?? '',
      show: (r) => (light_(r) ? badge(light_(r).colour) : '–'),
    },
    { name: 'reason', title: 'Why', value: (r) => light_(r)?.reason ?? '', show: (r) => words(light_(r)?.reason ?? '–') },
    { name: 'up', title: 'Up, MW', numeric: true, value: (r) => light_(r)?.up ?? '', show: (r) => number(light_(r)?.up) || '–' },
    {
      name: 'down',
      title: 'Down, MW',
      numeric: true,
      value: (r) => light_(r)?.down ?? '',
      show: (r) => number(light_(r)?.down) || '–',
    },
    { name: 'bus_count', title: 'Buses', numeric: true, value: (r) => r.bus_count, show: (r) => number(r.bus_count) },
  ];
  const time = starts.length > 0 && `${day(starts[at])} ${clock(starts[at])}`;
  const stop = () => set({ draw: '', zone: '' });
  return html`<header class="page"><h1>Map and diagram</h1><p class="note">
    ${area.name}: trading is checked by the grid in mode ${area.network_mode}.</p>
      ${
        canDraw &&
        !zone &&
        html`<div class="buttons"><button onClick=${() => set({ draw: 1, open: '' })}>Draw a congestion zone</button>
        </div>`
      }</header>
    <${Loaded} data=${data}>${(value) => html`
      ${
        starts.length > 0 &&
        html`<div class="tools"><label class="grow slider"><span>${time}</span><input type="range" min="0" max=${starts.length - 1}
          value=${at} aria-label="Delivery period" aria-valuetext=${time} onInput=${(e) => set({ at: starts[Number(e.target.value)] })} /></label>
        <span class="legend">${['green', 'yellow', 'red'].map(
          (c) => html`${badge(c)} ${[...now.values()].filter((l) => l.colour === c).length} `,
        )}</span></div>`
      }
      <div class="grid-views">
        <${LocationMap} locations=${value.locations} lights=${now} open=${query.open} onOpen=${(id) => set({ open: id })}
          places=${places} busClass=${busClass} zone=${zone} onZone=${(corners) => set({ zone: textOf(corners) })} />
        ${
          zone
            ? html`<${ZonePanel} zone=${zone} text=${zoneText} onText=${(text) => set({ zone: text })} places=${places} network=${network.value}
                locations=${value.locations} onCancel=${stop} onDone=${async (made) => {
                  await data.reload();
                  set({ draw: '', zone: '', open: made.id });
                }} />`
            : network.value?.buses?.length > 0 &&
              html`<${Diagram} network=${network.value} classOf=${busClass}
                noteOf=${(bus) => (counts.get(bus) ? `${counts.get(bus)} assets` : '')} label="filled buses have assets" />`
        }</div>
      ${network.value?.buses?.length > 0 && !zone && html`<p class="note">Filled buses have assets that you may see; dashed branches are open.</p>`}
      ${
        opened &&
        html`<section><h2>${opened.name}</h2><dl class="details">
          <div><dt>Traffic light</dt><dd>${light ? html`${badge(light.colour)} ${words(light.reason)}` : 'no open period'}</dd></div>
          <div><dt>Up, MW</dt><dd>${number(light?.up) || '–'}</dd></div><div><dt>Down, MW</dt><dd>${number(light?.down) || '–'}</dd></div>
          <div><dt>Buses</dt><dd>${opened.bus_count}</dd></div>
          <div><dt>Assets that you may see</dt><dd>${assets.filter((a) => a.location === opened.id).length}</dd></div></dl>
        <div class="buttons">
          ${
            canAsk &&
            starts.length > 0 &&
            html`<button class="primary"
            onClick=${() => setAsking(true)}>Request flexibility here at ${clock(starts[at])}</button>`
          }
          <a class="button" href=${link('market', { day: starts[at] && day(starts[at]), period: starts[at] })}>Book of this period</a>
          ${isAllowed('curtail-trade', me) && html`<a class="button" href=${link('emergency', { location: opened.id })}>Emergency stop</a>`}
          <button onClick=${() => set({ open: '' })}>Close</button></div></section>`
      }
      <section><h2>Locations at ${starts[at] ? clock(starts[at]) : 'no open period'}</h2><${Table} name="traffic-lights" keyOf=${(r) => r.id}
        onOpen=${(r) => set({ open: r.id })} columns=${columns} rows=${value.locations} empty="No locations. The system operator publishes them." />
          </section>
      ${isAsking && opened && html`<${RequestDialog} location=${opened} start=${starts[at]} onClose=${() => setAsking(false)} />`}`}<//>`;
}
