// What needs attention now, for the role that is logged in: each line is a list of the API, a condition, and where to go.
import { html } from '../lib/html.js';
import { all, call, isAllowed, operation } from '../lib/api.js';
import { state, organisationName } from '../lib/state.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { link } from '../lib/route.js';
import { number, moment, words, day, dayRange, iso } from '../lib/format.js';

const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;
// `is`: which rows count; `done`: an operation that only those have who can do something about it.
const matters = [
  {
    list: 'list-organisations',
    done: 'decide-organisation',
    is: (r) => r.status === 'pending',
    to: ['organisations', { status: 'pending' }],
    text: (n) => `${plural(n, 'organisation waits', 'organisations wait')} for acceptance`,
  },
  {
    list: 'list-assets',
    done: 'decide-asset',
    is: (r) => r.grid_status === 'pending',
    to: ['assets', { grid_status: 'pending' }],
    text: (n) => `${plural(n, 'asset waits', 'assets wait')} for approval at the bus`,
  },
  {
    list: 'list-portfolios',
    done: 'decide-portfolio',
    is: (r) => r.status === 'pending',
    to: ['portfolios', { status: 'pending' }],
    text: (n) => `${plural(n, 'portfolio waits', 'portfolios wait')} for approval`,
  },
  {
    list: 'list-prequalifications',
    done: 'decide-prequalification',
    is: (r) => r.status === 'pending',
    to: ['prequalifications', { status: 'pending' }],
    text: (n) => `${plural(n, 'prequalification waits', 'prequalifications wait')} for a decision`,
  },
  {
    list: 'list-approvals',
    done: 'decide-approval',
    is: (r) => r.status === 'open' && r.asked_by !== state.me.value.user,
    to: ['approvals', { status: 'open' }],
    text: (n) => `${plural(n, 'approval needs', 'approvals need')} a second pair of eyes`,
  },
  {
    list: 'list-disputes',
    done: 'decide-dispute',
    is: (r) => r.status === 'open',
    to: ['disputes', { status: 'open' }],
    text: (n) => `${plural(n, 'dispute is', 'disputes are')} open`,
  },
  {
    list: 'list-set-points',
    done: 'answer-set-point',
    is: (r) => !r.answer,
    to: ['set-points'],
    text: (n) => `${plural(n, 'set-point has', 'set-points have')} no answer`,
  },
  {
    list: 'list-plans',
    done: 'decide-plan',
    is: (r) => r.status === 'open' || r.status === 'pending',
    to: ['plans'],
    text: (n) => `${plural(n, 'plan waits', 'plans wait')} for a decision`,
  },
  {
    list: 'list-assets',
    done: 'confirm-brp',
    is: (r) => r.brps.some((b) => b.confirmed === false && b.brp === state.me.value.organisation),
    to: ['assets'],
    text: (n) => `${plural(n, 'asset asks', 'assets ask')} you to take its balance responsibility`,
  },
  {
    list: 'list-documents',
    is: (r) => r.payment !== 'paid' && r.due < day(Date.now()),
    to: ['documents'],
    text: (n) => `${plural(n, 'invoice is', 'invoices are')} overdue`,
    isBad: true,
  },
  {
    list: 'list-settlements',
    done: 'ask-settlement-release',
    is: (r) => r.stale,
    to: ['settlements'],
    text: (n) => `${plural(n, 'settled day has', 'settled days have')} later readings: compute again`,
  },
  {
    list: 'list-market-agents',
    is: (r) => r.stale || r.failing_since,
    to: ['market-agents'],
    text: (n) => `${plural(n, 'feed is', 'feeds are')} stale`,
    isBad: true,
  },
  {
    list: 'list-runs',
    is: (r) => r.state === 'failed',
    to: ['runs', { state: 'failed' }],
    text: (n) => `${plural(n, 'run has', 'runs have')} failed`,
    isBad: true,
  },
  {
    list: 'list-auctions',
    is: (r) => r.status === 'open',
    to: ['auctions', { status: 'open' }],
    text: (n) => `${plural(n, 'auction takes', 'auctions take')} orders`,
  },
  {
    list: 'list-traffic-lights',
    is: (r) => r.colour === 'red',
    to: ['traffic-lights', { colour: 'red' }],
    text: (n) => `${plural(n, 'location and period is', 'locations and periods are')} red`,
    isBad: true,
  },
];
const AREA_LISTS = new Set([
  'list-settlements',
  'list-auctions',
  'list-traffic-lights',
  'list-orders',
  'list-own-trades',
  'list-trades',
  'list-market-messages',
]);

