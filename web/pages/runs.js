// The toolkits: what is computed on stored networks. A form for each kind of run, made from the API's description; runs with progress, log and
// certificate; results as charts and tables; two runs side by side. Settings are saved in this browser.
import { html, useState, useEffect, useMemo } from '../lib/html.js';
import { all, call, isAllowed, itemSchema, operation, request, schemaOf } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Chart, shortNumber, lineOf } from '../lib/chart.js';
import { resultOf, figureText, titleOf } from '../lib/results.js';
import { Table, columnsOf, badge, save, show } from '../lib/table.js';
import { Form } from '../lib/form.js';
import { Action } from '../lib/resource.js';
import { Details, Loaded } from '../lib/parts.js';
import { route, set, go, link } from '../lib/route.js';
import { state, notify } from '../lib/state.js';
import { moment, number, words } from '../lib/format.js';
import { Prices } from './auctions.js';
import { resources } from './resources.js';

const LIST = resources.find((r) => r.path === 'runs');
const isActive = (run) => run.state === 'queued' || run.state === 'running';
const KINDS = {
  powerflow: { title: 'Power flow', operation: 'start-run', note: 'Voltages, flows and losses of a stored network as it is.' },
  opf: {
    title: 'Optimal power flow',
    operation: 'start-run',
    note: 'The cheapest dispatch within all limits of the network, and the prices at its buses.',
  },
  clear: {
    title: 'Clearing of a market file',
    operation: 'start-clearing',
    note: 'A market document is cleared on a stored network. Nothing is traded: the result is for study.',
  },
};
const rounded = (object) =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, typeof value === 'number' ? Number(value.toPrecision(7)) : value]),
  );
const inputOf = (run) => {
  try {
    return JSON.parse(run.input);
  } catch {
    return {};
  }
};

// A run's settings in words, without those that stand elsewhere.
const settingsOf = (run) =>
  Object.entries(inputOf(run))
    .filter(([of]) => !['network', 'kind', 'auction'].includes(of))
    .map(([of, given]) => `${words(of).toLowerCase()} ${given}`);
const aboutOf = (run) =>
  [
    `Asked for ${moment(run.created)}${run.ended ? `, ended ${moment(run.ended)}` : ''}`,
    ...(run.network ? [`network ${run.network}`] : []),
    ...settingsOf(run),
  ].join('; ');

// ---- a new run ----
const storeName = (kind) => `flexgrid.settings.${kind}`;
const stored = (kind) => JSON.parse(localStorage.getItem(storeName(kind)) ?? '[]');

function clearingSchema() {
  const limit = operation('start-clearing').parameters.find((p) => p.name === 'time_limit_s');
  return {
    required: ['network', 'market'],
    properties: {
      network: { type: 'string', description: 'A stored network' },
      market: { type: 'string', format: 'binary', accept: '.json,application/json', description: 'Market file, JSON' },
      time_limit_s: { description: limit.description, ...limit.schema },
    },
  };
}

