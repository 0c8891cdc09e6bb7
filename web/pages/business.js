// Everything of a seller at one glance, by portfolio: what is in it, what it offers, has traded and was paid; and assets in none.
import { html, useMemo } from '../lib/html.js';
import { all, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Table, badge, columnsOf } from '../lib/table.js';
import { DayPicker, chosenDay } from '../lib/day.js';
import { link } from '../lib/route.js';
import { state, locationName, organisationName } from '../lib/state.js';
import { dayRange, iso, number } from '../lib/format.js';

const short = (value, places = 3) => number(String(Number(value.toFixed(places))));

export function Business() {
  const area = state.area.value,
    me = state.me.value,
    date = chosenDay();
  const [from, to] = useMemo(() => dayRange(date).map(iso), [date, area?.id]);
  const data = useData(
    async (signal) => {
      const list = (id, params = {}) =>
        isAllowed(id, me) ? all(id, params, { signal, most: 20000 }).then((a) => a.items) : Promise.resolve([]);
      const [portfolios, assets, orders, trades, mandates, runs] = await Promise.all([
        list('list-portfolios'),
        list('list-assets'),
        list('list-orders', { area: area.id, status: 'open' }),
        list('list-own-trades', { area: area.id, from, to }),
        list('list-mandates'),
        list('list-settlements', { area: area.id }),
      ]);
      const run = runs.filter((r) => r.day === date).sort((a, b) => b.number - a.number)[0];
      const lines = run ? await list('get-statement', { run: run.id }) : [];
      return {
        portfolios: portfolios.filter((p) => p.organisation === me.organisation && p.area === area.id),
        assets: assets.filter((a) => a.area === area.id),
        orders,
        trades,
        mandates,
        run,
        lines,
      };
    },
    [area?.id, date, me.organisation],
    { events: /^order\.|^trade|^gate|^settlement/, every: 2000 },
  );
  if (!area) return html`<h1>Own business</h1><p class="empty">There is no market area yet.</p>`;
  const hours = area.period_seconds / 3600;
  return html`<header class="page"><h1>Own business</h1><p
    class="note">By portfolio: what is in it, what it offers now, what it has traded for delivery on the day, and what the settlement says.</p>
      <div class="tools"><${DayPicker} /></div></header>
    <${Loaded} data=${data}>${({ portfolios, assets, orders, trades, mandates, run, lines }) => {
      const rows = portfolios.map((p) => {
        const inside = p.assets.map((m) => assets.find((a) => a.id === (m.asset ?? m.id ?? m))).filter(Boolean),
          sold = trades.filter((t) => t.portfolio === p.id),
          settled = lines.filter((l) => l.portfolio === p.id);
        const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);
        return {
          ...p,
          count: p.assets.length,
          approved: inside.filter((a) => a.grid_status === 'approved').length,
          low: sum(inside, (a) => Number(a.p_min)),
          high: sum(inside, (a) => Number(a.p_max)),
          offers: orders.filter((o) => o.portfolio === p.id).length,
          energy: sum(sold, (t) => Number(t.quantity) * hours),
          value: sum(sold, (t) => Number(t.quantity) * hours * Number(t.price)),
          paid: sum(settled, (l) => Number(l.paid)),
          penalty: sum(settled, (l) => Number(l.penalty)),
        };
      });
      const used = new Set(portfolios.flatMap((p) => p.assets.map((m) => m.asset ?? m.id ?? m)));
      const own = assets.filter((a) => a.organisation === me.organisation),
        free = own.filter((a) => !used.has(a.id)),
        agents = mandates.filter((m) => m.principal === me.organisation);
      const names = agents.map((m) => organisationName(m.agent)).join(', ');
      const total = (field) => rows.reduce((sum, r) => sum + r[field], 0);
      const value = (name, title, places) => ({
        name,
        title,
        numeric: true,
        value: (r) => Number(r[name].toFixed(places)),
        show: (r) => (r[name] || places === 6 ? (places === 2 ? number(r[name].toFixed(2)) : short(r[name], places)) : '–'),
      });
      return html`
        <div class="tiles"><a class="tile" href=${link('own-trades')}><b>${short(total('energy'))}</b><span>MWh sold for ${date}</span></a>
          <a class="tile" href=${link('own-trades')}><b>${number(total('value').toFixed(2))}</b><span>
            ${area.currency} at the prices of the trades</span></a>
          <a class="tile" href=${run ? link('settlement', { run: run.id }) : link('settlements')}><b>${
            run ? number((total('paid') - total('penalty')).toFixed(2)) : '–'
          }</b><span>${run ? `${area.currency} settled, less penalties` : 'not settled yet'}</span></a>
          <a class="tile" href=${link('assets')}><b>${number(own.length)}</b>
            <span>own assets, ${own.filter((a) => a.grid_status === 'approved').length} approved</span></a></div>
        <section><h2>Portfolios</h2><${Table} name="business" rows=${rows} keyOf=${(r) => r.id} onOpen=${(r) => {
          location.hash = link('portfolios', { open: r.id });
        }} empty=${
          agents.length
            ? `You have no portfolio of your own: ${names} trades for you.`
            : 'No portfolios. Make one, put assets into it, and offer for it.'
        } columns=${[
          { name: 'name', title: 'Portfolio', value: (r) => r.name, show: (r) => r.name },
          { name: 'location', title: 'Location', value: (r) => locationName(r.location), show: (r) => locationName(r.location) },
          { name: 'status', title: 'State', value: (r) => r.status, show: (r) => badge(r.status) },
          { name: 'count', title: 'Assets', numeric: true, value: (r) => r.count, show: (r) => number(r.count) },
          value('low', 'From, MW', 6),
          value('high', 'to, MW', 6),
          value('offers', 'Open orders', 0),
          value('energy', 'Sold, MWh', 3),
          value('value', `For, ${area.currency}`, 2),
          value('paid', 'Settled', 2),
          value('penalty', 'Penalties', 2),
        ]} /></section>
        <section><h2>Own assets in no portfolio of yours</h2>${
          agents.length > 0 &&
          html`<p class="note">
          ${names} may act for you and may have them in a portfolio.</p>`
        }
          <${Table} name="free-assets" rows=${free} keyOf=${(a) => a.id}
            columns=${columnsOf(itemSchema('list-assets'), ['id', 'name', 'technology', 'location', 'bus', 'p_min', 'p_max', 'grid_status'])}
            onOpen=${(a) => {
              location.hash = link('assets', { open: a.id });
            }} empty="None." /></section>`;
    }}<//>`;
}
