// A table of objects: sorted by a click on a heading, filtered by text, exported as CSV and JSON; the arrow keys move between rows
// and Enter opens one. Columns: {name, title, show(row) -> text or template, value(row) -> what is sorted and exported, numeric}.
import { html, useState, useMemo, useRef } from './html.js';
import { number, moment, words } from './format.js';
import { schemaOf } from './api.js';
import { organisationName, locationName } from './state.js';

const PAGE = 500; // rows on the screen at a time; the export has all

const isDecimal = (schema) => schema.format === 'decimal' || schema.type === 'integer' || schema.type === 'number';
const compare = (a, b) => {
  const x = Number(a),
    y = Number(b);
  if (a !== '' && b !== '' && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a ?? '').localeCompare(String(b ?? ''));
};

const NAMED = {
  organisation: organisationName,
  operator: organisationName,
  seller: organisationName,
  buyer: organisationName,
  location: locationName,
  sell_location: locationName,
  buy_location: locationName,
  brp: organisationName,
  priority: organisationName,
  principal: organisationName,
  agent: organisationName,
  parent: locationName,
};
const STATES = {
  approved: 'good',
  published: 'good',
  open: 'good',
  green: 'good',
  done: 'good',
  paid: 'good',
  released: 'good',
  finished: 'good',
  cleared: 'good',
  converged: 'good',
  optimal: 'good',
  accepted: 'good',
  partly_accepted: 'wait',
  partly_solved: 'wait',
  scheduled: 'wait',
  rejected: 'bad',
  pending: 'wait',
  asked: 'wait',
  yellow: 'wait',
  running: 'wait',
  queued: 'wait',
  forwarded: 'wait',
  refused: 'bad',
  suspended: 'bad',
  red: 'bad',
  failed: 'bad',
  cancelled: 'off',
  closed: 'off',
  filled: 'off',
};

export const badge = (word) => html`<span class=${`badge ${STATES[word] ?? 'plain'}`}>${words(word)}</span>`;

export function show(value, name, schema = {}) {
  if (value === null || value === undefined || value === '') return html`<span class="none" aria-label="none">–</span>`;
  if (NAMED[name]) return NAMED[name](value);
  if (Array.isArray(value)) {
    if (value.length === 0) return html`<span class="none" aria-label="none">–</span>`;
    if (name === 'price_points') return value.map((p) => number(p.price)).join(', ');
    if (typeof value[0] === 'object') return `${value.length}`;
    return value.length > 4
      ? `${value
          .slice(0, 3)
          .map((v) => show(v))
          .join(', ')} … (${value.length})`
      : value.join(', ');
  }
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (schema.format === 'date-time') return moment(value);
  if (isDecimal(schema)) return number(value);
  if (schema.enum || name === 'status' || name?.endsWith('_status') || name === 'colour') return badge(value);
  return String(value);
}

// Columns of a list from the schema of its items; `names`: which and in which order, all simple ones when left out.
export function columnsOf(schema, names) {
  const chosen = names ?? Object.keys(schema.properties).filter((name) => schemaOf(schema.properties[name]).type !== 'object');
  return chosen.map((name) => {
    const of = schemaOf(schema.properties[name]);
    return {
      name,
      title: words(name),
      numeric: isDecimal(of),
      note: of.description,
      value: (row) => row[name],
      show: (row) => show(row[name], name, of),
    };
  });
}

export function save(name, type, content) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const plain = (value) =>
  value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