function NewRun({ kind, networks, start }) {
  const about = KINDS[kind];
  const [settings, setSettings] = useState(() => stored(kind)),
    [chosen, setChosen] = useState(null),
    [name, setName] = useState(''),
    [body, setBody] = useState(start);
  const keep = (list) => {
    localStorage.setItem(storeName(kind), JSON.stringify(list));
    setSettings(list);
  };
  const begin = chosen?.body ?? { network: state.area.value?.network, ...start };
  const saveThese = (event) => {
    event.preventDefault();
    const { market, kind: _, ...plain } = { ...begin, ...body };
    keep([...settings.filter((s) => s.name !== name.trim()), { name: name.trim(), body: plain }]);
    notify('done', 'Settings saved in this browser', name.trim());
    setName('');
  };
  const common = {
    choices: networks.length
      ? { network: networks.map((n) => [n.id, `${n.name}, version ${n.version} (${n.buses} buses)`]) }
      : {},
    start: begin,
    submit: 'Compute',
    onInput: setBody,
    onDone: (answer) => go('runs', { open: answer.id }),
    onCancel: () => go('runs'),
  };
  return html`<header class="page"><h1>${about.title}</h1><div class="switch" role="group" aria-label="What is computed">${Object.entries(
    KINDS,
  ).map(
    ([of, { title }]) =>
      html`<button aria-pressed=${of === kind} onClick=${() => set({ new: of, from: '' })}>${title}</button>`,
  )}</div><p class="note">${about.note}</p></header>
    <div class="new-run"><section aria-label="Settings">${
      kind === 'clear'
        ? html`<${Form} key=${`clear ${chosen?.name} ${networks.length}`} operation="start-clearing" schema=${clearingSchema()} ...${common}
            perform=${({ network, market, time_limit_s }) => call('start-clearing', { network, time_limit_s }, market)} />`
        : html`<${Form} key=${`${kind} ${chosen?.name} ${networks.length}`} operation="start-run" fixed=${{ kind }} ...${common} />`
    }</section>
    <section aria-labelledby="saved"><h2 id="saved">Saved settings</h2>
      ${
        settings.length === 0
          ? html`<p class="empty">None yet. They stay in this browser.</p>`
          : html`<ul class="saved">${settings.map(
              (
                s,
              ) => html`<li><button onClick=${() => setChosen({ ...s, at: Date.now() })}>${s.name}</button> <small>${Object.entries(
                s.body,
              )
                .map(([of, value]) => `${words(of)} ${value}`)
                .join(', ')}</small>
        <button class="quiet" aria-label=${`Forget ${s.name}`} onClick=${() => keep(settings.filter((o) => o !== s))}>✕</button></li>`,
            )}</ul>`
      }
      <form class="tools" onSubmit=${saveThese}><label class="grow"><span class="hidden">Name of these settings</span>
        <input type="text" placeholder="Name of these settings" maxlength="60" value=${name}
          onInput=${(e) => setName(e.target.value)} required /></label><button disabled=${!name.trim()}>Save them</button></form></section></div>`;
}

// ---- what a run says ----
async function readRun(id, signal) {
  const run = await call('get-run', { run: id }, undefined, { signal });
  const hasEnded = !isActive(run);
  const [log, document] = await Promise.all([
    all('get-run-log', { run: id }, { signal, most: 5000 }),
    hasEnded && run.certificate // a run without certificate ended before there was a result
      ? request('GET', `/v1/runs/${encodeURIComponent(id)}/result`, { signal, as: 'blob' }).then((blob) => blob.text())
      : null,
  ]);
  const network =
    document && run.network && isAllowed('get-network-document', state.me.value)
      ? await request('GET', `/v1/networks/${encodeURIComponent(run.network)}/document`, { signal, as: 'blob' })
          .then((blob) => blob.text())
          .then(JSON.parse)
          .catch((problem) => {
            if (problem.name === 'AbortError') throw problem;
            return null; // another format, or not for everybody
          })
      : null;
  return { run, log: log.items, text: document, network, result: document ? resultOf(JSON.parse(document), network) : null };
}

const tableColumns = (of) =>
  of.columns.map((c) => ({
    ...c,
    value: (row) => row[c.name],
    show: (row) => (c.numeric && row[c.name] !== null ? shortNumber(Number(row[c.name])) : show(row[c.name], c.name)),
  }));

const ResultTable = ({ name, of, isOpen }) => {
  const columns = useMemo(() => tableColumns(of), [of]);
  return html`<details open=${isOpen}><summary>${of.title} <small>${number(of.rows.length)}</small></summary>
    <${Table} name=${`${name}-${of.name}`} columns=${columns} rows=${of.rows} keyOf=${of.keyOf} /></details>`;
};

const Figures = ({ figures }) =>
  html`<dl class="details">${figures.map(
    (f) => html`<div><dt>${titleOf(f.name)}</dt>
    <dd>${f.name === 'status' ? badge(f.value) : figureText(f.value)}</dd></div>`,
  )}</dl>`;

