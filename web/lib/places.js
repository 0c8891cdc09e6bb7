// Values of places in shades of one colour: locations on the market's own GeoJSON, buses in the diagram of their network. Each place is
// written out with its value, too; the pages show the same as a table.
import { html, useEffect, useMemo, useRef } from './html.js';
import * as L from 'leaflet';
import { state } from './state.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const channel = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);

// From --shade-low (share 0) to --shade-high (share 1).
function shade(share) {
  const [low, high] = [css('--shade-low'), css('--shade-high')],
    at = Math.max(0, Math.min(1, share));
  return `#${[0, 1, 2]
    .map((i) =>
      Math.round(channel(low, i) + at * (channel(high, i) - channel(low, i)))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
// The same for what the style sheet draws: it follows the theme, and paper, by itself.
const mixed = (share) =>
  `color-mix(in srgb, var(--shade-high) ${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%, var(--shade-low))`;
const shareOf = (value, [low, high]) => (high > low ? (value - low) / (high - low) : 0.5);

export function ShadeKey({ range, text }) {
  return html`<p class="shade-key"><span>${text(range[0])}</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${[
    ...Array(20).keys(),
  ].map(
    (i) => html`<rect x=${5 * i} y="0" width="5.2" height="10" style=${{ fill: mixed(i / 19) }} />`,
  )}</svg><span>${text(range[1])}</span></p>`;
}

// `values`: id of a location -> number; `text(value)`: how it is written.
export function LocationValues({ locations, values, range, text, title }) {
  const box = useRef(null),
    map = useRef(null),
    layers = useRef(new Map());
  const depth = (l) => {
    let n = 0;
    for (let at = l; (at = locations.find((p) => p.id === at.parent));) n++;
    return n;
  };
  useEffect(() => {
    const here = (map.current = L.map(box.current, { attributionControl: false, zoomSnap: 0.25, scrollWheelZoom: false }).setView(
      [0, 0],
      2,
    ));
    layers.current = new Map();
    const all = L.featureGroup().addTo(here);
    for (const l of locations.filter((x) => x.polygon).sort((a, b) => depth(a) - depth(b))) {
      const layer = L.geoJSON({ type: 'Feature', geometry: l.polygon }).addTo(all);
      layers.current.set(l.id, { layer, name: l.name });
    }
    if (all.getLayers().length) here.fitBounds(all.getBounds(), { padding: [12, 12] });
    const watch = new ResizeObserver(() => here.invalidateSize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      here.remove();
    };
  }, [locations]);
  useEffect(() => {
    for (const [id, { layer, name }] of layers.current) {
      const value = values.get(id),
        isKnown = Number.isFinite(value);
      layer.setStyle({
        color: css('--muted'),
        weight: 1.5,
        fillColor: isKnown ? shade(shareOf(value, range)) : css('--card'),
        fillOpacity: isKnown ? 0.85 : 0.1,
      });
      layer.unbindTooltip();
      layer.bindTooltip(`${name}${isKnown ? `: ${text(value)}` : ''}`, {
        permanent: isKnown,
        direction: 'center',
        className: 'place-label',
      });
    }
  }, [locations, values, range, state.theme.value]);
  return html`<div class="map" ref=${box} role="application" aria-label=${`${title}; the table below has the same`}></div>`;
}

// The diagram of a network from the coordinates of its buses; nothing when it has none.
export function BusValues({ network, values, range, text, title }) {
  const place = useMemo(() => {
    const buses = network.buses ?? [];
    if (!buses.length || !buses.every((b) => Number.isFinite(b.x) && Number.isFinite(b.y))) return null;
    const xs = buses.map((b) => b.x),
      ys = buses.map((b) => b.y),
      [x0, y0] = [Math.min(...xs), Math.max(...ys)];
    const scale = 860 / Math.max(Math.max(...xs) - x0, y0 - Math.min(...ys), 1e-9);
    const at = new Map(buses.map((b) => [b.id, [60 + (b.x - x0) * scale, 50 + (y0 - b.y) * scale]]));
    return { at, width: 190 + (Math.max(...xs) - x0) * scale, height: 100 + (y0 - Math.min(...ys)) * scale };
  }, [network]);
  if (!place) return null;
  return html`<svg class="diagram valued" viewBox=${`0 0 ${place.width} ${place.height}`} role="img"
    aria-label=${`${title}; the table below has the same`}>
    ${(network.branches ?? []).map((b) => {
      const [a, z] = [place.at.get(b.from), place.at.get(b.to)];
      const isOpen = b.in_service === false || b.from_closed === false || b.to_closed === false;
      return (
        a &&
        z &&
        html`<line x1=${a[0]} y1=${a[1]} x2=${z[0]} y2=${z[1]} class=${isOpen ? 'out' : ''}>
          <title>${b.name ?? b.id}${isOpen ? ', open' : ''}</title></line>`
      );
    })}
    ${network.buses.map((b) => {
      const [x, y] = place.at.get(b.id),
        value = values.get(b.id),
        isKnown = Number.isFinite(value);
      return html`<g><circle cx=${x} cy=${y} r="16" class="valued"
        style=${{ fill: isKnown ? mixed(shareOf(value, range)) : 'var(--card)' }}>
          <title>${b.name ?? b.id}: ${isKnown ? text(value) : 'no value'}</title></circle>
        <text x=${x + 22} y=${y + 8}>${b.id}: ${isKnown ? text(value) : '–'}</text></g>`;
    })}</svg>`;
}
