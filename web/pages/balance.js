// The balance responsible party's net position per period: what trades move into and out of its perimeter, and what it trades itself;
// assets that ask it to take their responsibility.
import { html, useMemo, useState } from '../lib/html.js';
import { all, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, columnsOf } from '../lib/table.js';
import { Chart, numbers } from '../lib/chart.js';
import { Action } from '../lib/resource.js';
import { DayPicker, chosenDay } from '../lib/day.js';
import { route, set } from '../lib/route.js';
import { state, has, organisationName } from '../lib/state.js';
import { clock, dayRange, iso, number } from '../lib/format.js';

// Energy of a party per period: `into` and `out of` its perimeter from changes, `bought` and `sold` from its own trades.
export function positions(changes, trades, party, starts, hours) {
  const rows = new Map(starts.map((start) => [start, { start, into: 0, out: 0, bought: 0, sold: 0, count: 0 }]));
  for (const c of changes) {
    const row = rows.get(c.start),
      energy = Number(c.energy);
    if (!row) continue;
    if (c.to === party) row.into += energy;
    if (c.from === party) row.out += energy;
    if (c.to === party || c.from === party) row.count += 1;
  }
  for (const t of trades) {
    const row = rows.get(t.start),
      energy = Number(t.quantity) * hours;
    if (!row || !t.product.startsWith('active')) continue;
    if (t.buyer === party) row.bought += energy;
    if (t.seller === party) row.sold += energy;
  }
  return [...rows.values()].map((row) => ({ ...row, net: row.into - row.out }));
}

// Energy from one party to another, with their names.
export const partyColumns = (list) =>
  columnsOf(itemSchema(list), ['trade', 'start', 'from', 'to', 'energy']).map((c) =>
    c.name === 'from' || c.name === 'to'
      ? { ...c, value: (r) => organisationName(r[c.name]), show: (r) => organisationName(r[c.name]) }
      : c,
  );
const short = (value) => number(String(Number(value.toFixed(6))));

function Asked() {
  const me = state.me.value,
    [action, setAction] = useState(null);
  const data = useData(async (signal) => (await all('list-assets', {}, { signal, most: 20000 })).items, [me.organisation]);
  const isAsked = (a) => a.brps.some((b) => b.brp === me.organisation && !b.confirmed),
    isMine = (a) => a.brps.some((b) => b.brp === me.organisation && b.confirmed);
  const confirm = (asset) =>
    setAction({
      action: {
        operation: 'confirm-brp',
        label: 'Confirm responsibility',
        params: () => ({ asset: asset.id }),
        sure: `${asset.name} is balanced by you from the moment that was asked for`,
      },
      row: asset,
    });
  const columns = columnsOf(itemSchema('list-assets'), [
    'id',
    'name',
    'organisation',
    'technology',
    'location',
    'p_min',
    'p_max',
    'grid_status',
  ]);
  return html`<${Loaded} data=${data}>${(assets) => html`
    <section><h2>Assets that ask you to take their responsibility</h2><${Table} name="asked" columns=${columns} rows=${assets.filter(isAsked)}
      keyOf=${(a) => a.id} empty="None waits for you."
      actions=${
        isAllowed('confirm-brp', me) ? (a) => html`<button onClick=${() => confirm(a)}>Confirm</button>` : undefined
      } /></section>
    <section><h2>Assets in your perimeter</h2><${Table} name="perimeter-assets" columns=${columns} rows=${assets.filter(isMine)}
      keyOf=${(a) => a.id} empty="No asset is balanced by you." /></section>
    ${action && html`<${Action} ...${action} onClose=${() => setAction(null)} onDone=${data.reload} />`}`}<//>`;
}