function Result({ id, value }) {
  const { result, network } = value;
  return html`<section aria-labelledby="result"><h2 id="result">Result</h2><${Figures} figures=${result.figures} />
    <div class="charts">${result.charts.map(
      (chart) => html`<${Chart} key=${chart.name} ...${{ ...chart, name: `${id}-${chart.name}` }}
      sync=${chart.kind === 'time' ? id : undefined} />`,
    )}</div></section>
    ${result.prices.length > 0 && html`<${Prices} id=${id} physics=${result.physics} items=${result.prices} network=${network} />`}
    <section aria-labelledby="tables"><h2 id="tables">Tables</h2>${result.tables.map(
      (of, i) => html`<${ResultTable} key=${of.name}
      name=${id} of=${of} isOpen=${i === 0} />`,
    )}</section>`;
}

function Run({ id }) {
  const data = useData((signal) => readRun(id, signal), [id], { events: /^run/, every: 500 }),
    run = data.value?.run,
    [action, setAction] = useState(null);
  useEffect(() => {
    if (!run || !isActive(run)) return undefined;
    const timer = setInterval(data.reload, 700);
    return () => clearInterval(timer);
  }, [run && isActive(run)]);
  const cancel = LIST.actions.find((a) => a.operation === 'cancel-run');
  return html`<${Loaded} data=${data}>${(value) => {
    const { run: r, log, result, text } = value;
    return html`<header class="page"><h1>${KINDS[r.kind]?.title ?? words(r.kind)} ${r.id} ${badge(r.state)}</h1>
      <div class="buttons no-print">
        ${
          isActive(r) &&
          isAllowed('cancel-run', state.me.value) &&
          html`<button disabled=${r.cancelling}
          onClick=${() => setAction(cancel)}>${r.cancelling ? 'Stopping …' : 'Stop'}</button>`
        }
        ${
          KINDS[r.kind] &&
          isAllowed('start-run', state.me.value) &&
          html`<a class="button"
          href=${link('runs', { new: r.kind, from: r.id })}>Again, with other settings</a>`
        }
        ${
          text &&
          html`<button onClick=${() => save(`${r.id}.json`, 'application/json', text)}>Result as JSON</button>
          <button onClick=${() => print()}>Print</button>`
        }
        ${r.auction && html`<a class="button" href=${link('auctions', { open: r.auction })}>Its auction</a>`}
        <a class="button" href=${link('runs')}>All runs</a></div>
      <p class="note">${aboutOf(r)}</p></header>
    ${
      isActive(r) &&
      html`<p role="status">${words(r.phase || r.state)}, ${r.progress} %</p><progress class="wide" max="100"
      value=${r.progress} aria-label="Progress"></progress>`
    }
    ${r.cause && html`<div class="problem"><b>${words(r.state)}</b> ${r.cause}</div>`}
    ${
      r.certificate &&
      html`<section aria-labelledby="certificate"><h2 id="certificate">Certificate</h2>
      <${Details} object=${Object.fromEntries(Object.entries(rounded(r.certificate)).filter(([, given]) => given !== null))}
        schema=${schemaOf(itemSchema('list-runs').properties.certificate)} /></section>`
    }
    ${result && html`<${Result} id=${r.id} value=${value} />`}
    <details open=${!result}><summary>Log <small>${number(log.length)}</small></summary><${Table} name=${`${r.id}-log`}
      columns=${columnsOf(itemSchema('get-run-log'), ['line', 'time', 'text'])} rows=${log} keyOf=${(l) => l.line}
        empty="Nothing has happened yet." /></details>
    ${action && html`<${Action} action=${action} row=${r} onClose=${() => setAction(null)} onDone=${data.reload} />`}`;
  }}<//>`;
}

// ---- two runs side by side ----
const difference = (a, b) => (Number.isFinite(a) && Number.isFinite(b) ? b - a : NaN);
const fits = (a, b) =>
  a.kind === b.kind &&
  a.x.length === b.x.length &&
  (a.labels ? a.labels.every((l, i) => l === b.labels[i]) : a.x.every((x, i) => x === b.x[i]));
