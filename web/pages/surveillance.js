// Surveillance, computed from what the API gives the market operator and the regulator: how concentrated the trades of a span are,
// which prices are far from the mean of their period, and whose orders were cancelled because they met the owner's own.
import { html, useMemo } from '../lib/html.js';
import { all, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, columnsOf } from '../lib/table.js';
import { DayPicker, chosenDay } from '../lib/day.js';
import { route, set, link } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { dayRange, iso, number, shiftDay } from '../lib/format.js';

const SELF_TRADE = [
  'order',
  'organisation',
  'side',
  'product',
  'regulation',
  'location',
  'start',
  'quantity',
  'entered',
  'changed',
];
const short = (value, places = 3) => number(String(Number(value.toFixed(places))));

// Herfindahl-Hirschman index of volumes: the sum of the squared shares in percent, 10000 for a single participant.
export function concentration(volumes) {
  const total = [...volumes.values()].reduce((sum, v) => sum + v, 0);
  if (total <= 0) return { hhi: null, largest: null, total: 0 };
  const shares = [...volumes.values()].map((v) => (100 * v) / total);
  return { hhi: shares.reduce((sum, s) => sum + s * s, 0), largest: Math.max(...shares), total };
}
// Bounds of the European Commission's guidelines on horizontal mergers (2004/C 31/03), points 19 and 20.
const judge = (hhi) => (hhi === null ? 'no trades' : hhi < 1000 ? 'low' : hhi <= 2000 ? 'moderate' : 'high');

// Trades whose price is farther than `percent` of the volume-weighted mean of all trades of its period, product and direction.
export function outliers(trades, percent) {
  const groups = new Map();
  for (const t of trades) {
    const key = `${t.start} ${t.product} ${t.regulation}`,
      g = groups.get(key) ?? { volume: 0, value: 0, count: 0 };
    g.volume += Number(t.quantity);
    g.value += Number(t.quantity) * Number(t.price);
    g.count += 1;
    groups.set(key, g);
  }
  return trades.flatMap((t) => {
    const g = groups.get(`${t.start} ${t.product} ${t.regulation}`);
    if (g.volume <= 0) return [];
    const mean = g.value / g.volume,
      away = Number(t.price) - mean;
    const share = mean === 0 ? (away === 0 ? 0 : Infinity) : (100 * Math.abs(away)) / Math.abs(mean);
    return share > percent ? [{ ...t, mean, away, share, count: g.count }] : [];
  });
}