export function Balance() {
  const area = state.area.value,
    me = state.me.value,
    date = chosenDay(),
    query = route.value.query;
  const [from, to] = useMemo(() => dayRange(date), [date, area?.id]);
  const seesAll = has('fmo', 'regulator');
  const data = useData(
    async (signal) => {
      const [changes, trades] = await Promise.all([
        all('list-perimeter-changes', { area: area.id }, { signal, most: 100000 }),
        all('list-own-trades', { area: area.id, from: iso(from), to: iso(to) }, { signal, most: 50000 }),
      ]);
      return { changes: changes.items, more: changes.more || trades.more, trades: trades.items };
    },
    [area?.id, date],
    { events: /^trade/, every: 3000 },
  );
  const starts = useMemo(() => {
    const list = [];
    if (area) for (let at = from.getTime(); at < to.getTime(); at += 1000 * area.period_seconds) list.push(iso(at));
    return list;
  }, [from, to, area?.period_seconds]);
  if (!area) return html`<h1>Net position</h1><p class="empty">There is no market area yet.</p>`;
  return html`<header class="page"><h1>Net position</h1><p
    class="note">What trades of the day change in the balance perimeter, from the moment they are concluded. Into it is positive.</p>
      <div class="tools"><${DayPicker} also=${{ period: '' }} /></div></header>
    <${Loaded} data=${data}>${({ changes, trades, more }) => {
      const parties = seesAll ? [...new Set(changes.flatMap((c) => [c.from, c.to]))].sort() : [me.organisation];
      const party = parties.includes(query.party) ? query.party : parties[0];
      const rows = positions(changes, trades, party, starts, area.period_seconds / 3600),
        total = (field) => rows.reduce((sum, r) => sum + r[field], 0);
      const own = changes.filter((c) => c.start >= iso(from) && c.start < iso(to) && (c.from === party || c.to === party)),
        shown = query.period ? own.filter((c) => c.start === query.period) : own;
      const energy = (name, title) => ({
        name,
        title: `${title}, MWh`,
        numeric: true,
        value: (r) => Number(r[name].toFixed(6)),
        show: (r) => (r[name] ? short(r[name]) : '–'),
      });
      const isQuiet = rows.every((r) => !r.count && !r.bought && !r.sold);
      const series = [
        { label: 'Net', values: numbers(rows.map((r) => r.net)), style: 'bar' },
        { label: 'Own purchases', values: numbers(rows.map((r) => r.bought)), style: 'step' },
        { label: 'Own sales', values: numbers(rows.map((r) => -r.sold)), style: 'step' },
      ];
      return html`
        ${
          seesAll &&
          parties.length > 1 &&
          html`<div class="tools"><label>Party <select value=${party}
          onChange=${(e) => set({ party: e.target.value })}>${parties.map(
            (id) => html`<option value=${id}>
            ${organisationName(id)}</option>`,
          )}</select></label></div>`
        }
        ${more && html`<p class="problem" role="alert">There are more changes than are read here: the sums are not complete.</p>`}
        <div class="tiles"><div class="tile"><b>${short(total('net'))}</b><span>MWh net of ${date}</span></div>
          <div class="tile"><b>${short(total('into'))}</b><span>MWh into the perimeter</span></div><div class="tile"><b>${short(total('out'))}</b>
            <span>MWh out of it</span></div>
          <div class="tile"><b>${short(total('bought'))} / ${short(total('sold'))}</b>
            <span>MWh bought and sold by own trades, which are not in the net</span></div></div>
        <h2 class="hidden">Over the day</h2>${
          isQuiet
            ? html`<p class="empty">No trade of this day concerns the perimeter. Energy moves
                when the assets of a trade belong to another balance responsible party than its seller (or, for an exchange, its buyer).</p>`
            : html`<${Chart} name="net-position" title="Net position per period" unit="MWh"
              x=${numbers(rows.map((r) => new Date(r.start).getTime() / 1000))} series=${series} />`
        }
        <section><h2>Periods</h2><${Table} name="net-position" rows=${rows} keyOf=${(r) => r.start} onOpen=${(r) => set({ period: r.start })}
          columns=${[
            { name: 'start', title: 'Period', value: (r) => r.start, show: (r) => clock(r.start) },
            energy('net', 'Net'),
            energy('into', 'Into'),
            energy('out', 'Out'),
            energy('bought', 'Own purchases'),
            energy('sold', 'Own sales'),
            { name: 'count', title: 'Changes', numeric: true, value: (r) => r.count, show: (r) => number(r.count) },
          ]} /></section>
        <section><h2>Single changes${query.period ? ` at ${clock(query.period)}` : ''}</h2><${Table} name="perimeter-changes" rows=${shown}
          keyOf=${(c) => `${c.trade} ${c.start} ${c.from} ${c.to}`}
          columns=${partyColumns('list-perimeter-changes')} empty="None."
          tools=${query.period && html`<button onClick=${() => set({ period: '' })}>All of the day</button>`} /></section>`;
    }}<//>
    ${has('brp') && isAllowed('list-assets', me) && html`<${Asked} />`}`;
}
