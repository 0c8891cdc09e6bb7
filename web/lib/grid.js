// The grid in space and as a diagram. The map is the market's own GeoJSON; no tiles are fetched from anywhere. What colour says is
// written beside it, too. Corners of a zone that is being drawn are [longitude, latitude] in degrees, as in GeoJSON.
import * as L from 'leaflet';
import { html, useEffect, useMemo, useRef } from './html.js';
import { all, call, isAllowed } from './api.js';
import { useData } from './data.js';
import { state } from './state.js';
import { number } from './format.js';

const COLOURS = { green: '--good', yellow: '--wait', red: '--bad' };
// Leaflet takes a text for HTML; names are no HTML.
const textNode = (text) => Object.assign(document.createElement('span'), { textContent: text });
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const round = (degrees) => Math.round(degrees * 1e5) / 1e5; // a metre

// ---- geometry ----
export function isInside([x, y], ring) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [xi, yi] = ring[i],
      [xj, yj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

const turn = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
// Do sides of the ring cross each other?
export function crossesItself(corners) {
  const side = (i) => [corners[i], corners[(i + 1) % corners.length]];
  for (let i = 0; i < corners.length; i += 1)
    for (let j = i + 2; j < corners.length; j += 1) {
      if (i === 0 && j === corners.length - 1) continue; // neighbours
      const [a, b] = side(i),
        [c, d] = side(j);
      if (turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b)) return true;
    }
  return false;
}

// ---- the network's document ----
export function useNetwork() {
  const area = state.area.value;
  return useData(
    async (signal) => {
      if (!area?.network || !isAllowed('get-network-document', state.me.value)) return {};
      const visible = await all('list-networks', { area: area.id }, { signal }); // of those of others there is no document
      if (!visible.items.some((n) => n.id === area.network)) return {};
      const blob = await call('get-network-document', { network: area.network }, undefined, { signal, as: 'blob' });
      try {
        return JSON.parse(await blob.text());
      } catch {
        return {}; // a format that is not drawn, such as a MATPOWER case
      }
    },
    [area?.network],
  );
}
export const branchesOf = (network) => [...(network.branches ?? []), ...(network.lines ?? []), ...(network.transformers ?? [])];

// Bus -> [longitude, latitude], when the coordinates are degrees where the area's locations are; otherwise empty.
export function placesOf(network, locations) {
  const buses = (network?.buses ?? []).filter((b) => Number.isFinite(b.x) && Number.isFinite(b.y));
  const bounds = L.latLngBounds([]);
  for (const l of locations) for (const [x, y] of l.polygon?.coordinates[0] ?? []) bounds.extend([y, x]);
  const areDegrees = buses.every((b) => Math.abs(b.x) <= 180 && Math.abs(b.y) <= 90);
  if (!buses.length || !areDegrees || !bounds.isValid() || !buses.some((b) => bounds.contains([b.y, b.x]))) return new Map();
  return new Map(buses.map((b) => [String(b.id), [b.x, b.y]]));
}

// ---- the map ----
// `zone`: corners that are being drawn, or nothing; `onZone(corners)`. Where the middle of the map is, Enter puts a corner.
export function LocationMap({ locations, lights, open, onOpen, places, busClass, zone, onZone }) {
  const box = useRef(null),
    map = useRef(null),
    layer = useRef(null),
    buses = useRef(null),
    drawing = useRef(null),
    isFitted = useRef(false),
    latest = useRef({});
  latest.current = { zone, onZone };
  useEffect(() => {
    const options = { attributionControl: false, preferCanvas: true, zoomSnap: 0.25 };
    map.current = L.map(box.current, options).setView([0, 0], 2);
    layer.current = L.featureGroup().addTo(map.current);
    buses.current = L.layerGroup().addTo(map.current);
    drawing.current = L.layerGroup().addTo(map.current);
    const add = (at) => {
      const now = latest.current;
      if (now.zone) now.onZone([...now.zone, [round(at.lng), round(at.lat)]]);
    };
    map.current.on('click', (event) => add(event.latlng));
    const onKey = (event) => {
      const now = latest.current;
      if (!now.zone || event.target !== box.current) return;
      if (event.key === 'Enter' || event.key === ' ') add(map.current.getCenter());
      else if (event.key === 'Backspace') now.onZone(now.zone.slice(0, -1));
      else return;
      event.preventDefault();
    };
    box.current.addEventListener('keydown', onKey);
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
    for (const l of locations.filter((x) => x.polygon).sort((a, b) => depth(a) - depth(b))) {
      const light = lights?.get(l.id),
        colour = css(COLOURS[light?.colour] ?? '--muted');
      const style = { color: colour, weight: open === l.id ? 4 : 1.5, fillColor: colour, fillOpacity: 0.12 };
      const shape = L.geoJSON({ type: 'Feature', geometry: l.polygon }, { style, interactive: !zone });
      if (!zone)
        shape
          .bindTooltip(textNode(`${l.name}${lights ? `: ${light?.colour ?? 'no open period'}` : ''}`), { sticky: true })
          .on('click', (event) => {
            L.DomEvent.stopPropagation(event);
            onOpen(l.id);
          });
      shape.addTo(layer.current);
    }
    if (!isFitted.current && layer.current.getLayers().length) {
      map.current.fitBounds(layer.current.getBounds(), { padding: [12, 12] });
      isFitted.current = true;
    }
  }, [locations, lights, open, Boolean(zone), state.theme.value]);
  useEffect(() => {
    buses.current.clearLayers();
    for (const [bus, [x, y]] of places ?? []) {
      const isIn = zone?.length > 2 && isInside([x, y], zone),
        kind = busClass?.(bus);
      L.circleMarker([y, x], {
        radius: kind === 'chosen' ? 9 : 5,
        color: css(kind === 'chosen' || isIn ? '--sell' : '--strong'),
        weight: 2,
        fillColor: css(isIn || kind === 'chosen' ? '--sell' : kind ? '--strong' : '--card'),
        fillOpacity: 1,
        interactive: !zone,
      })
        .bindTooltip(textNode(`Bus ${bus}`))
        .addTo(buses.current);
    }
  }, [places, busClass, zone, state.theme.value]);
  useEffect(() => {
    drawing.current.clearLayers();
    if (!zone) return;
    const corners = zone.map(([x, y]) => [y, x]);
    const line = {
      color: css('--sell'),
      weight: 2,
      fillColor: css('--sell'),
      fillOpacity: 0.2,
      dashArray: '6 4',
      interactive: false,
    };
    (corners.length > 2 ? L.polygon(corners, line) : L.polyline(corners, line)).addTo(drawing.current);
    zone.forEach(([x, y], i) => {
      const icon = L.divIcon({ className: 'corner', iconSize: [22, 22] });
      L.marker([y, x], { icon, draggable: true, autoPan: true, keyboard: false, title: `Corner ${i + 1}` })
        .on('dragend', (event) => {
          const at = event.target.getLatLng(),
            now = latest.current;
          now.onZone(now.zone.map((corner, j) => (j === i ? [round(at.lng), round(at.lat)] : corner)));
        })
        .on('click', L.DomEvent.stopPropagation)
        .addTo(drawing.current);
    });
  }, [zone, state.theme.value]);
  const label = zone
    ? 'Map for drawing: arrow keys move it, Enter puts a corner at its middle, Backspace takes the last one away'
    : 'Map of the grid locations; the table below has the same';
  return html`<div class=${`map-frame ${zone ? 'is-drawing' : ''}`}><div class="map" ref=${box} role="application" aria-label=${label}></div></div>`;
}

