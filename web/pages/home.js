// For who owns a few devices and does not trade: in large type and few words, what one has, what may be done with the data, what was
// earned, and what to do next.
import { html, useState } from '../lib/html.js';
import { all, call, isAllowed, Problem } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Action } from '../lib/resource.js';
import { resources } from './resources.js';
import { sumsOf, decimal } from './settlement.js';
import { link } from '../lib/route.js';
import { state, notify, organisationName } from '../lib/state.js';
import { day, number, words } from '../lib/format.js';

const PURPOSES = [
  ['metering', 'My meter readings may be used to measure what my devices deliver.'],
  ['forecasting', 'My readings may be used for forecasts.'],
  ['open_data', 'My readings may be in open data, without my name.'],
  ['contact', 'I may be contacted.'],
];
const kilowatts = (a) =>
  number(String(Number((1000 * Math.max(Math.abs(Number(a.p_min)), Math.abs(Number(a.p_max)))).toFixed(3))));
const balanceOf = ({ brps: [of] }) =>
  of ? `; balanced by ${organisationName(of.brp)}${of.confirmed ? '' : ', not confirmed yet'}` : '';
const DEVICE = {
  approved: ['good', 'Ready to be used'],
  pending: ['wait', 'The grid operator still looks at it'],
  refused: ['bad', 'The grid operator said no'],
  suspended: ['bad', 'Stopped by the grid operator for now'],
};

function Consent({ purpose, text, given, onChanged }) {
  const [isBusy, setBusy] = useState(false),
    [problem, setProblem] = useState(null);
  const change = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await call(given ? 'withdraw-consent' : 'give-consent', { purpose });
      notify('done', given ? 'Taken back' : 'Allowed', text);
      await onChanged();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem({ title: error.message }));
    }
    setBusy(false);
  };
  return html`<li><div><b>${given ? 'Allowed' : 'Not allowed'}</b><br />${text}${given && html`<br /><small>since ${day(given)}</small>`}
      ${problem && html`<p class="error" role="alert">${problem.title} ${problem.remedy}</p>`}</div>
    <button class=${given ? '' : 'primary'} disabled=${isBusy} onClick=${change} aria-label=${`${given ? 'Take back' : 'Allow'}: ${text}`}>${
      given ? 'Take back' : 'Allow'
    }</button></li>`;
}

async function read(area, me, signal) {
  const list = (id, params = {}) => (isAllowed(id, me) ? all(id, params, { signal }).then((a) => a.items) : Promise.resolve([]));
  const [assets, consents, mandates, documents, runs] = await Promise.all([
    list('list-assets'),
    me.agent ? [] : list('list-consents'), // those are a person's own
    list('list-mandates'),
    list('list-documents'),
    area ? list('list-settlements', { area: area.id }) : [],
  ]);
  // The newest run of each of the last days, as far as it concerns us.
  const newest = [...new Map(runs.sort((a, b) => a.number - b.number).map((r) => [r.day, r])).values()]
    .sort((a, b) => b.day.localeCompare(a.day))
    .slice(0, 7);
  const lines = await Promise.all(newest.map((r) => list('get-statement', { run: r.id })));
  const earned = newest.flatMap((run, i) => {
    const own = sumsOf(lines[i]).find((s) => s.id === me.organisation);
    return own ? [{ run, own }] : [];
  });
  return {
    assets: assets.filter((a) => a.organisation === me.organisation),
    consents,
    mandates: mandates.filter((m) => m.principal === me.organisation),
    documents,
    earned,
  };
}

