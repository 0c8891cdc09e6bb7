// A settlement run as its statement: sums by party, every trade, energy between balance responsible parties, availability, what it
// was computed from, and its disputes.
import { html, useState } from '../lib/html.js';
import { all, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge, columnsOf } from '../lib/table.js';
import { Action } from '../lib/resource.js';
import { partyColumns } from './balance.js';
import { resources } from './resources.js';
import { route, set, link } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { moment, number } from '../lib/format.js';

const LINE = [
  'trade',
  'start',
  'seller',
  'buyer',
  'portfolio',
  'product',
  'regulation',
  'price',
  'traded',
  'delivered',
  'tolerated',
  'paid',
  'penalty',
  'pending',
];

// What each party delivered, got, owes. Decimals are added exactly, as whole numbers of 10^-12.
const exact = (text) => {
  const [whole, part = ''] = String(text).replace('-', '').split('.');
  const value = BigInt(whole) * 10n ** 12n + BigInt(part.padEnd(12, '0').slice(0, 12));
  return String(text).startsWith('-') ? -value : value;
};
export const decimal = (value, digits) => (Number(value) / 1e12).toFixed(digits);
export function sumsOf(lines) {
  const parties = new Map();
  const of = (id) => {
    if (!parties.has(id))
      parties.set(id, {
        id,
        sold: 0n,
        delivered: 0n,
        earned: 0n,
        penalty: 0n,
        bought: 0n,
        spent: 0n,
        compensated: 0n,
        trades: 0,
        pending: 0,
      });
    return parties.get(id);
  };
  for (const line of lines) {
    const seller = of(line.seller),
      buyer = of(line.buyer);
    seller.sold += exact(line.traded);
    seller.delivered += exact(line.delivered);
    seller.earned += exact(line.paid);
    seller.penalty += exact(line.penalty);
    buyer.bought += exact(line.traded);
    buyer.spent += exact(line.paid);
    buyer.compensated += exact(line.penalty);
    for (const party of [seller, buyer]) {
      party.trades += 1;
      party.pending += line.pending ? 1 : 0;
    }
  }
  return [...parties.values()];
}