async function read(signal) {
  const me = state.me.value,
    area = state.area.value?.id,
    got = new Map(),
    failed = new Set();
  const list = (id, params = {}) => {
    const key = JSON.stringify([id, params]);
    if (!got.has(key))
      got.set(
        key,
        all(id, AREA_LISTS.has(id) ? { area, ...params } : params, { signal, most: 20000 }).catch((problem) => {
          if (problem.name === 'AbortError') throw problem;
          failed.add(operation(id).summary);
          return { items: [], more: false };
        }),
      );
    return got.get(key);
  };
  const may = (id) => isAllowed(id, me) && (area || !AREA_LISTS.has(id));
  const isHere = (row) => row.area === undefined || row.area === area;
  const found = await Promise.all(
    matters
      .filter((m) => may(m.list) && (!m.done || isAllowed(m.done, me)))
      .map(async (m) => {
        const { items, more } = await list(m.list);
        return { ...m, count: items.filter((row) => isHere(row) && m.is(row)).length, isMore: more };
      }),
  );
  const [begin, end] = dayRange(day(Date.now())).map(iso);
  const none = { items: [] };
  const open = may('list-orders') ? await list('list-orders', { status: 'open' }) : none;
  const trades = may('list-trades') ? await list('list-trades', { product: 'active', from: begin, to: end }) : none;
  const messages = may('list-market-messages') ? await list('list-market-messages') : none;
  const readiness = isAllowed('get-organisation-readiness', me)
    ? await call('get-organisation-readiness', { organisation: me.organisation }).catch(() => null)
    : null;
  return {
    matters: found.filter((m) => m.count > 0),
    failed: [...failed],
    open: open.items.filter((o) => o.organisation === me.organisation),
    trades: trades.items, // the newest first, as the messages
    messages: messages.items.slice(0, 3),
    readiness,
  };
}

const energy = (trades) =>
  trades.reduce((sum, t) => sum + (Number(t.quantity) * (state.area.value?.period_seconds ?? 900)) / 3600, 0);

export function Start() {
  const me = state.me.value,
    data = useData(read, [state.area.value?.id], { events: /./, every: 5000 });
  return html`<header class="page"><h1>${organisationName(me.organisation)}</h1><p
    class="note">${me.roles.map(words).join(', ')}; ${me.duties.join(', ')}</p></header>
    <${Loaded} data=${data}>${(value) => html`
      <section aria-labelledby="now"><h2 id="now">Needs attention</h2>${
        value.matters.length === 0
          ? html`<p class="empty">${value.failed.length ? 'Not everything could be read.' : 'Nothing waits for you.'}</p>`
          : html`
            <ul class="matters">${value.matters.map((m) => html`<li class=${m.isBad ? 'bad' : ''}><a
            href=${link(...m.to)}>${m.isMore ? 'At least ' : ''}${m.text(m.count)}</a></li>`)}</ul>`
      }${value.failed.length > 0 && html`<p class="problem" role="alert">Could not be read: ${value.failed.join('; ')}.</p>`}</section>
      <section aria-labelledby="today"><h2 id="today">Today</h2><div class="tiles">
        <a class="tile" href=${link('orders', { status: 'open' })}><b>${number(value.open.length)}</b><span>own open orders</span></a>
        <a class="tile" href=${link('trades')}><b>${number(value.trades.length)}</b>
          <span>trades of active energy for delivery today, ${number(energy(value.trades).toFixed(2))} MWh</span></a>
        <a class="tile" href=${link('market')}><b>${value.trades.length ? number(value.trades[0].price) : '–'}</b>
          <span>last price, ${state.area.value?.currency ?? ''}/MWh</span></a></div></section>
      ${value.messages.length > 0 && html`<section><h2>Messages</h2>
        <ul class="messages">${value.messages.map((m) => html`<li><time datetime=${m.time}>${moment(m.time)}</time> ${m.text}</li>`)}</ul></section>`}
      ${value.readiness && !value.readiness.ready && html`<section><h2>Ready for market?</h2>
        <ul class="checks">${value.readiness.checks.map((c) => html`<li
        class=${c.met ? 'done' : ''}>${words(c.key)}${!c.met && c.remedy && html`: ${c.remedy}`}</li>`)}</ul></section>`}`}<//>`;
}
