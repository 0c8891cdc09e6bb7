// The grid in space and as a diagram, in the colours of the traffic light, with a slider over the delivery periods. The map is
// the market's own GeoJSON; no tiles are fetched from anywhere. What colour says is written beside it, too.
import { html, useEffect, useMemo, useRef } from '../lib/html.js';
import * as L from 'leaflet';
import { all, call, isAllowed, request } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge } from '../lib/table.js';
import { route, set, link } from '../lib/route.js';
import { state, locationName } from '../lib/state.js';
import { clock, day, number, words } from '../lib/format.js';

const COLOURS = { green: '--good', yellow: '--wait', red: '--bad' };
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function LocationMap({ locations, lights, open, onOpen }) {
  const box = useRef(null),
    map = useRef(null),
    layer = useRef(null),
    isFitted = useRef(false);
  useEffect(() => {
    map.current = L.map(box.current, { attributionControl: false, preferCanvas: true, zoomSnap: 0.25 }).setView([0, 0], 2);
    layer.current = L.featureGroup().addTo(map.current);
    const watch = new ResizeObserver(() => map.current.invalidateSize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      map.current.remove();
    };
  }, []);
  useEffect(() => {
    layer.current.clearLayers();
    const depth = (l) => {
      let n = 0,
        at = l;
      while ((at = locations.find((p) => p.id === at.parent))) n += 1;
      return n;
    };
    for (const l of [...locations].filter((x) => x.polygon).sort((a, b) => depth(a) - depth(b))) {
      const light = lights.get(l.id),
        colour = css(COLOURS[light?.colour] ?? '--muted');
      L.geoJSON(
        { type: 'Feature', geometry: l.polygon },
        { style: { color: colour, weight: open === l.id ? 4 : 1.5, fillColor: colour, fillOpacity: 0.12 } },
      )
        .bindTooltip(`${l.name}: ${light?.colour ?? 'no open period'}`, { sticky: true })
        .on('click', (event) => {
          L.DomEvent.stopPropagation(event);
          onOpen(l.id);
        })
        .addTo(layer.current);
    }
    if (!isFitted.current && layer.current.getLayers().length) {
      map.current.fitBounds(layer.current.getBounds(), { padding: [12, 12] });
      isFitted.current = true;
    }
  }, [locations, lights, open, state.theme.value]);
  return html`<div class="map" ref=${box} role="application" aria-label="Map of the grid locations; the table below has the same"></div>`;
}

