// Charts: lines, steps and bars over time, numbers or names, by uPlot. Every chart is also a table (a switch), can be zoomed and moved
// with mouse, wheel, buttons and keys, and is exported as CSV, JSON, PNG and SVG. Charts that are given the same `range` (a signal,
// null: everything) and `sync` move together. Lines differ by colour (distinguishable for colour-blind people) and, from the seventh on,
// by dashes. Values are numbers, NaN: none; nothing here makes a DOM node per point.
import { html, signal, useState, useEffect, useMemo, useRef } from './html.js';
import uPlot from 'uplot';
import { Table, save } from './table.js';
import { svgOf, pngOf } from './chart_export.js';
import { state } from './state.js';
import { clock, day, iso, moment, number, zone } from './format.js';

export const COLOURS = 6;
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
export const lineOf = (i) => ({ colour: i % COLOURS, dash: Math.floor(i / COLOURS) % DASHES.length });
export const dashOf = (line) => DASHES[line.dash];

// Colours of the theme, read once per theme.
let palette = null;
const css = (name) => {
  palette ??= new Map();
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
};
export const colourOf = (line) => css(`--line-${line.colour + 1}`);

// Paper is white: charts are drawn in the light colours while a page is printed.
const drawn = new Set();
const repaint = () => {
  palette = null;
  for (const plot of drawn) plot.redraw(false);
};
addEventListener('beforeprint', () => {
  document.documentElement.dataset.theme = 'light';
  repaint();
});
addEventListener('afterprint', () => {
  document.documentElement.dataset.theme = state.theme.value;
  repaint();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
state.theme.subscribe(() => queueMicrotask(repaint));

export const shortNumber = (value) => (Number.isFinite(value) ? number(String(Number(value.toPrecision(7)))) : '–');
export const numbers = (values) => Float64Array.from(values, (value) => (value === null || value === '' ? NaN : Number(value)));
const hasGap = (values) => values.some(Number.isNaN);

// As uPlot wants them: null where there is nothing. A step that ends before the last instant is drawn to its end.
function drawable(values, isStep) {
  if (!hasGap(values)) return values;
  const out = Array.from(values, (v) => (Number.isNaN(v) ? null : v)),
    last = out.findLastIndex((v) => v !== null);
  if (isStep && last >= 0 && last + 1 < out.length) out[last + 1] = out[last];
  return out;
}

// Where many values share a pixel, hairlines without dashes look the same and are drawn several times faster.
function thin(plot) {
  const [from, to] = plot.series[0].idxs ?? [0, 0],
    isDense = to - from > plot.bbox.width;
  for (const series of plot.series.slice(1)) {
    series.width = series.isBar ? 0 : isDense ? 1 / devicePixelRatio : 1.75;
    series.dash = isDense ? [] : series.ownDash;
  }
}

// Labels of the time axis in the market's zone; the day stands below where it begins.
function timeLabels(splits, step) {
  let last = '';
  return splits.map((second) => {
    const date = day(second * 1000),
      isLong = step >= 86400,
      below = isLong ? date.slice(0, 4) : date,
      isNew = below !== last;
    last = below;
    return (isLong ? date.slice(5) : clock(second * 1000)) + (isNew ? `\n${below}` : '');
  });
}

// Where x values stand in a sorted list: the last one that is not behind `value`.
function indexAt(x, value) {
  let low = 0,
    high = x.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (x[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

const paths = {
  line: uPlot.paths.linear(),
  step: uPlot.paths.stepped({ align: 1, alignGaps: 1 }),
  bar: uPlot.paths.bars({ size: [0.7, 60] }),
};
// Steps where there is room for them, otherwise lines, which uPlot draws as one stroke a pixel.
const pathOf = (style) => (plot, series, from, to) =>
  (style === 'step' && to - from > plot.bbox.width ? paths.line : paths[style])(plot, series, from, to);

// Names longer than this are written aslant below the chart.
const LEVEL = 4;
const longestOf = (kind, labels) => (kind === 'category' ? labels.reduce((most, label) => Math.max(most, label.length), 0) : 0);

function optionsOf({ kind, labels, series, sync, width, height, points, at, tell, onZoom, extent, x }) {
  const axis = {
    stroke: () => css('--muted'),
    grid: { stroke: () => css('--line'), width: 1 },
    ticks: { stroke: () => css('--line'), width: 1 },
  };
  const size = Math.round(0.8 * parseFloat(getComputedStyle(document.documentElement).fontSize)), // uPlot takes whole pixels alone
    font = `${size}px system-ui, sans-serif`;
  const named = (splits) => splits.map((i) => (Number.isInteger(i) ? (labels[i] ?? '') : ''));
  const covers = (low, high) => low === null || x().length === 0 || (low <= x()[0] && high >= x()[x().length - 1]);
  const longest = longestOf(kind, labels),
    isTurned = longest > LEVEL;
  return {
    width,
    height: height + (isTurned ? 4 * Math.min(longest, 24) : 0),
    ms: 1e-3,
    tzDate: (second) => uPlot.tzDate(new Date(second * 1000), zone()),
    legend: { show: false },
    focus: { alpha: 0.15 },
    padding: [10, kind === 'time' ? 40 : isTurned ? 3 * Math.min(longest, 24) : 14, 0, 0],
    scales: {
      x: { time: kind === 'time', auto: false, range: (_, low, high) => (covers(low, high) ? extent() : [low, high]) },
      y: {
        range: (_, low, high) =>
          rangeOf(
            low,
            high,
            series.some((s) => s.isFromZero ?? s.style === 'bar'),
          ),
      },
    },
    axes: [
      {
        ...axis,
        font,
        size: kind === 'time' ? 4 * size : isTurned ? 2.5 * size + 0.4 * size * Math.min(longest, 24) : 3 * size,
        rotate: isTurned ? -45 : 0,
        space: kind === 'time' ? 6 * size : isTurned ? 1.7 * size : 4 * size,
        ...(kind === 'category'
          ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], values: (_, splits) => named(splits) }
          : {}),
        ...(kind === 'time' ? { values: (_, splits, __, ___, step) => timeLabels(splits, step) } : {}),
        ...(kind === 'number' ? { values: (_, splits) => splits.map(shortNumber) } : {}),
      },
      {
        ...axis,
        font,
        values: (_, splits) => splits.map(shortNumber),
        size: (_, values) => 18 + 0.63 * size * Math.max(3, ...(values ?? []).map((text) => text.length)),
      },
    ],
    series: [
      {},
      ...series.map((s) => ({
        label: s.label,
        show: !s.isHidden,
        stroke: () => colourOf(s.line),
        fill: s.style === 'bar' ? () => colourOf(s.line) : undefined,
        dash: s.style === 'bar' ? undefined : dashOf(s.line),
        ownDash: dashOf(s.line),
        isBar: s.style === 'bar',
        width: s.style === 'bar' ? 0 : 1.75,
        paths: s.style === 'points' ? () => null : pathOf(s.style ?? 'line'),
        points: {
          show: s.style === 'points' || (s.style !== 'bar' && s.style !== 'step' && points < 60),
          size: s.style === 'points' ? 9 : 5,
        },
      })),
    ],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: true, dist: 4 },
      dataIdx: (plot, _, closest) => at(plot) ?? closest,
      points: { show: series.length <= 12, size: 7 },
      ...(sync
        ? {
            sync: {
              key: sync,
              setSeries: false,
              scales: ['x', null],
              filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
            },
          }
        : {}),
    },
    hooks: {
      drawClear: [thin],
      setCursor: [tell],
      setScale: [(plot, key) => key === 'x' && onZoom(plot.scales.x)],
    },
  };
}

// Room above and below; bars begin at zero.
function rangeOf(low, high, fromZero) {
  if (low === null || high === null) return [0, 1];
  const [a, z] = fromZero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
  const room = (z - a || Math.abs(z) || 1) * 0.06;
  return [fromZero && a === 0 ? 0 : a - room, fromZero && z === 0 ? 0 : z + room];
}

function summaryOf(title, unit, series, xText, x) {
  const parts = series.slice(0, 12).map((s) => {
    let least = Infinity,
      most = -Infinity;
    for (const value of s.values) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    return least <= most
      ? `${s.label}: ${shortNumber(least)} to ${shortNumber(most)} ${s.unit ?? unit}`
      : `${s.label}: no values`;
  });
  const span = x.length ? `${xText(0)} to ${xText(x.length - 1)}. ` : '';
  return `${title}. ${span}${parts.join('; ')}. Arrow keys read single values, + and − zoom, 0 shows everything.`;
}

// `series`: [{label, values, unit, style: line | step | bar | points, isHidden, line: {colour, dash}, isFromZero}], isFromZero: zero is shown,
// as it is with bars when not said;
// `kind`: time (x in seconds of UTC), number, or category (x: 0, 1, 2 ...; `labels`). `xTitle`: heading of x in tables.
export function Chart({
  name,
  title,
  unit = '',
  kind = 'time',
  x,
  labels,
  xTitle,
  series: given,
  height = 280,
  sync,
  range: shared,
  note,
  actions,
}) {
  const series = useMemo(() => given.map((s, i) => ({ ...s, line: s.line ?? lineOf(i) })), [given]);
  const [isTable, setTable] = useState(false),
    [hidden, setHidden] = useState(new Set()),
    [zoomed, setZoomed] = useState(false);
  const box = useRef(null),
    plot = useRef(null),
    readings = useRef([]),
    when = useRef(null),
    spoken = useRef(null),
    scroller = useRef(null),
    own = useMemo(() => signal(null), []);
  const range = shared ?? own,
    now = useRef({});
  const step = x.length > 1 ? x[x.length - 1] - x[x.length - 2] : kind === 'time' ? (state.area.value?.period_seconds ?? 900) : 1;
  const isStepped = kind === 'time' && series.some((s) => s.style === 'step');
  const extent = () => {
    const { x: values } = now.current;
    if (values.length === 0) return kind === 'time' ? [Date.now() / 1000 - 86400, Date.now() / 1000] : [0, 1];
    const [first, last] = [values[0], values[values.length - 1]];
    if (kind === 'category') return [first - 0.5, last + 0.5];
    return [first, isStepped ? last + step : last > first ? last : last + step];
  };
  now.current = { x, series, extent };
  const xText = (i) => (kind === 'time' ? moment(x[i] * 1000).slice(0, 16) : kind === 'category' ? labels[i] : shortNumber(x[i]));

  const at = (u) => {
    const { x: values } = now.current;
    if (u.cursor.left < 0 || values.length === 0) return null;
    const value = u.posToVal(u.cursor.left, 'x');
    const i = indexAt(values, value);
    return !isStepped && i + 1 < values.length && values[i + 1] - value < value - values[i] ? i + 1 : i;
  };
  const tell = (u) => {
    const i = at(u);
    if (when.current) when.current.textContent = i === null ? '' : now.current.xText(i);
    now.current.series.forEach((s, k) => {
      if (readings.current[k]) readings.current[k].textContent = i === null ? '' : shortNumber(s.values[i]);
    });
  };
  now.current.xText = xText;

  const data = useMemo(() => {
    const tail = isStepped && x.length ? 1 : 0;
    const longer = (values, last) => {
      if (!tail) return values;
      const out = new Float64Array(values.length + 1);
      out.set(values);
      out[values.length] = last;
      return out;
    };
    return [
      longer(x, x[x.length - 1] + step),
      ...series.map((s) => drawable(longer(s.values, s.values[s.values.length - 1]), s.style === 'step')),
    ];
  }, [x, series, isStepped]);
  const form = JSON.stringify([kind, unit, labels?.length, isStepped, series.map((s) => [s.label, s.style, s.line, s.isHidden])]);

  useEffect(() => {
    if (isTable) return undefined;
    const element = box.current,
      width = () => Math.max(200, element.clientWidth);
    const onZoom = ({ min, max }) => {
      const [low, high] = now.current.extent();
      const next = min <= low && max >= high ? null : [min, max];
      if (String(next) !== String(range.value)) range.value = next;
    };
    const u = new uPlot(
      optionsOf({
        kind,
        labels,
        series,
        sync,
        width: width(),
        height,
        points: x.length,
        at,
        tell,
        onZoom,
        extent: () => now.current.extent(),
        x: () => now.current.x,
      }),
      data,
      element,
    );
    plot.current = u;
    drawn.add(u);
    u.root.setAttribute('aria-hidden', 'true'); // the box around it says what it is
    const watch = new ResizeObserver(() => {
      if (width() !== u.width) u.setSize({ width: width(), height: u.height });
    });
    watch.observe(element);
    let frame = 0;
    const follow = range.subscribe((next) => {
      setZoomed(next !== null);
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const [min, max] = next ?? now.current.extent();
        if (u.scales.x.min !== min || u.scales.x.max !== max) u.setScale('x', { min, max });
        if (scroller.current && next) scroller.current.value = String(positionOf(next, now.current.extent()));
      });
    });
    // With Ctrl the wheel zooms, with Shift (or sideways) it moves; alone it scrolls the page.
    const onWheel = (event) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (!event.ctrlKey && !sideways) return;
      event.preventDefault();
      const rect = u.over.getBoundingClientRect();
      if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - rect.left) / rect.width);
      else move(sideways / rect.width);
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      element.removeEventListener('wheel', onWheel);
      cancelAnimationFrame(frame);
      follow();
      watch.disconnect();
      drawn.delete(u);
      u.destroy();
      plot.current = null;
    };
  }, [form, isTable, height, sync, range]);
  useEffect(() => {
    const u = plot.current;
    if (!u || u.data === data) return;
    u.setData(data, false);
    const [min, max] = range.value ?? extent();
    u.setScale('x', { min, max });
  }, [data, isTable]);
  useEffect(() => {
    series.forEach((s, k) => plot.current?.setSeries(k + 1, { show: !s.isHidden && !hidden.has(s.label) }));
  }, [hidden, form, isTable]);

  const window_ = () => range.value ?? extent();
  const put = (low, high) => {
    const [first, last] = extent(),
      size = Math.max(Math.min(high - low, last - first), kind === 'category' ? 1 : 2 * step);
    const begin = Math.min(Math.max(first, low), last - size);
    range.value = size >= last - first ? null : [begin, begin + size];
  };
  const zoom = (factor, place = 0.5) => {
    const [low, high] = window_(),
      size = (high - low) * factor;
    put(low + (high - low - size) * place, low + (high - low - size) * place + size);
  };
  const move = (share) => {
    const [low, high] = window_(),
      by = (high - low) * share;
    put(low + by, high + by);
  };
  const onKey = (event) => {
    const u = plot.current;
    if (!u || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const i = u.cursor.left >= 0 ? at(u) : null,
      [low, high] = window_();
    const first = indexAt(x, low) + (x[indexAt(x, low)] < low ? 1 : 0),
      last = indexAt(x, high);
    const to = {
      ArrowRight: i === null ? first : i + 1,
      ArrowLeft: i === null ? last : i - 1,
      Home: first,
      End: last,
      PageDown: (i ?? first) + 10,
      PageUp: (i ?? last) - 10,
    }[event.key];
    if (to !== undefined) {
      const next = Math.max(0, Math.min(x.length - 1, to));
      if (x[next] > high) move(0.5);
      if (x[next] < low) move(-0.5);
      requestAnimationFrame(() => {
        u.setCursor({ left: u.valToPos(x[next] + (isStepped ? step / 2 : 0), 'x'), top: 10 }, true, true);
        spoken.current.textContent = `${xText(next)}: ${series
          .filter((s) => !hidden.has(s.label))
          .map((s) => `${s.label} ${shortNumber(s.values[next])} ${s.unit ?? unit}`)
          .join('; ')}`;
      });
    } else if (event.key === '+') zoom(0.5);
    else if (event.key === '-') zoom(2);
    else if (event.key === '0') range.value = null;
    else if (event.key === 'Escape') u.setCursor({ left: -10, top: -10 });
    else return;
    event.preventDefault();
  };
  const toggle = (label, isAlone) => {
    const next = new Set(hidden);
    if (isAlone) {
      const others = series.map((s) => s.label).filter((of) => of !== label);
      const isAlready = others.every((of) => hidden.has(of)) && !hidden.has(label);
      return setHidden(new Set(isAlready ? [] : others));
    }
    if (!next.delete(label)) next.add(label);
    return setHidden(next);
  };
  // While a line's name is pointed at, the others are faint.
  const single = (k) => series.length > 1 && plot.current?.setSeries(k === null ? null : k + 1, { focus: true });
  const columns = useMemo(
    () => [
      {
        name: kind === 'time' ? 'time' : 'x',
        title: kind === 'time' ? `Time, ${zone()}` : (xTitle ?? 'Place'),
        numeric: kind === 'number',
        value: (i) => (kind === 'time' ? iso(x[i] * 1000) : xText(i)),
        show: xText,
      },
      ...series.map((s) => ({
        name: s.unit || unit ? `${s.label} (${s.unit ?? unit})` : s.label,
        title: `${s.label}${(s.unit ?? unit) ? `, ${s.unit ?? unit}` : ''}`,
        numeric: true,
        value: (i) => (Number.isFinite(s.values[i]) ? s.values[i] : ''),
        show: (i) => shortNumber(s.values[i]),
      })),
    ],
    [x, series, kind, labels, unit],
  );
  const rows = useMemo(() => Array.from(x.keys()), [x]);
  const picture = () =>
    svgOf({
      plot: plot.current,
      title: unit ? `${title}, ${unit}` : title,
      series: series
        .filter((s) => !s.isHidden && !hidden.has(s.label))
        .map((s) => ({ ...s, dash: s.style === 'bar' ? [] : dashOf(s.line) })),
      x,
      step,
      isStepped,
      isTurned: longestOf(kind, labels) > LEVEL,
      css,
    });
  const table = html`<${Table} name=${name} columns=${columns} rows=${rows} keyOf=${(i) => i} empty="No values."
    toJson=${(i) => Object.fromEntries(columns.map((c) => [c.name, c.value(i)]))} />`;
  return html`<figure class="chart" aria-label=${title}>
    <figcaption><h3>${title}${unit && html`<small>, ${unit}</small>`}</h3><output ref=${when} class="when"></output>
      <span class="chart-tools">${actions}
      ${
        !isTable &&
        x.length > 2 &&
        html`<button class="quiet" aria-label="Earlier" title="Earlier (Shift and wheel)" disabled=${!zoomed} onClick=${() => move(-0.5)}>‹</button>
        <button class="quiet" aria-label="Zoom in" title="Zoom in (+, Ctrl and wheel, or drag)" onClick=${() => zoom(0.5)}>+</button>
        <button class="quiet" aria-label="Zoom out" title="Zoom out (−)" disabled=${!zoomed} onClick=${() => zoom(2)}>−</button>
        <button class="quiet" aria-label="Later" title="Later (Shift and wheel)" disabled=${!zoomed} onClick=${() => move(0.5)}>›</button>
        <button class="quiet" disabled=${!zoomed} title="Show everything (0)" onClick=${() => (range.value = null)}>All</button>`
      }
      ${
        !isTable &&
        html`<button class="quiet" onClick=${() => save(`${name}.svg`, 'image/svg+xml', picture())}>SVG</button>
        <button class="quiet" onClick=${async () => save(`${name}.png`, 'image/png', await pngOf(picture()))}>PNG</button>`
      }
      <button aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>Table</button></span></figcaption>
    ${note && html`<p class="note">${note}</p>`}
    ${
      isTable
        ? table
        : html`<div class="plot" ref=${box} tabindex="0" role="group" aria-roledescription="chart"
          aria-label=${summaryOf(title, unit, series, xText, x)} onKeyDown=${onKey}></div>
        ${x.length === 0 && html`<p class="empty">No values.</p>`}
        ${
          zoomed &&
          html`<input class="scroller" type="range" min="0" max="1000" ref=${scroller} aria-label="Position of what is shown" onInput=${(
            e,
          ) => {
            const [first, last] = extent(),
              [low, high] = window_(),
              begin = first + (Number(e.target.value) / 1000) * (last - first - (high - low));
            put(begin, begin + high - low);
          }} />`
        }
        <p class="hidden" aria-live="polite" ref=${spoken}></p>
        ${
          (series.length > 1 || series[0]?.label !== title) &&
          html`<ul class="key">${series.map(
            (
              s,
              k,
            ) => html`<li><button class="key-of" aria-pressed=${!hidden.has(s.label)} title="Show or hide; with Shift: only this one"
            onMouseEnter=${() => single(k)} onMouseLeave=${() => single(null)} onFocus=${() => single(k)} onBlur=${() => single(null)}
            onClick=${(e) => toggle(s.label, e.shiftKey)}><svg viewBox="0 0 26 10" width="26" height="10" aria-hidden="true">${
              s.style === 'bar' || s.style === 'points'
                ? html`<rect x="8" y="0" width="10" height="10" class=${`fill-${s.line.colour + 1}`} />`
                : html`<line x1="0" y1="5" x2="26" y2="5" class=${`line-${s.line.colour + 1}`} stroke-dasharray=${dashOf(s.line).join(' ')} />`
            }</svg> ${s.label} <output ref=${(e) => (readings.current[k] = e)}></output></button></li>`,
          )}</ul>`
        }`
    }</figure>`;
}

const positionOf = ([low, high], [first, last]) =>
  last - first > high - low ? Math.round((1000 * (low - first)) / (last - first - (high - low))) : 0;

// Least, mean, most and sum of the values whose place is in the range (null: all), in one pass.
export function statisticsOf(x, values, range) {
  const [from, to] = range ?? [-Infinity, Infinity];
  const out = { count: 0, min: NaN, mean: NaN, max: NaN, sum: 0 };
  for (let i = Number.isFinite(from) ? indexAt(x, from) : 0; i < x.length && x[i] < to; i++) {
    const value = values[i];
    if (x[i] < from || Number.isNaN(value)) continue;
    out.count++;
    out.sum += value;
    if (!(value >= out.min)) out.min = value;
    if (!(value <= out.max)) out.max = value;
  }
  if (out.count) out.mean = out.sum / out.count;
  else out.sum = NaN;
  return out;
}
