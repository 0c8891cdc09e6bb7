// What network-aware trading stands on: per period how trades are checked and on which operating points, how fresh those are, and
// what they say.
import { html, useMemo, useState, useEffect } from '../lib/html.js';
import { all, call, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge, columnsOf } from '../lib/table.js';
import { Chart, numbers } from '../lib/chart.js';
import { route, set, link } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { clock, day, iso, moment, number, words } from '../lib/format.js';

const SOURCES = {
  fresh: ['good', 'of operating points in time'],
  nominal: ['plain', 'of the network’s nominal values'],
  awaited: ['wait', 'operating points are awaited before their deadline'],
  stale: ['bad', 'operating points are stale'],
  missing: ['bad', 'operating points are missing'],
  other_stale: ['wait', 'those of others are stale'],
  network_unusable: ['bad', 'the network cannot be used'],
};
const FALLBACKS = { last: 'the last ones count', nominal: 'the network’s nominal values count', off: 'trades are not checked' };
const CHECKS = { unchecked: 'off', blocked: 'bad', dc: 'good', ac: 'good' };
const tag = (kind, word) => html`<span class=${`badge ${kind}`}>${words(word)}</span>`;

export function age(instant) {
  const minutes = Math.floor((Date.now() - new Date(instant).getTime()) / 60000);
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
}
export function freshness(point) {
  if (!point.values_entered) return ['bad', 'never delivered'];
  if (point.stale_after_seconds === null) return ['good', `${age(point.values_entered)} old`];
  const isStale = Date.now() - new Date(point.values_entered).getTime() > 1000 * point.stale_after_seconds;
  return [isStale ? 'bad' : 'good', `${age(point.values_entered)} old${isStale ? ': stale' : ''}`];
}

// The clock that ages depend on.
export function useMinute() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30000);
    return () => clearInterval(timer);
  }, []);
}

const round6 = (value) => Number(value.toFixed(6));
function Values({ point }) {
  const area = state.area.value;
  const data = useData(
    (signal) => call('get-operating-values', { operating_point: point.id }, undefined, { signal }),
    [point.id, point.values_version],
  );
  const shaped = useMemo(() => {
    if (!data.value) return null;
    const { start, values } = data.value,
      length = Math.max(0, ...values.map((v) => v.p.length));
    const times = Array.from({ length }, (_, i) => new Date(start).getTime() + 1000 * i * area.period_seconds);
    const nameOf = (v) => (v.bus ? `Bus ${v.bus}` : (v.asset ?? v.portfolio));
    const sums = times.map((_, i) => round6(values.reduce((sum, v) => sum + Number(v.p[i] ?? 0), 0)));
    const ordered = [...values].sort((a, b) => Math.abs(Number(b.p[0])) - Math.abs(Number(a.p[0])));
    return { times, sums, ordered, nameOf };
  }, [data.value]);
  return html`<${Loaded} data=${data}>${(value) => {
    const { times, sums, ordered, nameOf } = shaped;
    const series = [
      { label: 'Sum', values: numbers(sums), style: 'step' },
      ...ordered.slice(0, 5).map((v) => ({ label: nameOf(v), values: numbers(v.p), style: 'step' })),
    ];
    const rows = times.flatMap((at, i) => ordered.map((v) => ({ at, where: nameOf(v), p: v.p[i], q: v.q?.[i] ?? null })));
    const columns = [
      { name: 'start', title: 'Period', value: (r) => iso(r.at), show: (r) => `${day(r.at)} ${clock(r.at)}` },
      { name: 'where', title: 'Where', value: (r) => r.where, show: (r) => r.where },
      { name: 'p', title: 'MW', numeric: true, value: (r) => r.p, show: (r) => number(r.p) },
      { name: 'q', title: 'Mvar', numeric: true, value: (r) => r.q ?? '', show: (r) => number(r.q) || '–' },
    ];
    return html`<p class="note">Version ${value.version}, entered ${moment(value.entered)}. Injections: what is taken from the grid is negative.</p>
      <${Chart} name=${`${point.id}-values`} title=${`${point.name}: sum and the largest ${Math.min(5, ordered.length)}`} unit="MW"
        x=${numbers(times.map((t) => t / 1000))} series=${series} />
      <details><summary>All values, ${number(rows.length)}</summary><${Table} name=${`${point.id}-values`} columns=${columns} rows=${rows}
        keyOf=${(r) => `${r.at} ${r.where}`} /></details>`;
  }}<//>`;
}