// Single-line diagram from the coordinates of the buses, or a circle when the network has none.
function Diagram({ network, colourOf }) {
  const buses = network.buses ?? [],
    branches = [...(network.branches ?? []), ...(network.lines ?? []), ...(network.transformers ?? [])];
  const place = useMemo(() => {
    const has = buses.length > 0 && buses.every((b) => Number.isFinite(b.x) && Number.isFinite(b.y));
    const raw = new Map(
      buses.map((b, i) => [
        b.id,
        has ? [b.x, -b.y] : [Math.cos((2 * Math.PI * i) / buses.length), Math.sin((2 * Math.PI * i) / buses.length)],
      ]),
    );
    const xs = [...raw.values()].map((p) => p[0]),
      ys = [...raw.values()].map((p) => p[1]);
    const x0 = Math.min(...xs),
      y0 = Math.min(...ys),
      scale = 900 / Math.max(Math.max(...xs) - x0, Math.max(...ys) - y0, 1e-9);
    return {
      at: (id) => {
        const p = raw.get(id);
        return p && [50 + (p[0] - x0) * scale, 50 + (p[1] - y0) * scale];
      },
      height: 100 + (Math.max(...ys) - y0) * scale,
      width: 100 + (Math.max(...xs) - x0) * scale,
    };
  }, [network]);
  return html`<svg class="diagram" viewBox=${`0 0 ${place.width} ${place.height}`} role="img" aria-label=${`Single-line diagram of ${buses.length} buses and ${branches.length} branches`}>
    ${branches.map((b) => {
      const a = place.at(b.from ?? b.from_bus),
        z = place.at(b.to ?? b.to_bus);
      return (
        a &&
        z &&
        html`<line x1=${a[0]} y1=${a[1]} x2=${z[0]} y2=${z[1]} class=${b.in_service === false || b.from_closed === false || b.to_closed === false ? 'out' : ''}><title>${b.name ?? b.id}${b.from_closed === false || b.to_closed === false ? ', open' : ''}</title></line>`
      );
    })}
    ${buses.map((b) => {
      const p = place.at(b.id);
      return html`<g><circle cx=${p[0]} cy=${p[1]} r="9" class=${colourOf(b.id) ?? ''}><title>${b.name ?? b.id}, ${number(b.vn_kv)} kV</title></circle><text x=${p[0] + 13} y=${p[1] + 5}>${b.id}</text></g>`;
    })}</svg>`;
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
      return { lights: lights.items, locations: locations.items };
    },
    [area?.id],
    { events: /^network|^gate|^trade|^order/, every: 3000 },
  );
  const network = useData(
    (signal) =>
      area?.network && isAllowed('get-network-document', me)
        ? request('GET', `/v1/networks/${encodeURIComponent(area.network)}/document`, { signal, as: 'blob' })
            .then((b) => b.text())
            .then((t) => {
              try {
                return JSON.parse(t);
              } catch {
                return {};
              }
            })
        : {},
    [area?.network],
  );
  const own = useData(
    (signal) => (isAllowed('list-assets', me) ? all('list-assets', {}, { signal, most: 20000 }) : { items: [] }),
    [area?.id],
  );
  const starts = useMemo(() => [...new Set((data.value?.lights ?? []).map((l) => l.start))].sort(), [data.value]);
  const at = Math.max(0, starts.indexOf(query.at)),
    now = useMemo(
      () => new Map((data.value?.lights ?? []).filter((l) => l.start === starts[at]).map((l) => [l.location, l])),
      [data.value, at],
    );
  if (!area) return html`<h1>Map and diagram</h1><p class="empty">There is no market area yet.</p>`;
  const opened = state.locations.value.find((l) => l.id === query.open),
    assets = (own.value?.items ?? []).filter((a) => a.area === area.id);
  const counts = new Map();
  for (const a of assets) counts.set(a.bus, (counts.get(a.bus) ?? 0) + 1);
  return html`<header class="page"><h1>Map and diagram</h1><p class="note">${area.name}: trading is checked by the grid in mode ${area.network_mode}.</p></header>
    <${Loaded} data=${data}>${(value) => html`
      ${
        starts.length > 0 &&
        html`<div class="tools"><label class="grow slider"><span>${day(starts[at])} ${clock(starts[at])}</span><input type="range" min="0" max=${starts.length - 1} value=${at} aria-valuetext=${`${day(starts[at])} ${clock(starts[at])}`} onInput=${(e) => set({ at: starts[Number(e.target.value)] })} /></label>
        <span class="legend">${['green', 'yellow', 'red'].map((c) => html`${badge(c)} ${[...now.values()].filter((l) => l.colour === c).length} `)}</span></div>`
      }
      <div class="grid-views"><${LocationMap} locations=${value.locations} lights=${now} open=${query.open} onOpen=${(id) => set({ open: id })} />
        ${network.value?.buses?.length > 0 && html`<${Diagram} network=${network.value} colourOf=${(bus) => (counts.get(bus) ? 'has-assets' : '')} />`}</div>
      ${network.value?.buses?.length > 0 && html`<p class="note">Filled buses have assets that you may see; dashed branches are open.</p>`}
      ${
        opened &&
        html`<section><h2>${opened.name}</h2><dl class="details"><div><dt>Traffic light</dt><dd>${now.get(opened.id) ? html`${badge(now.get(opened.id).colour)} ${words(now.get(opened.id).reason)}` : 'no open period'}</dd></div>
        <div><dt>Up, MW</dt><dd>${number(now.get(opened.id)?.up) || '–'}</dd></div><div><dt>Down, MW</dt><dd>${number(now.get(opened.id)?.down) || '–'}</dd></div><div><dt>Buses</dt><dd>${opened.bus_count}</dd></div><div><dt>Assets that you may see</dt><dd>${assets.filter((a) => a.location === opened.id).length}</dd></div></dl>
        <div class="buttons"><a class="button" href=${link('market', { day: starts[at] && day(starts[at]), period: starts[at] })}>Book of this period</a><button onClick=${() => set({ open: '' })}>Close</button></div></section>`
      }
      <section><h2>Locations at ${starts[at] ? clock(starts[at]) : 'no open period'}</h2><${Table} name="traffic-lights" keyOf=${(r) => r.id} onOpen=${(r) => set({ open: r.id })}
        columns=${[
          { name: 'name', title: 'Location', value: (r) => r.name, show: (r) => r.name },
          {
            name: 'parent',
            title: 'Below',
            value: (r) => r.parent ?? '',
            show: (r) => (r.parent ? locationName(r.parent) : '–'),
          },
          {
            name: 'colour',
            title: 'Light',
            value: (r) => now.get(r.id)?.colour ?? '',
            show: (r) => (now.get(r.id) ? badge(now.get(r.id).colour) : '–'),
          },
          {
            name: 'reason',
            title: 'Why',
            value: (r) => now.get(r.id)?.reason ?? '',
            show: (r) => words(now.get(r.id)?.reason ?? '–'),
          },
          {
            name: 'up',
            title: 'Up, MW',
            numeric: true,
            value: (r) => now.get(r.id)?.up ?? '',
            show: (r) => number(now.get(r.id)?.up) || '–',
          },
          {
            name: 'down',
            title: 'Down, MW',
            numeric: true,
            value: (r) => now.get(r.id)?.down ?? '',
            show: (r) => number(now.get(r.id)?.down) || '–',
          },
          { name: 'bus_count', title: 'Buses', numeric: true, value: (r) => r.bus_count, show: (r) => number(r.bus_count) },
        ]} rows=${value.locations} empty="No locations." /></section>`}<//>`;
}
