// A congestion zone that is being drawn: its corners as text beside the map, the buses inside, and publishing it.
import { html, useState, useMemo, useId } from '../lib/html.js';
import { call } from '../lib/api.js';
import { Form } from '../lib/form.js';
import { isInside, crossesItself } from '../lib/grid.js';
import { has, notify, state } from '../lib/state.js';

// In the address and in the text field: a corner a line (in the address ";"), longitude and latitude in degrees.
export const textOf = (corners) => corners.map(([x, y]) => `${x} ${y}`).join(';');
export function cornersOf(text) {
  const corners = [],
    wrong = [];
  text
    .split(/[;\n]/)
    .map((line) => line.trim())
    .forEach((line, i) => {
      if (!line) return;
      const [x, y, ...rest] = line.split(/[\s,]+/).map(Number);
      if (rest.length || !(Math.abs(x) <= 180) || !(Math.abs(y) <= 90))
        wrong.push(`Line ${i + 1}: write longitude and latitude in degrees, such as 23.81 37.95`);
      else corners.push([x, y]);
    });
  return { corners, wrong };
}

function depthOf(location, locations) {
  let n = 0,
    at = location;
  while ((at = locations.find((l) => l.id === at.parent))) n += 1;
  return n;
}

export function ZonePanel({ zone, text, onText, places, network, locations, onCancel, onDone }) {
  const me = state.me.value,
    prefix = useId();
  const [written, setWritten] = useState(null), // as it is being typed
    [left, setLeft] = useState(() => new Set()), // buses that are not to be in it
    [taken, setTaken] = useState(() => new Set()); // buses that the server says are in another location
  const lines = written ?? text.replaceAll(';', '\n'),
    { wrong } = cornersOf(lines);
  const isClosed = zone.length > 2,
    isCrossed = isClosed && crossesItself(zone);
  const inside = useMemo(
    () => (isClosed ? [...places].filter(([, at]) => isInside(at, zone)).map(([bus]) => bus) : []),
    [places, zone],
  );
  const buses = inside.filter((bus) => !left.has(bus));
  // The deepest location that has all corners inside is the one above.
  const parent = locations
    .filter((l) => l.polygon && isClosed && zone.every((corner) => isInside(corner, l.polygon.coordinates[0])))
    .sort((a, b) => depthOf(b, locations) - depthOf(a, locations))[0];
  const type = (value) => {
    setWritten(value);
    const now = cornersOf(value);
    if (!now.wrong.length) onText(textOf(now.corners));
  };
  const isReady = isClosed && !isCrossed && wrong.length === 0;
  const operators = [...state.organisations.value].filter(([id]) => id === me.organisation);
  const publish = async (body, key) => {
    try {
      return await call('create-location', { area: state.area.value.id }, body, { key });
    } catch (problem) {
      const pointers = (problem.errors ?? []).map((e) => /^\/buses\/(\d+)$/.exec(e.pointer)?.[1]).filter(Boolean);
      if (pointers.length) setTaken((now) => new Set([...now, ...pointers.map((i) => buses[i])]));
      throw problem;
    }
  };
  return html`<section class="zone" aria-labelledby=${`${prefix}-title`}><h2 id=${`${prefix}-title`}>New congestion zone</h2>
    <p class="note">Click or tap the map to put corners, drag them to move them. With the keyboard: go to the map, move it with the arrow keys,
      Enter puts a corner at the cross in its middle, Backspace takes the last one away. Or write them here.</p>
    <div class=${`field ${wrong.length || isCrossed ? 'wrong' : ''}`}>
      <label for=${`${prefix}-corners`}>Corners</label>
      <textarea id=${`${prefix}-corners`} rows=${Math.min(10, Math.max(4, zone.length + 1))} value=${lines} spellcheck="false"
        placeholder="23.85 37.95"
        aria-describedby=${`${prefix}-tip ${prefix}-wrong`} aria-invalid=${wrong.length || isCrossed ? 'true' : undefined}
        onInput=${(e) => type(e.target.value)} onBlur=${() => wrong.length === 0 && setWritten(null)}></textarea>
      <small id=${`${prefix}-tip`}>One a line: longitude, latitude in degrees. ${zone.length} so far, three or more are needed.</small>
      <strong id=${`${prefix}-wrong`} class="error" role="alert">${
        wrong.length ? wrong.join('. ') : isCrossed ? 'Sides cross each other: put the corners in order around the zone.' : ''
      }</strong></div>
    <div class="buttons">
      <button type="button" disabled=${!zone.length}
        onClick=${() => (setWritten(null), onText(textOf(zone.slice(0, -1))))}>Take the last one away</button>
      <button type="button" disabled=${!zone.length} onClick=${() => (setWritten(null), onText(''))}>Begin again</button>
      <button type="button" onClick=${onCancel}>Stop drawing</button></div>
    ${
      places.size > 0
        ? html`<fieldset class="buses"><legend>Buses inside: ${buses.length}</legend>
          ${
            inside.length === 0
              ? html`<p class="empty">${
                  isClosed ? 'None of the network’s buses lies inside.' : 'They appear when there are three corners.'
                }</p>`
              : ''
          }
          ${inside.map(
            (bus) =>
              html`<label key=${bus}><input type="checkbox" checked=${!left.has(bus)} onChange=${(e) => {
                const next = new Set(left);
                if (e.target.checked) next.delete(bus);
                else next.add(bus);
                setLeft(next);
              }} /> ${bus}${taken.has(bus) ? html` <strong class="error">is in another location</strong>` : ''}</label>`,
          )}
          ${
            taken.size > 0 &&
            html`<div class="buttons"><button type="button"
              onClick=${() => setLeft(new Set([...left, ...taken]))}>Leave out those of other locations</button></div>
            <p class="note">A bus belongs to one location. To move it here, first
              take it out of the buses of its present one, under Grid locations.</p>`
          }</fieldset>`
        : html`<p class="note">${
            network?.buses?.length
              ? 'The network’s coordinates are not degrees in this area'
              : 'The area has no network that can be drawn'
          }: name the buses in the form.</p>`
    }
    ${
      isReady
        ? html`<${Form} operation="create-location" params=${{ area: state.area.value.id }} submit="Publish the zone"
            fields=${['name', 'parent', 'priority', 'control_area', ...(places.size ? [] : ['buses'])]}
            fixed=${{ polygon: { type: 'Polygon', coordinates: [[...zone, zone[0]]] }, ...(places.size ? { buses } : {}) }}
            start=${{ parent: parent?.id, control_area: parent?.control_area, priority: has('dso', 'tso') ? me.organisation : '' }}
            choices=${{ parent: locations.map((l) => [l.id, l.name]), priority: operators }} perform=${publish}
            onDone=${(made) => {
              notify('done', 'The zone is published', made.name);
              return onDone(made);
            }} />`
        : html`<p class="note">The form for its name and publishing appears when the corners make a zone.</p>`
    }</section>`;
}