// A cell that a spreadsheet would take for a formula is marked as text; everything but a number is quoted, whatever separates.
export const cell = (value) => {
  const text = plain(value);
  if (text === '' || /^-?\d+(\.\d+)?$/.test(text)) return text;
  return `"${(/^[=+@\t\r-]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
};

export function Table({
  name,
  columns,
  rows,
  onOpen,
  actions,
  more,
  empty = 'Nothing here yet.',
  tools,
  keyOf,
  toJson = (row) => row,
}) {
  const [order, setOrder] = useState(null),
    [filter, setFilter] = useState(''),
    [page, setPage] = useState(0),
    body = useRef(null);
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    let list = !wanted
      ? rows
      : rows.filter((row) =>
          columns.some((c) => {
            const given = c.value(row),
              named = NAMED[c.name] ? NAMED[c.name](given) : '';
            return `${plain(given)} ${named}`.toLowerCase().includes(wanted);
          }),
        );
    if (order) list = [...list].sort((a, b) => order.sign * compare(order.column.value(a), order.column.value(b)));
    return list;
  }, [rows, columns, filter, order]);
  const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1),
    first = PAGE * Math.min(page, last);
  const sort = (column) =>
    setOrder(order?.column.name === column.name ? (order.sign > 0 ? { column, sign: -1 } : null) : { column, sign: 1 });
  const move = (event, row) => {
    if (event.target !== event.currentTarget) return;
    const lines = [...body.current.children],
      at = lines.indexOf(event.currentTarget);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      lines[to]?.focus();
    }
    if (event.key === 'Enter' && onOpen) onOpen(row);
  };
  const toCsv = () =>
    [columns.map((c) => cell(c.name)).join(','), ...shown.map((row) => columns.map((c) => cell(c.value(row))).join(','))].join(
      '\r\n',
    );
  return html`
    <div class="tools">
      ${rows.length > 8 && html`<label class="grow"><span class="hidden">Filter</span><input type="search" placeholder="Filter" value=${filter}
        onInput=${(e) => setFilter(e.target.value)} /></label>`}
      ${tools}
      <span class="count" role="status">${shown.length === rows.length ? `${number(rows.length)}${more ? ' and more' : ''}`
        : `${number(shown.length)} of ${number(rows.length)}`}</span>
      ${
        rows.length > 0 &&
        html`
        <button class="quiet" onClick=${() => save(`${name}.csv`, 'text/csv', toCsv())}>CSV</button>
        <button class="quiet" onClick=${() => save(`${name}.json`, 'application/json', JSON.stringify(shown.map(toJson), null, 2))}>JSON</button>`
      }
    </div>
    ${
      rows.length === 0
        ? html`<p class="empty">${empty}</p>`
        : html`
    <div class="scroll" tabindex="0" role="region" aria-label=${words(name)}>
      <table>
        <thead><tr>
          ${columns.map(
            (
              c,
            ) => html`<th scope="col" class=${c.numeric ? 'number' : ''} title=${c.note} aria-sort=${order?.column.name === c.name ? (order.sign > 0
              ? 'ascending' : 'descending') : 'none'}>
            <button onClick=${() => sort(c)}>${c.title}</button></th>`,
          )}
          ${actions && html`<th scope="col"><span class="hidden">Actions</span></th>`}
        </tr></thead>
        <tbody ref=${body}>${shown.slice(first, first + PAGE).map(
          (row) => html`
          <tr key=${keyOf?.(row)} tabindex=${onOpen ? 0 : undefined} class=${onOpen ? 'opens' : ''} onKeyDown=${(e) => move(e, row)}
            onClick=${(e) => onOpen && !e.target.closest('button, a') && onOpen(row)}>
            ${columns.map((c) => html`<td class=${c.numeric ? 'number' : ''}>${c.show(row)}</td>`)}
            ${actions && html`<td class="actions">${actions(row)}</td>`}
          </tr>`,
        )}</tbody>
      </table>
    </div>
    ${
      last > 0 &&
      html`<div class="tools" role="group" aria-label="Pages of the table">
      <button disabled=${first === 0} onClick=${() => setPage(first / PAGE - 1)}>Rows before</button>
      <span role="status">${number(first + 1)} to ${number(Math.min(first + PAGE, shown.length))} of ${number(shown.length)}</span>
      <button disabled=${first / PAGE === last} onClick=${() => setPage(first / PAGE + 1)}>Rows after</button></div>`
    }`
    }`;
}
