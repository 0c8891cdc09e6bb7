// Any time series of the market together: meters, prices, forecasts, data of other markets. One chart a unit; all move together and show the
// same instant. What is chosen is in the address.
import { html, signal, useState, useEffect, useMemo, useRef } from '../lib/html.js';
import { Chart, statisticsOf, shortNumber } from '../lib/chart.js';
import { allowedSources, readSeries, gridOf, onGrid, forget, today, STEPS } from '../lib/series.js';
import { Table, save } from '../lib/table.js';
import { Loaded, ProblemNote } from '../lib/parts.js';
import { useData } from '../lib/data.js';
import { route, set } from '../lib/route.js';
import { state } from '../lib/state.js';
import { instantOf, iso, moment, number, shiftDay } from '../lib/format.js';

const HOWS = [
  ['', 'sum of energies, else mean'],
  ['mean', 'mean'],
  ['min', 'least'],
  ['max', 'most'],
  ['sum', 'sum'],
];
const MOST_SHOWN = 40;

function Choice({ groups, chosen, onChange }) {
  const [filter, setFilter] = useState(''),
    wanted = filter.trim().toLowerCase();
  const toggle = (key, isWanted) => onChange(isWanted ? [...chosen, key] : chosen.filter((other) => other !== key));
  return html`<div class="choice"><input type="search" aria-label="Filter the series" placeholder="Filter the series" value=${filter}
      onInput=${(e) => setFilter(e.target.value)} />
    ${groups.map((group) => {
      const fitting = group.items.filter((item) => !wanted || `${group.title} ${item.title}`.toLowerCase().includes(wanted));
      const shown = fitting.slice(0, wanted ? 100 : MOST_SHOWN);
      const all_ = fitting.length > 1 && fitting.length <= MOST_SHOWN;
      return html`<details open=${group.items.length <= 12 || Boolean(wanted)}>
        <summary>${group.title} <small>${number(fitting.length)}${group.note ? `; ${group.note}` : ''}</small></summary>
        ${group.problem && html`<${ProblemNote} problem=${group.problem} />`}
        ${group.items.length === 0 && !group.problem && html`<p class="empty">None.</p>`}
        ${
          all_ &&
          html`<div class="buttons">
            <button class="quiet" onClick=${() => onChange([...new Set([...chosen, ...fitting.map((i) => i.key)])])}>All</button>
          <button class="quiet" onClick=${() => onChange(chosen.filter((key) => !fitting.some((i) => i.key === key)))}>None</button></div>`
        }
        <ul>${shown.map(
          (item) => html`<li><label><input type="checkbox" checked=${chosen.includes(item.key)}
            onChange=${(e) => toggle(item.key, e.target.checked)} /> ${item.title} <small>${item.unit}</small></label></li>`,
        )}</ul>
        ${shown.length < fitting.length && html`<p class="note">${number(fitting.length - shown.length)} more: filter to see them.</p>`}</details>`;
    })}</div>`;
}