export function Outlook() {
  const area = state.area.value,
    me = state.me.value,
    query = route.value.query;
  useMinute();
  const data = useData(
    async (signal) => {
      const list = (id) => (isAllowed(id, me) ? all(id, { area: area.id }, { signal, most: 20000 }).then((a) => a.items) : null);
      const [network, points, lights, conditions] = await Promise.all([
        call('get-network-state', { area: area.id }, undefined, { signal }),
        list('list-operating-points'),
        list('list-traffic-lights'),
        list('list-grid-conditions'),
      ]);
      return { network, points, lights, conditions };
    },
    [area?.id],
    { events: /^network|^traffic_light|^operating|^gate/, every: 2000 },
  );
  if (!area) return html`<h1>Outlook</h1><p class="empty">There is no market area yet.</p>`;
  return html`<header class="page"><h1>Outlook of the grid</h1><p
    class="note">How trades are checked against the grid in each period, on which operating points, and how fresh they are.</p></header>
    <${Loaded} data=${data}>${({ network, points, lights, conditions }) => {
      const byStart = new Map();
      for (const l of lights)
        byStart.set(l.start, { ...byStart.get(l.start), [l.colour]: (byStart.get(l.start)?.[l.colour] ?? 0) + 1 });
      const checks = new Map(network.periods.map((p) => [p.start, p]));
      const starts = [...new Set([...byStart.keys(), ...checks.keys()])].sort();
      const rows = starts.map((start) => ({
        start,
        check: checks.get(start)?.check ?? 'unchecked',
        source: checks.get(start)?.source ?? null,
        green: 0,
        yellow: 0,
        red: 0,
        ...byStart.get(start),
      }));
      const bad = rows.filter((r) => r.check === 'blocked' || ['stale', 'missing', 'network_unusable'].includes(r.source)).length;
      const reds = rows.filter((r) => r.red > 0).length;
      const opened = points?.find((p) => p.id === query.open);
      const light = (word) => ({
        name: word,
        title: words(word),
        numeric: true,
        value: (r) => r[word],
        show: (r) => (r[word] ? html`${badge(word)} ${r[word]}` : '–'),
      });
      const columns = [
        { name: 'start', title: 'Period', value: (r) => r.start, show: (r) => `${day(r.start)} ${clock(r.start)}` },
        {
          name: 'check',
          title: 'Trades are',
          value: (r) => r.check,
          show: (r) => tag(CHECKS[r.check], r.check === 'dc' || r.check === 'ac' ? `checked, ${r.check.toUpperCase()}` : r.check),
        },
        {
          name: 'source',
          title: 'On',
          value: (r) => r.source ?? '',
          show: (r) => (r.source ? html`${tag(SOURCES[r.source][0], r.source)} ${SOURCES[r.source][1]}` : '–'),
        },
        light('green'),
        light('yellow'),
        light('red'),
      ];
      const pointColumns = [
        ...columnsOf(itemSchema('list-operating-points'), ['id', 'name', 'organisation', 'origin', 'covers', 'required']),
        {
          name: 'values_entered',
          title: 'Last delivered',
          value: (p) => p.values_entered ?? '',
          show: (p) => (p.values_entered ? moment(p.values_entered) : '–'),
        },
        {
          name: 'freshness',
          title: 'Freshness',
          value: (p) => freshness(p)[1],
          show: (p) => html`<span class=${`badge ${freshness(p)[0]}`}>${freshness(p)[1]}</span>`,
        },
        {
          name: 'deadline_seconds',
          title: 'Deadline, min before',
          numeric: true,
          value: (p) => p.deadline_seconds / 60,
          show: (p) => number(p.deadline_seconds / 60),
        },
        {
          name: 'stale_after_seconds',
          title: 'Stale after, h',
          numeric: true,
          value: (p) => p.stale_after_seconds ?? '',
          show: (p) => (p.stale_after_seconds === null ? 'never' : number(round6(p.stale_after_seconds / 3600))),
        },
      ];
      return html`
        <ul class="matters">${bad > 0 && html`<li class="bad">${bad} periods stand on stale or missing operating points, or are blocked</li>`}
          ${reds > 0 && html`<li class="bad"><a href=${link('grid')}>${reds} periods have red locations</a></li>`}</ul>
        <dl class="details">
          <div><dt>Trades are checked</dt><dd>${
            network.mode === 'off' ? 'not: the mode is off' : `with ${network.mode.toUpperCase()} limits`
          }${network.mode !== network.configured ? ` (configured: ${network.configured})` : ''}</dd>
              </div>
          <div><dt>Network</dt><dd>${network.network ?? 'none'}${network.version ? `, state ${network.version}` : ''}</dd></div>
          <div><dt>State made</dt><dd>${network.applied ? moment(network.applied) : '–'}</dd></div>
          <div><dt>When operating points are missing</dt><dd>${
            network.stale_rule === 'block' ? 'trades are blocked' : `${FALLBACKS[network.fallback]}`
          }</dd></div></dl>
        ${
          points &&
          html`<section><h2>Sources of operating points</h2><${Table} name="operating-points" columns=${pointColumns} rows=${points}
            keyOf=${(p) => p.id}
            onOpen=${(p) => set({ open: p.id })} empty="Nobody delivers forecasts or schedules that you may see." />
          ${
            opened &&
            html`<section class="opened"><header class="page"><h3>${opened.name}, ${organisationName(opened.organisation)}</h3><button class="quiet"
              onClick=${() => set({ open: '' })}>Close</button></header>
            ${opened.values_entered ? html`<${Values} point=${opened} />` : html`<p class="empty">No values have been delivered yet.</p>`}</section>`
          }</section>`
        }
        <section><h2>Periods</h2><${Table} name="outlook" columns=${columns} rows=${rows} keyOf=${(r) => r.start} empty="No open periods." />
          </section>
        ${
          conditions &&
          html`<section><h2>Outages, switches and temporary limits</h2><${Table} name="grid-conditions"
            columns=${columnsOf(itemSchema('list-grid-conditions'), ['id', 'kind', 'element', 'from', 'until', 'reason'])}
            rows=${conditions} keyOf=${(c) => c.id} empty="The grid is in its normal state." /></section>`
        }`;
    }}<//>`;
}
