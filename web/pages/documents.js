// One invoice, credit note or self-billed statement: its parties, lines and sums, and itself as PDF and CSV.
import { html, useState } from '../lib/html.js';
import { all, call, isAllowed, Problem } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge, save } from '../lib/table.js';
import { Action } from '../lib/resource.js';
import { route, link } from '../lib/route.js';
import { state, notify } from '../lib/state.js';
import { number, words } from '../lib/format.js';

async function download(id, document, ending) {
  try {
    const blob = await call(id, { document }, undefined, { as: 'blob' });
    save(`${document}.${ending}`, blob.type || 'application/octet-stream', blob);
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem({ title: error.message });
    notify('wrong', problem.title, problem.detail || problem.remedy);
  }
}

const Party = ({
  title,
  of,
}) => html`<div><h2>${title}</h2><address><b>${of.name}</b><br />${of.address || 'no address'}<br />${of.country}
  ${of.vat_number && html`<br />VAT ${of.vat_number}`}${of.iban && html`<br />IBAN ${of.iban}`}</address></div>`;

export function Documents() {
  const id = route.value.query.id,
    me = state.me.value,
    [action, setAction] = useState(null);
  const data = useData(
    async (signal) => {
      const [text, list] = await Promise.all([
        call('get-document', { document: id }, undefined, { signal }),
        all('list-documents', {}, { signal }),
      ]);
      return { ...(typeof text === 'string' ? JSON.parse(text) : text), row: list.items.find((d) => d.id === id) };
    },
    [id],
  );
  if (!id)
    return html`<h1>Document</h1><p class="empty">The address names no document. <a href=${link('documents')}>Choose one</a>.</p>`;
  return html`<${Loaded} data=${data}>${(d) => {
    const columns = [
      { name: 'day', title: 'Day', value: (l) => l.day, show: (l) => l.day },
      { name: 'text', title: 'What', value: (l) => l.text, show: (l) => l.text },
      {
        name: 'energy_mwh',
        title: 'MWh',
        numeric: true,
        value: (l) => l.energy_mwh ?? '',
        show: (l) => number(l.energy_mwh) || '–',
      },
      { name: 'amount', title: `Amount, ${d.currency}`, numeric: true, value: (l) => l.amount, show: (l) => number(l.amount) },
      { name: 'tax', title: 'Tax', value: (l) => l.tax, show: (l) => words(l.tax) },
    ];
    const pay = (row) =>
      setAction({ action: { operation: 'record-payment', label: 'Record a payment', params: () => ({ document: id }) }, row });
    const sum = (title, value) => html`<div><dt>${title}</dt><dd>${number(value)} ${d.currency}</dd></div>`;
    return html`<header class="page"><h1>${d.title} ${d.number}</h1>
        <div class="buttons no-print"><button class="primary" onClick=${() => download('get-document-pdf', id, 'pdf')}>PDF</button>
          <button onClick=${() => download('get-document-csv', id, 'csv')}>CSV</button>
          ${
            isAllowed('record-payment', me) &&
            d.row?.payment !== 'paid' &&
            html`<button
            onClick=${() => pay(d)}>Record a payment</button>`
          }
          <a class="button" href=${link('documents')}>All documents</a></div></header>
      <dl class="details"><div><dt>State</dt><dd>${d.row ? badge(d.row.payment) : '–'}</dd></div><div><dt>Issued</dt><dd>${d.issued}</dd></div><div>
        <dt>Due</dt><dd>${d.due}</dd></div>
        <div><dt>Deliveries</dt><dd>${d.delivery_from} to ${d.delivery_until}</dd></div>${
          d.changes.length > 0 &&
          html`<div><dt>Changes</dt><dd>
          ${d.changes.join(', ')}</dd></div>`
        }</dl>
      <div class="grid-views"><${Party} title="From" of=${d.supplier} /><${Party} title="To" of=${d.customer} /></div>
      <section><h2>Lines</h2><${Table} name=${`${id}-lines`} columns=${columns} rows=${d.lines} empty="No lines." /></section>
      <section><h2>Sums</h2><dl class="details sums">${sum('Net', d.net)}${Number(d.rounding) !== 0 && sum('Rounding', d.rounding)}
        ${sum(`Tax, ${number((100 * Number(d.tax_rate)).toFixed(1))} %`, d.tax)}${sum('To be paid', d.gross)}${d.row && sum('Paid', d.row.paid)}</dl>
        ${d.notes.map((note) => html`<p class="note">${note}</p>`)}</section>
      ${action && html`<${Action} ...${action} onClose=${() => setAction(null)} onDone=${data.reload} />`}`;
  }}<//>`;
}