// ---- the single-line diagram ----
// From the coordinates of the buses, or a circle when the network has none. `classOf(bus)`, `noteOf(bus)`: how a bus is drawn and
// what is said of it; `branchClassOf(branch)` likewise.
export function Diagram({ network, classOf, noteOf, branchClassOf, onBus, label = '' }) {
  const buses = network.buses ?? [],
    branches = branchesOf(network);
  const place = useMemo(() => {
    const has = buses.length > 0 && buses.every((b) => Number.isFinite(b.x) && Number.isFinite(b.y));
    const angle = (i) => (2 * Math.PI * i) / buses.length;
    const raw = new Map(buses.map((b, i) => [b.id, has ? [b.x, -b.y] : [Math.cos(angle(i)), Math.sin(angle(i))]]));
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [x0, x1] = span([...raw.values()].map((p) => p[0])),
      [y0, y1] = span([...raw.values()].map((p) => p[1]));
    const areDegrees = x1 <= 180 && x1 - x0 < 5 && Math.abs(y0) <= 90 && y1 - y0 < 5; // of a distribution grid
    const narrow = areDegrees ? Math.cos((y0 * Math.PI) / 180) : 1;
    const scale = 900 / Math.max((x1 - x0) * narrow, y1 - y0, 1e-9);
    const at = (id) => {
      const p = raw.get(id);
      return p && [50 + (p[0] - x0) * narrow * scale, 50 + (p[1] - y0) * scale];
    };
    return { at, height: 100 + (y1 - y0) * scale, width: 140 + (x1 - x0) * narrow * scale };
  }, [network]);
  const isOpen = (b) => b.in_service === false || b.from_closed === false || b.to_closed === false;
  const name = `Single-line diagram of ${buses.length} buses and ${branches.length} branches${label ? `; ${label}` : ''}`;
  return html`<svg class="diagram" viewBox=${`0 0 ${place.width} ${place.height}`} role="img" aria-label=${name}>
    ${branches.map((b) => {
      const a = place.at(b.from ?? b.from_bus),
        z = place.at(b.to ?? b.to_bus);
      if (!a || !z) return null;
      return html`<line x1=${a[0]} y1=${a[1]} x2=${z[0]} y2=${z[1]} class=${`${isOpen(b) ? 'out' : ''} ${branchClassOf?.(b) ?? ''}`}>
        <title>${b.name ?? b.id}${isOpen(b) ? ', open' : ''}</title></line>`;
    })}
    ${buses.map((b) => {
      const [x, y] = place.at(b.id),
        kind = classOf?.(String(b.id)) ?? '',
        note = noteOf?.(String(b.id));
      return html`<g class=${kind} onClick=${onBus && (() => onBus(String(b.id)))}>
        ${kind.includes('chosen') && html`<circle class="halo" cx=${x} cy=${y} r="28"></circle>`}
        <circle cx=${x} cy=${y} r="11" class=${kind}><title>${b.name ?? b.id}, ${number(b.vn_kv)} kV${note ? `, ${note}` : ''}</title></circle>
        <text x=${x + 16} y=${y + 8}>${b.id}</text></g>`;
    })}</svg>`;
}
