// What there is to show of the result document of a run: figures, charts, tables, prices. The documents are described in docs/cli.md and
// docs/formats/clear-result.md. Nothing here draws; two runs are compared from the same description.
import { numbers } from './chart.js';
import { number, words } from './format.js';

// What the documents' names mean, without the unit at their end.
const MEANINGS = {
  vm: 'Voltage',
  va: 'Angle',
  vm_min: 'Lowest voltage',
  vm_min_bus: 'Lowest voltage at bus',
  vm_max: 'Highest voltage',
  vm_max_bus: 'Highest voltage at bus',
  loading: 'Loading, 1 is the rating',
  loading_max: 'Highest loading, 1 is the rating',
  loading_max_branch: 'Highest loading of branch',
  p: 'Active power',
  q: 'Reactive power',
  p_from: 'Active power, first end',
  q_from: 'Reactive power, first end',
  p_to: 'Active power, second end',
  q_to: 'Reactive power, second end',
  i_from: 'Current, first end',
  i_to: 'Current, second end',
  price_p: 'Price of active energy',
  price_q: 'Price of reactive energy',
  max_mismatch: 'Largest mismatch',
  max_violation: 'Largest violation',
  max_violation_at: 'Largest violation at',
  soc_bound: 'Bound of the cone relaxation',
  soc_gap: 'Gap to the cone relaxation',
  soc_seconds: 'Seconds of the cone relaxation',
};
export function titleOf(name) {
  const [, bare, unit = ''] = /^(.+?)(_(?:mw|mvar|mwh|pu|deg))?$/.exec(name),
    [, after] = words(`x${unit}`).split(', ');
  if (!MEANINGS[bare]) return words(name);
  return `${MEANINGS[bare]}${unit === '_deg' ? ', degrees' : after ? `, ${after}` : ''}`;
}

const isNumeric = (value) => typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value));
const flat = (row, prefix = '') =>
  Object.entries(row).reduce((out, [name, value]) => {
    const full = prefix ? `${prefix}_${name}` : name;
    if (value && typeof value === 'object' && !Array.isArray(value)) return { ...out, ...flat(value, full) };
    return { ...out, [full]: value };
  }, {});

// A table of a document's list; `key`: fields that name a row, so that two documents can be joined.
function table(name, title, list, key) {
  if (!list?.length) return null;
  const rows = list.map((row) => flat(row)),
    names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return {
    name,
    title,
    rows,
    key,
    keyOf: (row) => key.map((of) => row[of]).join(' '),
    columns: names.map((of) => {
      const isNumber =
        !key.includes(of) &&
        rows.some((row) => isNumeric(row[of])) &&
        rows.every((row) => isNumeric(row[of]) || row[of] === null || row[of] === undefined);
      return { name: of, title: titleOf(of), numeric: isNumber };
    }),
  };
}
const category = (list) => ({ kind: 'category', x: Float64Array.from(list, (_, i) => i), labels: list.map((row) => row.id) });
const line = (colour, dash = 0) => ({ colour, dash });

function gridOf(document, network) {
  const buses = document.buses ?? [],
    branches = document.branches ?? [],
    known = new Map((network?.buses ?? []).map((b) => [b.id, b]));
  const hasLimits = buses.length > 0 && buses.every((b) => Number.isFinite(known.get(b.id)?.vm_min_pu));
  const limit = (field, title) => ({
    label: title,
    values: numbers(buses.map((b) => known.get(b.id)[field])),
    style: 'line',
    line: line(5, 1),
    isLimit: true, // the same in every run
  });
  const charts = [
    buses.length && {
      name: 'voltage',
      title: 'Voltage at the buses',
      unit: 'p.u.',
      xTitle: 'Bus',
      ...category(buses),
      series: [
        { label: 'Voltage', values: numbers(buses.map((b) => b.vm_pu)), style: 'points' },
        ...(hasLimits ? [limit('vm_min_pu', 'Least allowed'), limit('vm_max_pu', 'Most allowed')] : []),
      ],
    },
    branches.some((b) => b.loading !== undefined && b.loading !== null) && {
      name: 'loading',
      title: 'Loading of the branches',
      unit: '% of the rating',
      xTitle: 'Branch',
      ...category(branches),
      series: [
        { label: 'Loading', values: numbers(branches.map((b) => (b.loading === null ? null : 100 * b.loading))), style: 'bar' },
      ],
    },
    buses.some((b) => b.price_p !== undefined) && {
      name: 'price',
      title: 'Price of active energy at the buses',
      unit: 'per MWh',
      xTitle: 'Bus',
      ...category(buses),
      series: [{ label: 'Price', values: numbers(buses.map((b) => b.price_p)), style: 'bar' }],
    },
    branches.some((b) => b.p_from_mw !== undefined) && {
      name: 'flow',
      title: 'Active power into the branches',
      unit: 'MW',
      xTitle: 'Branch',
      ...category(branches),
      series: [{ label: 'At the first end', values: numbers(branches.map((b) => b.p_from_mw)), style: 'bar' }],
    },
  ].filter(Boolean);
  const tables = [
    table('violations', 'Violated limits', document.violations, ['kind', 'element']),
    table('broken_limits', 'Limits that cannot be met', document.broken_limits, ['limit', 'element']),
    table('buses', 'Buses', buses, ['id']),
    table('branches', 'Branches', branches, ['id']),
    table('generators', 'Generators', document.generators, ['id']),
  ].filter(Boolean);
  return { charts, tables, prices: [] };
}

