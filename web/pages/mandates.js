// Who may act for whom: mandates that the own organisation has given and got, and acting for another one.
import { html, useState } from '../lib/html.js';
import { all, call, isAllowed, Problem } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Form } from '../lib/form.js';
import { Dialog } from '../lib/dialog.js';
import { Table } from '../lib/table.js';
import { state, notify, organisationName } from '../lib/state.js';
import { moment, words } from '../lib/format.js';

function Grant({ onClose, onDone }) {
  const [agent, setAgent] = useState('');
  const own = state.me.value.organisation;
  return html`<${Dialog} title="Let another organisation act for yours" onClose=${onClose}>
    <p class="note">Its users then do what you may do, within the duties
      of the mandate that they have themselves. The audit log names both organisations. You can end it at any time.</p>
    <div class="field"><label for="agent">Who acts for you<span class="needed" aria-hidden="true"> *</span></label>
      <select id="agent" value=${agent} onChange=${(e) => setAgent(e.target.value)}><option value="">choose</option>
        ${[...state.organisations.value].filter(([id]) => id !== own).map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select></div>
    ${
      agent
        ? html`<${Form} key=${agent} operation="grant-mandate" params=${{ agent }} submit="Give the mandate" onCancel=${onClose}
          onDone=${async () => {
            notify('done', `${organisationName(agent)} acts for you`);
            onClose();
            await onDone();
          }} />`
        : html`<p class="note">Choose the organisation first.</p>`
    }<//>`;
}

export function Mandates({ onActFor }) {
  const me = state.me.value,
    [isGranting, setGranting] = useState(false),
    [ending, setEnding] = useState(null),
    [problem, setProblem] = useState(null);
  const data = useData(async (signal) => (await all('list-mandates', {}, { signal })).items, [me.organisation]);
  const columns = (field, title) => [
    { name: field, title, value: (m) => organisationName(m[field]), show: (m) => organisationName(m[field]) },
    { name: 'duties', title: 'Duties', value: (m) => m.duties.join(' '), show: (m) => m.duties.map(words).join(', ') },
    { name: 'granted', title: 'Since', value: (m) => m.granted, show: (m) => moment(m.granted) },
  ];
  const act = async (organisation) => {
    setProblem(null);
    try {
      await onActFor(organisation);
    } catch (error) {
      setProblem(error);
    }
  };
  const end = async () => {
    try {
      await call('revoke-mandate', { agent: ending.agent });
      notify('done', `${organisationName(ending.agent)} no longer acts for you`);
      setEnding(null);
      await data.reload();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem({ title: error.message }));
      setEnding(null);
    }
  };
  const canManage = isAllowed('grant-mandate', me);
  return html`<header class="page"><h1>Mandates</h1><p
    class="note">One organisation may let another act for it. While you act for another one, a bar above every page says so.</p></header>
    ${problem && html`<div class="problem" role="alert"><b>${problem.title ?? problem.message}</b> ${problem.detail}<br />${problem.remedy}</div>`}
    <${Loaded} data=${data}>${(mandates) => html`
      <section><h2>For whom we act</h2><${Table} name="mandates-got" columns=${columns('principal', 'Organisation')}
        rows=${mandates.filter((m) => m.agent === (me.agent ?? me.organisation))}
        keyOf=${(m) => m.principal} empty="Nobody has given your organisation a mandate." actions=${
          me.agent
            ? undefined
            : (m) => html`<button onClick=${() => act(m.principal)}>Act for ${organisationName(m.principal)}</button>`
        } /></section>
      <section><h2>Who acts for us</h2>
        ${canManage && html`<div class="buttons"><button class="primary" onClick=${() => setGranting(true)}>Give a mandate</button></div>`}
        <${Table} name="mandates-given" columns=${columns('agent', 'Organisation')} rows=${mandates.filter((m) => m.principal === me.organisation)}
          keyOf=${(m) => m.agent}
          empty="Nobody acts for your organisation." actions=${
            canManage
              ? (m) => html`<button
            onClick=${() => setEnding(m)}>End</button>`
              : undefined
          } /></section>
      ${
        mandates.some((m) => m.agent !== me.organisation && m.principal !== me.organisation && !me.agent) &&
        html`<section><h2>All mandates</h2><${Table} name="mandates" columns=${[columns('principal', 'For')[0], ...columns('agent', 'Acts')]}
        rows=${mandates} keyOf=${(m) => `${m.principal} ${m.agent}`} empty="Nobody acts for anybody." /></section>`
      }`}<//>
    ${isGranting && html`<${Grant} onClose=${() => setGranting(false)} onDone=${data.reload} />`}
    ${
      ending &&
      html`<${Dialog} title="End the mandate" onClose=${() => setEnding(null)}><p>
        ${organisationName(ending.agent)} no longer acts for you. What it has done stays.</p>
      <div class="buttons"><button class="primary" onClick=${end}>End the mandate</button><button onClick=${() => setEnding(null)}>Cancel</button>
        </div><//>`
    }`;
}
