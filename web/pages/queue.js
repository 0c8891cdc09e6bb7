// Everything that somebody has asked for and that waits for a decision, oldest first, in one queue.
import { html, useState } from '../lib/html.js';
import { all, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Details, Loaded } from '../lib/parts.js';
import { Dialog } from '../lib/dialog.js';
import { Table, badge } from '../lib/table.js';
import { Action } from '../lib/resource.js';
import { age, useMinute } from './outlook.js';
import { route, set } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { moment, words } from '../lib/format.js';

// `param`: under which name the operation takes the object; `mine`: may I decide this one (the server has the last word)?
const KINDS = [
  {
    kind: 'Registration',
    list: 'list-organisations',
    decide: 'decide-organisation',
    param: 'organisation',
    is: (r) => r.status === 'pending',
    what: (r) => `${r.name}: ${r.roles.map(words).join(', ')}`,
    who: (r) => r.name,
    since: (r) => r.created,
  },
  {
    kind: 'Portfolio',
    list: 'list-portfolios',
    decide: 'decide-portfolio',
    param: 'portfolio',
    is: (r) => r.status === 'pending',
    what: (r) => `${r.name}, ${r.assets.length} assets`,
    who: (r) => organisationName(r.organisation),
    since: (r) => r.created,
  },
  {
    kind: 'Prequalification',
    list: 'list-prequalifications',
    decide: 'decide-prequalification',
    param: 'prequalification',
    is: (r) => r.status === 'pending',
    what: (r, context) =>
      `${context.portfolios.get(r.portfolio)?.name ?? r.portfolio}, ${words(r.kind).toLowerCase()}: up ${r.up}, down ${r.down} MW`,
    who: (r, context) => organisationName(context.portfolios.get(r.portfolio)?.organisation ?? ''),
    since: (r) => r.asked,
  },
  {
    kind: 'Second pair of eyes',
    list: 'list-approvals',
    decide: 'decide-approval',
    param: 'approval',
    is: (r) => r.status === 'open',
    what: (r) => `${words(r.action)}, ${r.object}`,
    who: (r, context) => context.users.get(r.asked_by) ?? r.asked_by,
    since: (r) => r.asked,
    mine: (r) => r.asked_by !== state.me.value.user,
  },
  {
    kind: 'Asset at its bus',
    list: 'list-assets',
    decide: 'decide-asset',
    param: 'asset',
    is: (r) => r.grid_status === 'pending',
    what: (r) => `${r.name} at bus ${r.bus ?? '–'}`,
    who: (r) => organisationName(r.organisation),
    since: (r) => r.created,
  },
  {
    kind: 'Dispute',
    list: 'list-disputes',
    decide: 'decide-dispute',
    param: 'dispute',
    is: (r) => r.status === 'open',
    what: (r) => `${r.trade} of ${r.run}: ${r.claim}`,
    who: (r) => organisationName(r.organisation),
    since: () => null,
  },
];

export function Queue() {
  const me = state.me.value,
    query = route.value.query;
  const [action, setAction] = useState(null);
  useMinute();
  const data = useData(
    async (signal) => {
      const read = new Map();
      const list = (id) => {
        if (!read.has(id))
          read.set(id, isAllowed(id, me) ? all(id, {}, { signal, most: 20000 }).then((a) => a.items) : Promise.resolve([]));
        return read.get(id);
      };
      const [users, portfolios] = await Promise.all([list('list-users'), list('list-portfolios')]);
      const context = { users: new Map(users.map((u) => [u.id, u.name])), portfolios: new Map(portfolios.map((p) => [p.id, p])) };
      const found = await Promise.all(
        KINDS.map(async (of) =>
          (await list(of.list)).filter(of.is).map((row) => ({
            id: row.id,
            of,
            row,
            kind: of.kind,
            what: of.what(row, context),
            who: of.who(row, context),
            since: of.since(row),
          })),
        ),
      );
      return found.flat().sort((a, b) => (a.since ?? '9').localeCompare(b.since ?? '9'));
    },
    [me],
    { events: /./, every: 5000 },
  );
  const canDecide = (item) => isAllowed(item.of.decide, me) && (!item.of.mine || item.of.mine(item.row));
  const decide = (item) =>
    setAction({
      action: {
        operation: item.of.decide,
        label: `Decide: ${item.kind.toLowerCase()}`,
        note: item.what,
        params: (r) => ({ [item.of.param]: r.id }),
      },
      row: item.row,
    });
  const columns = [
    { name: 'kind', title: 'Kind', value: (i) => i.kind, show: (i) => badge(i.kind) },
    { name: 'id', title: 'Id', value: (i) => i.id, show: (i) => i.id },
    { name: 'what', title: 'What', value: (i) => i.what, show: (i) => i.what },
    { name: 'who', title: 'Who asks', value: (i) => i.who, show: (i) => i.who },
    { name: 'since', title: 'Since', value: (i) => i.since ?? '', show: (i) => (i.since ? moment(i.since) : '–') },
    { name: 'age', title: 'Waits for', value: (i) => i.since ?? '', show: (i) => (i.since ? age(i.since) : '–') },
  ];
  return html`<header class="page"><h1>Waiting for a decision</h1><p
    class="note">Registrations, approvals and disputes, oldest first. What you can decide has a button.</p></header>
    <${Loaded} data=${data}>${(items) => {
      const rows = items.filter((i) => !query.kind || i.kind === query.kind),
        kinds = [...new Set(items.map((i) => i.kind))],
        opened = items.find((i) => i.id === query.open);
      return html`<${Table} name="queue" columns=${columns} rows=${rows} keyOf=${(i) => i.id} onOpen=${(i) => set({ open: i.id })}
        toJson=${(i) => i.row}
          empty="Nothing waits for a decision." actions=${(i) => canDecide(i) && html`<button onClick=${() => decide(i)}>Decide</button>`}
          tools=${
            kinds.length > 1 &&
            html`<label>Kind <select value=${query.kind ?? ''} onChange=${(e) => set({ kind: e.target.value })}><option
            value="">all</option>${kinds.map((k) => html`<option value=${k}>${k}</option>`)}</select></label>`
          } />
        ${
          opened &&
          html`<${Dialog} wide title=${`${opened.kind}: ${opened.what}`} onClose=${() => set({ open: '' })}><${Details} object=${opened.row}
            schema=${itemSchema(opened.of.list)} />
          ${
            canDecide(opened)
              ? html`<div class="buttons"><button class="primary" onClick=${() => decide(opened)}>Decide</button></div>`
              : html`<p
            class="note">Somebody else decides this.</p>`
          }<//>`
        }`;
    }}<//>
    ${
      action &&
      html`<${Action} ...${action} onClose=${() => setAction(null)} onDone=${async () => {
        set({ open: '' });
        await data.reload();
      }} />`
    }`;
}