// Two charts in one: the first solid, the second dashed, bars as points. Limits of the network stand there once.
function together(a, b, names) {
  const isBar = a.series.every((s) => s.style === 'bar');
  const of = (chart, name, dash) =>
    chart.series
      .filter((s) => !s.isLimit)
      .map((s, i) => ({
        ...s,
        label: `${name}: ${s.label}`,
        style: isBar ? 'points' : s.style,
        isFromZero: isBar || s.isFromZero,
        line: isBar || s.style === 'points' ? lineOf(2 * i + dash) : { colour: lineOf(i).colour, dash },
      }));
  return { ...a, series: [...of(a, names[0], 0), ...of(b, names[1], 1), ...a.series.filter((s) => s.isLimit)] };
}

function Joined({ a, b, names }) {
  const shared = a.tables.filter((t) => b.tables.some((o) => o.name === t.name) && t.columns.some((c) => c.numeric));
  const [name, setName] = useState(shared[0]?.name),
    left = shared.find((t) => t.name === name),
    right = b.tables.find((t) => t.name === name),
    figures = left?.columns.filter((c) => c.numeric) ?? [];
  const [figure, setFigure] = useState(figures[0]?.name),
    of = figures.some((f) => f.name === figure) ? figure : figures[0]?.name;
  const rows = useMemo(() => {
    if (!left) return [];
    const others = new Map(right.rows.map((row) => [right.keyOf(row), row])),
      out = left.rows.map((row) => ({ row, other: others.get(left.keyOf(row)) }));
    const own = new Set(left.rows.map(left.keyOf));
    return [...out, ...right.rows.filter((row) => !own.has(right.keyOf(row))).map((row) => ({ other: row }))];
  }, [left, right]);
  if (!left) return null;
  const value = (row) => (row?.[of] === null || row?.[of] === undefined ? NaN : Number(row[of]));
  const cell = (title, get, column) => ({
    name: column,
    title,
    numeric: true,
    value: (r) => (Number.isFinite(get(r)) ? get(r) : ''),
    show: (r) => shortNumber(get(r)),
  });
  return html`<section aria-labelledby="joined"><h2 id="joined">Item by item</h2><div class="tools no-print">
      <label>Table <select value=${name} onChange=${(e) => setName(e.target.value)}>${shared.map(
        (t) => html`<option
        value=${t.name}>${t.title}</option>`,
      )}</select></label>
      <label>Figure <select value=${of} onChange=${(e) => setFigure(e.target.value)}>${figures.map(
        (f) => html`<option
        value=${f.name}>${f.title}</option>`,
      )}</select></label></div>
    <${Table} name=${`${names.join('-')}-${name}`} rows=${rows} keyOf=${(r) => left.keyOf(r.row ?? r.other)} columns=${[
      ...left.key.map((k) => ({
        name: k,
        title: words(k),
        value: (r) => (r.row ?? r.other)[k],
        show: (r) => show((r.row ?? r.other)[k], k),
      })),
      cell(names[0], (r) => value(r.row), names[0]),
      cell(names[1], (r) => value(r.other), names[1]),
      cell('Difference', (r) => difference(value(r.row), value(r.other)), 'difference'),
    ]} /></section>`;
}

function ComparedPrices({ a, b, names }) {
  const places = [...new Set(a.prices.filter((p) => p.product === 'active').map((p) => p.place))];
  const [place, setPlace] = useState(places[0]);
  const chart = useMemo(() => {
    const of = (result) =>
      new Map(result.prices.filter((p) => p.product === 'active' && p.place === place).map((p) => [p.start, Number(p.price)]));
    const [left, right] = [of(a), of(b)],
      starts = [...new Set([...left.keys(), ...right.keys()])].sort();
    const series = [left, right].map((prices, i) => ({
      label: names[i],
      values: Float64Array.from(starts, (s) => prices.get(s) ?? NaN),
      style: 'step',
    }));
    return { x: Float64Array.from(starts, (s) => Date.parse(s) / 1000), series };
  }, [a, b, place]);
  if (!places.length) return null;
  return html`<section aria-labelledby="prices"><h2 id="prices">Prices</h2><label class="no-print">Bus <select value=${place}
    onChange=${(e) => setPlace(e.target.value)}>${places.map((p) => html`<option value=${p}>${p}</option>`)}</select></label>
    <${Chart} name=${`${names.join('-')}-prices`} title=${`Price of active energy at ${place}`}
      unit=${`${state.area.value?.currency ?? ''}/MWh`} ...${chart} /></section>`;
}