export function SettlementRun() {
  const area = state.area.value,
    me = state.me.value,
    run = route.value.query.run,
    party = route.value.query.party;
  const [action, setAction] = useState(null);
  const data = useData(
    async (signal) => {
      const list = (id, params) => (isAllowed(id, me) ? all(id, params, { signal, most: 50000 }) : { items: [] });
      const [runs, lines, transfers, availability, inputs, disputes] = await Promise.all([
        list('list-settlements', { area: area.id }),
        list('get-statement', { run }),
        list('list-transfers', { run }),
        list('list-availability', { run }),
        list('list-settlement-inputs', { run }),
        list('list-disputes', {}),
      ]);
      return {
        about: runs.items.find((r) => r.id === run),
        lines: lines.items,
        more: lines.more,
        transfers: transfers.items,
        availability: availability.items,
        inputs: inputs.items,
        disputes: disputes.items.filter((d) => d.run === run),
      };
    },
    [area?.id, run],
    { events: /^settlement|^dispute/, every: 2000 },
  );
  if (!run)
    return html`<h1>Settlement run</h1><p class="empty">The address names no run. <a href=${link('settlements')}>Choose one</a>.</p>`;
  const described = resources.find((r) => r.path === 'settlements').actions;
  const usable = (about) => described.filter((a) => isAllowed(a.operation, me) && (!a.when || a.when(about)));
  return html`<${Loaded} data=${data}>${({ about, lines, more, transfers, availability, inputs, disputes }) => {
    if (!about)
      return html`<h1>Settlement run ${run}</h1><p class="empty">There is no such run in this area, or you may not see it. <a
        href=${link('settlements')}>All runs</a></p>`;
    const sums = sumsOf(lines),
      shown = party ? lines.filter((l) => l.seller === party || l.buyer === party) : lines;
    const total = (field) => sums.reduce((sum, s) => sum + s[field], 0n);
    const money = (field, title, note) => ({
      name: field,
      title,
      note,
      numeric: true,
      value: (s) => decimal(s[field], 2),
      show: (s) => number(decimal(s[field], 2)),
    });
    const energy = (field, title) => ({
      name: field,
      title,
      numeric: true,
      value: (s) => decimal(s[field], 6),
      show: (s) => number(decimal(s[field], 3)),
    });
    const dispute = (line) =>
      setAction({
        action: { operation: 'raise-dispute', label: 'Dispute', params: () => ({ run }), start: () => ({ trade: line.trade }) },
        row: line,
      });
    const canDispute = isAllowed('raise-dispute', me);
    return html`<header class="page"><h1>Settlement of ${about.day}, run ${about.number}</h1>
        <div class="buttons">${usable(about).map((a) => html`<button onClick=${() => setAction({ action: a, row: about })}>${a.label}</button>`)}<a
          class="button" href=${link('settlements')}>All runs</a></div></header>
      ${
        about.stale &&
        html`<p class="problem"
        role="status">Later readings have come for this day: what is shown is not the last word. The market operator computes the day again.</p>`
      }
      <dl class="details"><div><dt>State</dt><dd>${badge(about.status)}</dd></div><div><dt>As known at</dt><dd>${moment(about.known_at)}</dd></div>
        <div><dt>Trades</dt><dd>${number(about.trades)}</dd></div><div><dt>Waiting for readings</dt><dd>${number(about.pending)}</dd></div>
        <div><dt>Delivered, MWh</dt><dd>${number(decimal(total('delivered'), 3))} of ${number(decimal(total('sold'), 3))}</dd></div>
        <div><dt>Paid for deliveries, ${area.currency}</dt><dd>${number(decimal(total('earned'), 2))}</dd></div><div>
          <dt>Penalties, ${area.currency}</dt><dd>${number(decimal(total('penalty'), 2))}</dd></div></dl>
      ${more && html`<p class="problem" role="alert">The run has more lines than are read here; the sums are of those that were read.</p>`}
      <section><h2>Parties</h2><p class="note">Before fees and taxes, which are in the documents. Enter shows the trades of one party.</p>
        <${Table} name=${`${run}-parties`} rows=${sums} keyOf=${(s) => s.id} onOpen=${(s) => set({ party: s.id })}
          empty="No line of this run concerns you."
          toJson=${(s) => Object.fromEntries(Object.entries(s).map(([k, v]) => [k, typeof v === 'bigint' ? decimal(v, 6) : v]))}
          columns=${[
            { name: 'party', title: 'Party', value: (s) => organisationName(s.id), show: (s) => organisationName(s.id) },
            { name: 'trades', title: 'Trades', numeric: true, value: (s) => s.trades, show: (s) => number(s.trades) },
            energy('sold', 'Sold, MWh'),
            energy('delivered', 'Delivered, MWh'),
            money('earned', 'Gets for it'),
            money('penalty', 'Penalties', 'For what was not delivered beyond the tolerance'),
            energy('bought', 'Bought, MWh'),
            money('spent', 'Pays for it'),
            { name: 'pending', title: 'Waiting', numeric: true, value: (s) => s.pending, show: (s) => number(s.pending) },
          ]} /></section>
      <section><h2>Statement, trade by trade</h2>
        <${Table} name=${`${run}-statement`} rows=${shown} keyOf=${(l) => l.trade} empty="No trades."
          columns=${columnsOf(itemSchema('get-statement'), LINE)}
          tools=${party && html`<span>Of ${organisationName(party)}</span><button onClick=${() => set({ party: '' })}>All</button>`}
          actions=${canDispute ? (l) => html`<button onClick=${() => dispute(l)}>Dispute</button>` : undefined} /></section>
      <section><h2>Disputes</h2><${Table} name=${`${run}-disputes`} rows=${disputes} keyOf=${(d) => d.id}
        columns=${columnsOf(itemSchema('list-disputes'), ['id', 'trade', 'organisation', 'claim', 'status', 'answer'])}
        onOpen=${(d) => {
          location.hash = link('disputes', { open: d.id });
        }} empty="Nobody disputes a trade of this run." /></section>
      <section><h2>Energy between balance responsible parties</h2><${Table} name=${`${run}-transfers`} rows=${transfers}
        keyOf=${(t) => `${t.trade} ${t.start} ${t.from} ${t.to}`}
        columns=${partyColumns('list-transfers')}
          empty="No delivery of this run moved energy between perimeters that you may see." /></section>
      <section><h2>Availability</h2><${Table} name=${`${run}-availability`} rows=${availability} keyOf=${(a) => `${a.contract} ${a.start}`}
        columns=${columnsOf(itemSchema('list-availability'))} empty="No availability contract was in force." /></section>
      <section><h2>What it was computed from</h2><${Table} name=${`${run}-inputs`} rows=${inputs} keyOf=${(i) => `${i.kind} ${i.object}`}
        columns=${columnsOf(itemSchema('list-settlement-inputs'))} empty="The inputs are shown to the market operator." /></section>
      <p><a href=${link('documents')}>Invoices and statements</a></p>
      ${action && html`<${Action} ...${action} onClose=${() => setAction(null)} onDone=${data.reload} />`}`;
  }}<//>`;
}