export function Home() {
  const area = state.area.value,
    me = state.me.value,
    [action, setAction] = useState(null);
  const data = useData((signal) => read(area, me, signal), [area?.id, me.organisation], {
    events: /^settlement|^trade/,
    every: 10000,
  });
  const assetActions = resources.find((r) => r.path === 'assets');
  const register = { ...assetActions.create[0], label: 'Add a device' },
    chooseBalance = assetActions.actions.find((a) => a.operation === 'propose-brp');
  return html`<div class="home"><h1>${organisationName(me.organisation)}</h1>
    <${Loaded} data=${data}>${({ assets, consents, mandates, documents, earned }) => {
      const given = new Map(consents.filter((c) => !c.withdrawn).map((c) => [c.purpose, c.given]));
      const next = [];
      if (assets.length === 0)
        next.push({
          text: 'Add your first device: a battery, a heat pump, a car, a machine that can wait.',
          label: 'Add a device',
          act: () => setAction({ action: register, row: {} }),
        });
      for (const a of assets.filter((x) => x.brps.length === 0 && x.grid_status !== 'refused'))
        next.push({
          text: `Say who balances “${a.name}”. Your electricity supplier knows the name.`,
          label: 'Choose',
          act: () => setAction({ action: { ...chooseBalance, start: () => ({ valid_from: new Date().toISOString() }) }, row: a }),
        });
      if (assets.length > 0 && mandates.length === 0)
        next.push({ text: 'Choose who trades for you.', label: 'Choose', to: link('mandates') });
      if (assets.length > 0 && !me.agent && !given.has('metering'))
        next.push({
          text: 'Allow that your meter is read for it: see “My permission” below.',
          label: 'Go there',
          act: () => document.getElementById('permission').scrollIntoView(),
        });
      for (const d of documents.filter((x) => x.payment === 'overdue'))
        next.push({
          text: `A bill of ${number(d.gross)} is overdue since ${d.due}.`,
          label: 'Look at it',
          to: link('document', { id: d.id }),
        });
      const agents = mandates.map((m) => organisationName(m.agent)).join(', ');
      const canAdd = isAllowed('create-asset', me);
      return html`
        <section aria-labelledby="next"><h2 id="next">What to do next</h2>${
          next.length
            ? html`<ol class="next">${next.map(
                (n) =>
                  html`<li><span>${n.text}</span>${
                    n.to
                      ? html`<a class="button primary" href=${n.to}>
              ${n.label}</a>`
                      : html`<button class="primary" onClick=${n.act}>${n.label}</button>`
                  }</li>`,
              )}</ol>`
            : html`<p>Nothing. Everything is set up.</p>`
        }</section>
        <section aria-labelledby="devices"><h2 id="devices">My devices</h2>
          ${assets.length === 0 && html`<p>None yet.</p>`}
          <ul class="cards">${assets.map((a) => {
            const [kind, text] = DEVICE[a.grid_status];
            return html`<li><b>${a.name}</b><span class=${`badge ${kind}`}>${text}</span>${a.grid_reason && html`<span>${a.grid_reason}</span>`}
              <small>${words(a.technology)}, up to ${kilowatts(a)} kW${balanceOf(a)}</small></li>`;
          })}</ul>
          ${canAdd && assets.length > 0 && html`<button onClick=${() => setAction({ action: register, row: {} })}>Add a device</button>`}</section>
        <section aria-labelledby="trader"><h2 id="trader">Who trades for me</h2>
          <p>${agents || 'Nobody.'}</p><a class="button"
            href=${link('mandates')}>Change</a></section>
        <section aria-labelledby="earned"><h2 id="earned">What I earned</h2>${
          earned.length
            ? html`<table><caption class="hidden">Earnings by day</caption><thead><tr><th scope="col">Day</th><th scope="col" class="number">
              ${area.currency}</th><th scope="col"></th></tr></thead><tbody>${earned.map(
                ({ run, own }) =>
                  html`<tr><th scope="row">${run.day}</th><td class="number">${number(decimal(own.earned - own.penalty, 2))}</td><td><a
                    href=${link('settlement', { run: run.id })}>Details</a></td></tr>`,
              )}</tbody></table>`
            : html`<p>${
                mandates.length ? `The market pays who trades. ${agents} pays you as you have agreed with them.` : 'Nothing yet.'
              }</p>`
        }
          ${documents.map(
            (d) => html`<p><a href=${link('document', { id: d.id })}>
            ${words(d.kind)} ${d.series}/${d.year}/${d.number}: ${number(d.gross)}</a></p>`,
          )}</section>
        ${
          !me.agent &&
          html`<section aria-labelledby="permission"><h2 id="permission">My permission</h2><p>You can take it back at any time.</p>
          <ul class="cards">${PURPOSES.map(
            ([purpose, text]) => html`<${Consent} key=${purpose} purpose=${purpose} text=${text}
            given=${given.get(purpose)} onChanged=${data.reload} />`,
          )}</ul></section>`
        }`;
    }}<//>
    ${action && html`<${Action} ...${action} onClose=${() => setAction(null)} onDone=${data.reload} />`}</div>`;
}