function Comparison({ ids }) {
  const data = useData((signal) => Promise.all(ids.map((id) => readRun(id, signal))), [ids.join()]);
  return html`<header class="page"><h1>${ids[0]} and ${ids[1]}</h1><div class="buttons no-print">
    <button onClick=${() => set({ compare: [...ids].reverse().join(',') })}>Exchange</button><button onClick=${() => print()}>Print</button>
      <a class="button" href=${link('runs')}>All runs</a></div></header>
    <${Loaded} data=${data}>${([left, right]) => {
      const missing = [left, right].filter((v) => !v.result);
      if (missing.length)
        return html`<p class="empty">${missing.map((v) => v.run.id).join(' and ')} ${missing.length > 1 ? 'have' : 'has'} no result to compare.</p>`;
      const [a, b] = [left.result, right.result],
        figures = [...new Set([...a.figures, ...b.figures].map((f) => f.name))].map((name) => ({
          name,
          a: a.figures.find((f) => f.name === name)?.value,
          b: b.figures.find((f) => f.name === name)?.value,
        }));
      const text = (value) => (value === undefined ? '–' : figureText(value)),
        isNumber = (r) => typeof r.a === 'number' && typeof r.b === 'number';
      const charts = a.charts.map((chart) => [chart, b.charts.find((other) => other.name === chart.name)]);
      return html`<div class="pair">${[left, right].map(
        (v, i) => html`<p>
        <a href=${link('runs', { open: v.run.id })}>${v.run.id}</a> ${KINDS[v.run.kind]?.title ?? words(v.run.kind)} ${badge(v.run.state)}
        <br /><small>${aboutOf(v.run)}</small></p>`,
      )}</div>
        <h2>Figures</h2><${Table} name=${`${ids.join('-')}-figures`} rows=${figures} keyOf=${(r) => r.name} columns=${[
          { name: 'figure', title: 'Figure', value: (r) => r.name, show: (r) => titleOf(r.name) },
          { name: ids[0], title: ids[0], numeric: true, value: (r) => r.a ?? '', show: (r) => text(r.a) },
          { name: ids[1], title: ids[1], numeric: true, value: (r) => r.b ?? '', show: (r) => text(r.b) },
          {
            name: 'difference',
            title: 'Difference',
            numeric: true,
            value: (r) => (isNumber(r) ? r.b - r.a : ''),
            show: (r) => (isNumber(r) ? shortNumber(r.b - r.a) : '–'),
          },
        ]} />
        <h2>Charts</h2><div class="charts">${charts.map(([chart, other]) =>
          other && fits(chart, other)
            ? html`<${Chart} key=${chart.name} ...${together(chart, other, ids)} sync=${chart.kind === 'time' ? 'compare' : undefined} />`
            : [chart, other]
                .filter(Boolean)
                .map(
                  (one, i) =>
                    html`<${Chart} key=${`${one.name} ${i}`} ...${one} title=${`${other ? ids[i] : ids[0]}: ${one.title}`} />`,
                ),
        )}</div>
        <${ComparedPrices} a=${a} b=${b} names=${ids} /><${Joined} a=${a} b=${b} names=${ids} />`;
    }}<//>`;
}