export function Surveillance() {
  const area = state.area.value,
    query = route.value.query,
    date = chosenDay();
  const days = Number(query.days ?? 1),
    percent = Number(query.percent ?? 20);
  const [from, to] = useMemo(() => [iso(dayRange(shiftDay(date, 1 - days))[0]), iso(dayRange(date)[1])], [date, days, area?.id]);
  const data = useData(
    async (signal) => {
      const [trades, cancelled] = await Promise.all([
        all('list-own-trades', { area: area.id, from, to }, { signal, most: 50000 }),
        all('list-orders', { area: area.id, status: 'cancelled' }, { signal, most: 50000 }),
      ]);
      return {
        trades: trades.items.filter((t) => Number(t.quantity) > 0),
        more: trades.more || cancelled.more,
        cancelled: cancelled.items,
      };
    },
    [area?.id, from, to],
    { events: /^trade|^order\.cancelled/, every: 5000 },
  );
  if (!area) return html`<h1>Surveillance</h1><p class="empty">There is no market area yet.</p>`;
  const hours = area.period_seconds / 3600;
  return html`<header class="page"><h1>Surveillance</h1><p class="note">Deliveries of ${
    days === 1 ? date : `the ${days} days up to ${date}`
  }, all products. Only
        what has traded and what was cancelled is judged; it is a reason to look closer, not a finding.</p>
    <div class="tools"><${DayPicker} />
      <label>Days <select value=${days} onChange=${(e) => set({ days: e.target.value })}>${[1, 7, 30].map(
        (n) => html`<option value=${n}>
        ${n}</option>`,
      )}</select></label>
      <label>Outliers from, % <select value=${percent} onChange=${(e) => set({ percent: e.target.value })}>${[5, 10, 20, 50].map(
        (n) => html`<option
        value=${n}>${n}</option>`,
      )}</select></label></div></header>
    <${Loaded} data=${data}>${({ trades, cancelled, more }) => {
      const parties = new Map();
      const party = (id) =>
        parties.get(id) ?? (parties.set(id, { id, sold: 0, bought: 0, earned: 0, spent: 0, trades: 0 }), parties.get(id));
      for (const t of trades) {
        const energy = Number(t.quantity) * hours,
          value = energy * Number(t.price);
        const seller = party(t.seller),
          buyer = party(t.buyer);
        seller.sold += energy;
        seller.earned += value;
        seller.trades += 1;
        buyer.bought += energy;
        buyer.spent += value;
        buyer.trades += 1;
      }
      const rows = [...parties.values()];
      const side = (field) => concentration(new Map(rows.map((r) => [r.id, r[field]])));
      const sellers = side('sold'),
        buyers = side('bought');
      const far = outliers(trades, percent).sort((a, b) => b.share - a.share);
      const own = cancelled.filter((o) => o.cause === 'self_trade' && o.changed >= from && o.changed < to);
      const attempts = new Map();
      for (const o of own) attempts.set(o.organisation, (attempts.get(o.organisation) ?? 0) + 1);
      const tile = (title, c) =>
        html`<div class="tile"><b>${c.hhi === null ? '–' : number(Math.round(c.hhi))}</b><span>
          ${title}: concentration ${judge(c.hhi)}${c.hhi === null ? '' : `, largest share ${short(c.largest, 1)} %`}</span></div>`;
      const share = (value, total) => (total > 0 ? (100 * value) / total : 0);
      const money = (field, title) => ({
        name: field,
        title: `${title}, ${area.currency}`,
        numeric: true,
        value: (r) => r[field].toFixed(2),
        show: (r) => number(r[field].toFixed(2)),
      });
      return html`
        ${more && html`<p class="problem" role="alert">There are more trades or orders than are read here; choose fewer days.</p>`}
        <div class="tiles">${tile('Sellers', sellers)}${tile('Buyers', buyers)}
          <div class="tile"><b>${number(far.length)}</b><span>trades farther than ${percent} % from their period’s mean price</span></div>
          <div class="tile"><b>${number(own.length)}</b><span>orders cancelled because they met the owner’s own</span></div></div>
        <section><h2>Concentration by participant</h2><p
          class="note">Herfindahl-Hirschman index: squared shares in percent, added up;
            10 000 is a single participant. Below 1 000 is low, above 2 000 high (European Commission, 2004/C 31/03).</p>
          <${Table} name="concentration" rows=${rows} keyOf=${(r) => r.id} empty="Nothing has traded for delivery in this span."
            columns=${[
              {
                name: 'organisation',
                title: 'Participant',
                value: (r) => organisationName(r.id),
                show: (r) => organisationName(r.id),
              },
              { name: 'trades', title: 'Trades', numeric: true, value: (r) => r.trades, show: (r) => number(r.trades) },
              { name: 'sold', title: 'Sold, MWh', numeric: true, value: (r) => r.sold, show: (r) => short(r.sold) },
              {
                name: 'sold_share',
                title: 'Share of sales, %',
                numeric: true,
                value: (r) => share(r.sold, sellers.total),
                show: (r) => short(share(r.sold, sellers.total), 1),
              },
              money('earned', 'Sold for'),
              { name: 'bought', title: 'Bought, MWh', numeric: true, value: (r) => r.bought, show: (r) => short(r.bought) },
              {
                name: 'bought_share',
                title: 'Share of purchases, %',
                numeric: true,
                value: (r) => share(r.bought, buyers.total),
                show: (r) => short(share(r.bought, buyers.total), 1),
              },
              money('spent', 'Bought for'),
            ]} /></section>
        <section><h2>Price outliers</h2><p
          class="note">Held against the volume-weighted mean of all trades of the same period, product and direction.</p>
          <${Table} name="outliers" rows=${far} keyOf=${(t) => t.trade} empty=${`No trade is farther than ${percent} % from its period’s mean.`}
            onOpen=${(t) => {
              location.hash = link('own-trades', { open: t.trade });
            }} columns=${[
              ...columnsOf(itemSchema('list-own-trades'), [
                'trade',
                'time',
                'start',
                'product',
                'regulation',
                'quantity',
                'price',
              ]),
              { name: 'mean', title: 'Mean', numeric: true, value: (t) => t.mean, show: (t) => short(t.mean, 2) },
              {
                name: 'share',
                title: 'Away, %',
                numeric: true,
                value: (t) => t.share,
                show: (t) => (Number.isFinite(t.share) ? `${t.away < 0 ? '−' : '+'}${short(t.share, 1)}` : 'mean is 0'),
              },
              {
                name: 'count',
                title: 'Trades of the period',
                numeric: true,
                value: (t) => t.count,
                show: (t) => number(t.count),
              },
              ...columnsOf(itemSchema('list-own-trades'), ['seller', 'buyer']),
            ]} /></section>
        <section><h2>Self-trade cancellations</h2><p class="note">${
          own.length
            ? [...attempts].map(([id, n]) => `${organisationName(id)}: ${n}`).join('; ')
            : 'The book never lets an order trade with one of the same organisation; it cancels it, and it would stand here.'
        }</p><${Table} name="self-trades" rows=${own} keyOf=${(o) => o.order} empty="None in this span."
          columns=${columnsOf(itemSchema('list-orders'), SELF_TRADE)} /></section>`;
    }}<//>`;
}
