// Assets at the own buses: who asks for what at which bus, and what is approved there already. The decision is made beside the
// diagram in which the bus stands out.
import { html, useMemo } from '../lib/html.js';
import { all, isAllowed, itemSchema } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Details, Loaded } from '../lib/parts.js';
import { Form } from '../lib/form.js';
import { Table, badge, columnsOf } from '../lib/table.js';
import { Diagram, branchesOf, useNetwork } from '../lib/grid.js';
import { route, set } from '../lib/route.js';
import { state, notify, locationName, organisationName } from '../lib/state.js';
import { number, words } from '../lib/format.js';

const STATES = ['pending', 'approved', 'refused', 'suspended'];
const sum = (rows, field) => number(String(Number(rows.reduce((total, r) => total + Number(r[field]), 0).toFixed(6))));

// Which decisions change something in this state.
const DECISIONS = { pending: ['accept', 'refuse'], approved: ['suspend'], suspended: ['resume'], refused: [] };

function Asset({ asset, assets, network, onDecided }) {
  const here = assets.filter((a) => a.bus === asset.bus && a.location === asset.location && a.id !== asset.id),
    approved = here.filter((a) => a.grid_status === 'approved');
  const branches = branchesOf(network ?? {}).filter((b) =>
    [b.from ?? b.from_bus, b.to ?? b.to_bus].map(String).includes(asset.bus),
  );
  const classOf = (bus) =>
    `${bus === asset.bus ? 'chosen' : ''} ${assets.some((a) => a.bus === bus && a.grid_status === 'approved') ? 'has-assets' : ''}`;
  const canDecide = isAllowed('decide-asset', state.me.value) && DECISIONS[asset.grid_status].length > 0;
  const choices = { decision: DECISIONS[asset.grid_status].map((word) => [word, words(word)]) };
  return html`<section class="opened"><header class="page"><h2>${asset.name} ${badge(asset.grid_status)}</h2>
      <button class="quiet" onClick=${() => set({ open: '' })}>Close</button></header>
    <div class="grid-views">
      <div>
        <dl class="details">
          <div><dt>Owner</dt><dd>${organisationName(asset.organisation)}</dd></div>
          <div><dt>Where</dt><dd>${locationName(asset.location)}, bus ${asset.bus ?? '–'}</dd></div>
          <div><dt>Takes and gives, MW</dt><dd>${number(asset.p_min)} … ${number(asset.p_max)}</dd></div>
          <div><dt>Apparent power, MVA</dt><dd>${number(asset.s_max)}</dd></div>
          <div><dt>Approved at this bus already</dt><dd>
            ${approved.length} assets, ${sum(approved, 'p_min')} … ${sum(approved, 'p_max')} MW</dd></div>
          <div><dt>With this one</dt><dd>${sum([...approved, asset], 'p_min')} … ${sum([...approved, asset], 'p_max')} MW</dd></div>
          <div><dt>Lines and transformers at the bus</dt><dd>${branches.map((b) => b.name ?? b.id).join(', ') || '–'}</dd></div>
          ${asset.grid_reason && html`<div><dt>Reason of the last decision</dt><dd>${asset.grid_reason}</dd></div>`}</dl>
        <details><summary>Everything about it</summary><${Details} object=${asset} schema=${itemSchema('list-assets')} /></details>
        ${
          canDecide
            ? html`<h3>Decision</h3><${Form} key=${`${asset.id} ${asset.grid_status}`} operation="decide-asset" params=${{ asset: asset.id }}
              choices=${choices}
                start=${{ decision: choices.decision[0][0] }} submit="Decide" onDone=${async (answer) => {
                  notify('done', `${answer.name}: ${words(answer.grid_status).toLowerCase()}`);
                  await onDecided(answer);
                }} />`
            : html`<p class="note">${
                asset.grid_status === 'refused'
                  ? 'The decision is made; the owner may change the asset and ask again.'
                  : 'The system operator of the location decides.'
              }</p>`
        }</div>
      ${
        network?.buses?.length > 0 &&
        html`<${Diagram} network=${network} classOf=${classOf} label=${`bus ${asset.bus} of ${asset.name} stands out`}
        noteOf=${(bus) => (bus === asset.bus ? `bus of ${asset.name}` : '')} />`
      }</div></section>`;
}

export function Connections() {
  const me = state.me.value,
    query = route.value.query,
    area = state.area.value;
  const data = useData((signal) => all('list-assets', {}, { signal, most: 20000 }), [area?.id]);
  const network = useNetwork();
  // Those of the area at locations of the own; for who operates none, all that may be seen.
  const assets = useMemo(() => {
    const operated = new Set(state.locations.value.filter((l) => l.operator === me.organisation).map((l) => l.id));
    return (data.value?.items ?? []).filter((a) => a.area === area?.id && (operated.size === 0 || operated.has(a.location)));
  }, [data.value, area?.id, state.locations.value]);
  const wanted = query.status ?? (assets.some((a) => a.grid_status === 'pending') ? 'pending' : 'all');
  const rows = assets.filter((a) => wanted === 'all' || a.grid_status === wanted),
    opened = assets.find((a) => a.id === query.open);
  const columns = columnsOf(itemSchema('list-assets'), [
    'id',
    'name',
    'organisation',
    'technology',
    'location',
    'bus',
    'p_min',
    'p_max',
    'created',
    'grid_status',
  ]);
  const next = async (decided) => {
    await data.reload();
    const waiting = assets.find((a) => a.grid_status === 'pending' && a.id !== decided.id);
    set({ open: waiting?.id ?? '' });
  };
  return html`<header class="page"><h1>Asset approvals</h1>
      <p class="note">An asset may be offered when the system operator of its location has approved it at its bus.</p></header>
    <${Loaded} data=${data}>${(value) => html`
      ${opened && html`<${Asset} key=${opened.id} asset=${opened} assets=${assets} network=${network.value} onDecided=${next} />`}
      <${Table} name="asset-approvals" columns=${columns} rows=${rows} more=${value.more} keyOf=${(r) => r.id} onOpen=${(r) => set({ open: r.id })}
        empty=${wanted === 'pending' ? 'No asset waits for a decision.' : 'No assets in this state.'}
        tools=${html`<label>State <select value=${wanted} onChange=${(e) => set({ status: e.target.value, open: '' })}>
          ${['all', ...STATES].map(
            (word) =>
              html`<option value=${word}>${words(word)} (${
                word === 'all' ? assets.length : assets.filter((a) => a.grid_status === word).length
              })</option>`,
          )}</select></label>`} />`}<//>`;
}