function Statistics({ panels, range, grid }) {
  const [shown, setShown] = useState(range.value);
  useEffect(() => {
    let timer;
    const stop = range.subscribe((value) => {
      clearTimeout(timer);
      timer = setTimeout(() => setShown(value), 120);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [range]);
  const rows = useMemo(
    () =>
      panels.flatMap((panel) =>
        panel.series.map((s) => ({ series: s.label, unit: panel.unit, ...statisticsOf(grid.x, s.values, shown) })),
      ),
    [panels, shown, grid],
  );
  const figure = (name, title) => ({
    name,
    title,
    numeric: true,
    value: (r) => (Number.isFinite(r[name]) ? r[name] : ''),
    show: (r) => shortNumber(r[name]),
  });
  const [from, to] = shown ?? [grid.x[0], grid.to];
  return html`<h2>From ${moment(from * 1000).slice(0, 16)} to ${moment(to * 1000).slice(0, 16)}</h2>
    <p class="note">Of what the charts show: drag over a chart, or use its buttons, to choose another range.</p>
    <${Table} name="statistics" keyOf=${(r) => r.series} rows=${rows} columns=${[
      { name: 'series', title: 'Series', value: (r) => r.series, show: (r) => r.series },
      { name: 'unit', title: 'Unit', value: (r) => r.unit, show: (r) => r.unit },
      figure('count', 'Values'),
      figure('min', 'Least'),
      figure('mean', 'Mean'),
      figure('max', 'Most'),
      figure('sum', 'Sum'),
    ]} />`;
}

export function SeriesExplorer() {
  const query = route.value.query,
    area = state.area.value;
  const chosen = useMemo(() => (query.show ? query.show.split(',') : []), [query.show]);
  const to = query.to ?? today(),
    from = query.from ?? shiftDay(to, -6),
    step = query.step ?? 'period',
    how = query.by ?? '';
  const range = useMemo(() => signal(null), [from, to, area?.id]);
  const [progress, setProgress] = useState(null),
    counter = useRef({ asked: 0, done: 0 });
  const groups = useData(
    async (signal_) => {
      if (!area) return [];
      return Promise.all(
        allowedSources().map(async (source) => {
          try {
            return { ...source, items: await source.list(signal_) };
          } catch (problem) {
            if (problem.name === 'AbortError') throw problem;
            return { ...source, items: [], problem };
          }
        }),
      );
    },
    [area?.id, state.locations.value.length],
  );
  const known = useMemo(
    () => new Map((groups.value ?? []).flatMap((g) => g.items).map((item) => [item.key, item])),
    [groups.value],
  );
  const [begin, end] = [instantOf(from).getTime() / 1000, instantOf(shiftDay(to, 1)).getTime() / 1000];
  const data = useData(
    async (signal_) => {
      const count = (counter.current = { asked: 0, done: 0 });
      let last = 0;
      const told = (asked, done) => {
        count.asked += asked;
        count.done += done;
        if (Date.now() - last > 150 && count === counter.current) {
          last = Date.now();
          setProgress({ ...count });
        }
      };
      const read = await Promise.all(chosen.map(async (key) => [key, await readSeries(key, begin, end, signal_, told)]));
      setProgress(null);
      return new Map(read);
    },
    [area?.id, query.show, begin, end],
  );
  const grid = useMemo(() => gridOf(from, to, step), [from, to, step, area?.id]);
  const panels = useMemo(() => {
    const byUnit = new Map();
    chosen.forEach((key) => {
      const item = known.get(key),
        read = data.value?.get(key);
      if (!item || !read) return;
      if (!byUnit.has(item.unit)) byUnit.set(item.unit, []);
      const values = onGrid(grid, read, how || (item.isSum ? 'sum' : 'mean'), item.holds);
      byUnit.get(item.unit).push({ label: item.title, values, style: 'step' });
    });
    return [...byUnit].map(([unit, series]) => ({ unit, series }));
  }, [data.value, known, grid, how, query.show]);
  if (!area) return html`<h1>Time series</h1><p class="empty">There is no market area yet.</p>`;
  const setRange = (a, z) => set({ from: a, to: z === today() ? '' : z });
  const dateField = (title, value, change) => html`<label>${title} <input type="text" inputmode="numeric" size="10" value=${value}
    onChange=${(e) => (Number.isNaN(instantOf(e.target.value).getTime()) ? (e.target.value = value) : change(e.target.value))} /></label>`;
  const exportAll = () => {
    const all_ = panels.flatMap((panel) => panel.series.map((s) => ({ ...s, unit: panel.unit })));
    const quote = (text) => `"${text.replaceAll('"', '""')}"`;
    const lines = [['time', ...all_.map((s) => quote(`${s.label} (${s.unit})`))].join(',')];
    grid.x.forEach((second, i) =>
      lines.push([iso(second * 1000), ...all_.map((s) => (Number.isNaN(s.values[i]) ? '' : s.values[i]))].join(',')),
    );
    save('series.csv', 'text/csv', lines.join('\r\n'));
  };
  const isEmpty = panels.length > 0 && panels.every((panel) => panel.series.every((s) => s.values.every(Number.isNaN)));
  return html`<header class="page"><h1>Time series</h1>
      <div class="tools no-print">
        <button aria-label="Earlier" onClick=${() => setRange(shiftDay(from, -days(from, to)), shiftDay(to, -days(from, to)))}>‹</button>
        ${dateField('From', from, (value) => setRange(value, value > to ? value : to))}
        ${dateField('to', to, (value) => setRange(value < from ? value : from, value))}
        <button aria-label="Later" onClick=${() => setRange(shiftDay(from, days(from, to)), shiftDay(to, days(from, to)))}>›</button>
        ${[
          [1, 'Day'],
          [7, 'Week'],
          [31, 'Month'],
          [366, 'Year'],
        ].map(([length, title]) => html`<button onClick=${() => setRange(shiftDay(to, 1 - length), to)}>${title}</button>`)}
        <label>Resolution <select value=${step} onChange=${(e) => set({ step: e.target.value })}>${STEPS.map(
          ([of, title]) => html`<option
          value=${of}>${title}</option>`,
        )}</select></label>
        <label>Each step is the <select value=${how} onChange=${(e) => set({ by: e.target.value })}>${HOWS.map(
          ([of, title]) => html`<option
          value=${of}>${title}</option>`,
        )}</select></label>
        ${panels.length > 0 && html`<button onClick=${exportAll}>CSV of all</button><button onClick=${() => print()}>Print</button>`}
        <button onClick=${() => {
          forget();
          groups.reload();
          data.reload();
        }}>Read again</button>
      </div></header>
    <div class="explorer"><section class="no-print" aria-label="Series to choose"><${Loaded} data=${groups}>${(
      value,
    ) => html`<${Choice}
      groups=${value} chosen=${chosen} onChange=${(keys) => set({ show: keys.join(',') })} />`}<//></section>
      <section aria-labelledby="charts"><h2 id="charts" class="hidden">Charts</h2>
        ${
          progress &&
          html`<p role="status">Reading ${number(progress.done)} of ${number(progress.asked)} <progress max=${progress.asked}
          value=${progress.done}></progress></p>`
        }
        ${chosen.length === 0 && html`<p class="empty">Choose one or more series on the left. They are shown together, one chart a unit.</p>`}
        <${Loaded} data=${data}>${() => html`
          ${isEmpty && html`<p class="empty">There are no values from ${from} to ${to}. Choose other days.</p>`}
          ${panels.map(
            (panel) => html`<${Chart} key=${panel.unit} name=${`series-${panel.unit.replace(/\W+/g, '-')}`} title=${title(panel)}
            unit=${panel.unit} x=${grid.x} series=${panel.series} sync="series" range=${range} height=${panels.length > 2 ? 220 : 300} />`,
          )}
          ${panels.length > 0 && html`<${Statistics} panels=${panels} range=${range} grid=${grid} />`}`}<//>
      </section></div>`;
}

const days = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 864e5) + 1;
const KINDS = [
  [/\/(MWh|Mvarh)$/, 'Prices'],
  [/^(MWh|Mvarh)$/, 'Energy'],
  [/^(MW|Mvar)$/, 'Power'],
];
const title = (panel) =>
  panel.series.length === 1
    ? panel.series[0].label
    : (KINDS.find(([unit]) => unit.test(panel.unit))?.[1] ?? `${panel.series.length} series`);