function clearingOf(document) {
  const periods = document.periods ?? [],
    starts = periods.map((p) => p.start),
    x = Float64Array.from(starts, (s) => Date.parse(s) / 1000);
  const pair = (field) =>
    ['before', 'after'].map((of) => ({
      label: words(of),
      values: numbers(periods.map((p) => p[of]?.[field] ?? null)),
      style: 'step',
    }));
  const violated = (field) => {
    const values = new Float64Array(periods.length);
    for (const limit of document.before_after ?? []) if (limit[field] > 0) values[limit.period - periods[0].period] += 1;
    return values;
  };
  const charts = periods.length
    ? [
        { name: 'slack', title: 'Power from the grid above', unit: 'MW', kind: 'time', x, series: pair('slack_mw') },
        { name: 'losses', title: 'Losses', unit: 'MW', kind: 'time', x, series: pair('losses_mw') },
        {
          name: 'violated',
          title: 'Violated limits',
          unit: 'number',
          kind: 'time',
          x,
          series: [
            { label: 'Before', values: violated('violation_before'), style: 'step', isFromZero: true },
            { label: 'After', values: violated('violation'), style: 'step', isFromZero: true },
          ],
        },
      ]
    : [];
  const tables = [
    table('accepted', 'Accepted orders', document.accepted, ['order']),
    table('before_after', 'Limits of the grid before and after, shadow prices', document.before_after, [
      'start',
      'limit',
      'element',
    ]),
    table('paradoxically_rejected', 'Rejected although the prices would have paid', document.paradoxically_rejected, [
      'order',
      'period',
    ]),
    table('participants', 'Payments of the participants', document.payments?.participants, ['participant']),
    table(
      'accounts',
      'Accounts',
      Object.entries(document.payments?.accounts ?? {}).map(([account, balance]) => ({ account, balance })),
      ['account'],
    ),
    table('taps', 'Taps', document.taps, ['branch']),
    table('periods', 'Periods', periods, ['start']),
  ].filter(Boolean);
  const prices = (document.prices ?? []).flatMap((price) =>
    ['active', 'reactive']
      .filter((product) => price[product])
      .map((product) => ({
        start: starts[price.period - (periods[0]?.period ?? 0)],
        place: price.bus,
        product,
        ...price[product],
      })),
  );
  const isTraded = (product) => prices.some((p) => p.product === product && Number(p.price) !== 0);
  return { charts, tables, prices: prices.filter((p) => p.product === 'active' || isTraded('reactive')) };
}

// Single numbers and words of the document's head, in its order.
const figuresOf = (document) =>
  Object.entries(document)
    .filter(
      ([name, value]) => value !== null && typeof value !== 'object' && value !== '' && !['format', 'version'].includes(name),
    )
    .map(([name, value]) => ({ name, value }));

export function resultOf(document, network) {
  const shown = document.format === 'flexgrid-clear-result' ? clearingOf(document) : gridOf(document, network);
  return { ...shown, figures: figuresOf(document), physics: document.physics };
}
export const figureText = (value) =>
  typeof value === 'number'
    ? number(String(Number(value.toPrecision(7))))
    : typeof value === 'boolean'
      ? value
        ? 'yes'
        : 'no'
      : String(value);