// ---- all runs ----
function RunList() {
  const query = route.value.query,
    me = state.me.value,
    [chosen, setChosen] = useState([]),
    [action, setAction] = useState(null);
  const data = useData((signal) => all('list-runs', {}, { signal, most: 5000 }), [me.organisation], {
    events: /^run/,
    every: 1000,
  });
  const hasActive = data.value?.items.some(isActive);
  useEffect(() => {
    if (!hasActive) return undefined;
    const timer = setInterval(data.reload, 2000);
    return () => clearInterval(timer);
  }, [hasActive]);
  const columns = useMemo(() => {
    const of = columnsOf(itemSchema('list-runs'), LIST.columns);
    of.find((c) => c.name === 'kind').show = (r) => KINDS[r.kind]?.title ?? words(r.kind);
    of.find((c) => c.name === 'progress').show = (r) =>
      isActive(r) ? html`<progress max="100" value=${r.progress} aria-label=${`${r.progress} %`}></progress>` : `${r.progress} %`;
    return of;
  }, []);
  const choice = (field, items) => {
    const found = [...new Set(items.map((r) => r[field]))].sort();
    return html`<label>${words(field)} <select value=${query[field] ?? ''} onChange=${(e) => set({ [field]: e.target.value })}>
      <option value="">all</option>${found.map((w) => html`<option value=${w}>${words(w)}</option>`)}</select></label>`;
  };
  const toggle = (id) => setChosen(chosen.includes(id) ? chosen.filter((o) => o !== id) : [...chosen.slice(-1), id]);
  const cancel = LIST.actions.find((a) => a.operation === 'cancel-run');
  return html`<header class="page"><h1>Toolkits</h1><div class="buttons">${
    isAllowed('start-run', me) &&
    Object.entries(KINDS).map(
      ([kind, { title }]) => html`<a class="button primary" href=${link('runs', { new: kind })}>${title}</a>`,
    )
  }</div><p class="note">What is computed on stored networks: for study, nothing is traded. Choose two runs to see them side by side.</p></header>
    <${Loaded} data=${data}>${(
      value,
    ) => html`<${Table} name="runs" columns=${columns} more=${value.more} keyOf=${(r) => r.id} empty=${LIST.empty}
      onOpen=${(r) => go('runs', { open: r.id })}
      rows=${value.items.filter((r) => (!query.state || r.state === query.state) && (!query.kind || r.kind === query.kind))}
      tools=${html`${choice('kind', value.items)}${choice('state', value.items)}<button disabled=${chosen.length !== 2}
        onClick=${() => go('runs', { compare: chosen.join(',') })}>Compare ${chosen.length === 2 ? chosen.join(' and ') : 'two'}</button>`}
      actions=${(
        r,
      ) => html`<label class="compare"><input type="checkbox" checked=${chosen.includes(r.id)} onChange=${() => toggle(r.id)}
        aria-label=${`Compare ${r.id}`} /></label>${
          isActive(r) &&
          isAllowed('cancel-run', me) &&
          html`<button
          onClick=${() => setAction(r)}>Stop</button>`
        }`} />`}<//>
    ${action && html`<${Action} action=${cancel} row=${action} onClose=${() => setAction(null)} onDone=${data.reload} />`}`;
}

function Start({ kind, from }) {
  const data = useData(
    async (signal) => {
      const area = state.area.value?.id;
      const [networks, run] = await Promise.all([
        area && isAllowed('list-networks', state.me.value) ? all('list-networks', { area }, { signal }) : { items: [] },
        from ? call('get-run', { run: from }, undefined, { signal }) : null,
      ]);
      return { networks: networks.items, start: run ? { network: run.network, ...inputOf(run) } : {} };
    },
    [state.area.value?.id, from],
  );
  return html`<${Loaded} data=${data}>${(
    value,
  ) => html`<${NewRun} key=${`${kind} ${from}`} kind=${kind} networks=${value.networks}
    start=${value.start} />`}<//>`;
}

export function Runs() {
  const { open, compare, new: kind, from } = route.value.query;
  const ids = (compare ?? '').split(',').filter(Boolean);
  if (ids.length === 2) return html`<${Comparison} key=${compare} ids=${ids} />`;
  if (open) return html`<${Run} key=${open} id=${open} />`;
  if (KINDS[kind] && isAllowed('start-run', state.me.value)) return html`<${Start} kind=${kind} from=${from} />`;
  return html`<${RunList} />`;
}
