// The emergency stop: trades at the own locations cut for the grid's safety, and trading halted, from one place. Nothing is done
// without a reason and a second step that says what will happen.
import { html, useMemo, useState } from '../lib/html.js';
import { all, call, isAllowed, useOfKeys, Problem } from '../lib/api.js';
import { useData } from '../lib/data.js';
import { Loaded } from '../lib/parts.js';
import { Dialog } from '../lib/dialog.js';
import { Table, badge } from '../lib/table.js';
import { withBelow } from './map.js';
import { route, set } from '../lib/route.js';
import { state, notify, locationName, organisationName } from '../lib/state.js';
import { instantOf, iso, moment, number, words } from '../lib/format.js';

const total = (rows) => number(String(Number(rows.reduce((sum, r) => sum + Number(r.quantity), 0).toFixed(6))));

// ---- cutting trades ----
function CurtailDialog({ trades: given, onClose, onDone }) {
  const [reason, setReason] = useState(''),
    [share, setShare] = useState('0'),
    [isSure, setSure] = useState(false),
    [results, setResults] = useState(null),
    [isBusy, setBusy] = useState(false),
    [wrong, setWrong] = useState({});
  const trades = useMemo(() => given, []); // as they were when this was opened: a part of a part is not what was asked for
  const keys = useMemo(() => new Map(trades.map((t) => [t.trade, useOfKeys()])), []);
  // Down to the area's step, never above what there is.
  const keepOf = (t) => {
    const tick = Number(state.area.value.tick),
      places = (state.area.value.tick.split('.')[1] ?? '').length;
    return (Math.floor((Number(t.quantity) * Number(share)) / 100 / tick + 1e-9) * tick).toFixed(places);
  };
  const act = async (event) => {
    event.preventDefault();
    const missing = {
      ...(reason.trim() ? {} : { reason: 'is needed; the parties read it' }),
      ...(/^\d+(\.\d+)?$/.test(share) && Number(share) < 100 ? {} : { share: 'write a number from 0 to below 100' }),
      ...(isSure ? {} : { sure: 'is needed' }),
    };
    setWrong(missing);
    if (Object.keys(missing).length) return;
    setBusy(true);
    const done = [];
    for (const t of trades) {
      const before = results?.find((r) => r.trade === t.trade && !r.problem);
      if (before) {
        done.push(before);
        continue;
      }
      try {
        await call(
          'curtail-trade',
          { area: state.area.value.id, trade: t.trade },
          { keep: keepOf(t), reason: reason.trim() },
          { key: keys.get(t.trade).keyFor(keepOf(t), reason.trim()) },
        );
        keys.get(t.trade).answered();
        done.push({ trade: t.trade });
      } catch (error) {
        keys.get(t.trade).answered(error);
        done.push({ trade: t.trade, problem: error instanceof Problem ? error : new Problem({ title: error.message }) });
      }
      setResults([...done]);
    }
    setBusy(false);
    await onDone();
    if (done.every((r) => !r.problem)) {
      notify('done', `${done.length === 1 ? 'One trade is' : `${done.length} trades are`} cut`, reason.trim());
      onClose();
    }
  };
  const failed = results?.filter((r) => r.problem) ?? [];
  const field = (
    name,
    label,
    control,
    tip,
  ) => html`<div class=${`field ${wrong[name] ? 'wrong' : ''}`}><label for=${`curtail-${name}`}>${label}<span class="needed"
    aria-hidden="true"> *</span></label>
    ${control}${tip && html`<small>${tip}</small>`}${
      wrong[name] &&
      html`<strong class="error" id=${`curtail-${name}-wrong`}>
      ${wrong[name]}</strong>`
    }</div>`;
  return html`<${Dialog} title="Cut trades for the grid’s safety" onClose=${onClose}><form noValidate onSubmit=${act} aria-busy=${isBusy}>
    <p><b>${
      trades.length === 1 ? 'One trade' : `${trades.length} trades`
    }, ${total(trades)} MW in all</b>, for delivery from ${moment(trades.at(-1).start).slice(0, 16)}${' '}
      to ${moment(trades[0].start).slice(0, 16)}. The parties are told at once; what is cut is not delivered and does not come back.</p>
    <div class="fields">
      ${field(
        'share',
        'What is kept, %',
        html`<input id="curtail-share" inputmode="decimal" value=${share}
        onInput=${(e) => setShare(e.target.value)} aria-invalid=${Boolean(wrong.share)} />`,
        '0 cuts them completely',
      )}
      ${field(
        'reason',
        'Reason',
        html`<input id="curtail-reason" value=${reason} maxlength="200" autofocus
        onInput=${(e) => setReason(e.target.value)} aria-invalid=${Boolean(wrong.reason)} />`,
        'The parties read it, and it is in the audit log',
      )}
      <div class=${`field check ${wrong.sure ? 'wrong' : ''}`}><label for="curtail-sure">I am sure: the grid needs it</label>
        <input id="curtail-sure" type="checkbox" checked=${isSure} onChange=${(e) => setSure(e.target.checked)} aria-invalid=${Boolean(wrong.sure)} />
        ${wrong.sure && html`<strong class="error">${wrong.sure}</strong>`}</div></div>
    ${
      failed.length > 0 &&
      html`<div class="problem" role="alert"><b>${failed.length} of ${results.length} could not be cut</b>${failed
        .slice(0, 8)
        .map((r) => html`<br /><code>${r.trade}</code> ${r.problem.detail || r.problem.title}`)}</div>`
    }
    <div class="buttons"><button class="danger" disabled=${isBusy}>${
      isBusy ? `Cutting … ${results?.length ?? 0} of ${trades.length}` : failed.length ? 'Try those again' : 'Cut them now'
    }</button>
      <button type="button" onClick=${onClose}>${results ? 'Close' : 'Cancel'}</button></div></form><//>`;
}

function Trades() {
  const area = state.area.value,
    me = state.me.value,
    query = route.value.query;
  const [chosen, setChosen] = useState(() => new Set()),
    [isAsking, setAsking] = useState(false);
  const own = state.locations.value.filter((l) => l.operator === me.organisation);
  const period = 1000 * area.period_seconds,
    begin = iso(Math.floor(Date.now() / period) * period);
  const data = useData((signal) => all('list-trades', { area: area.id, from: begin }, { signal, most: 5000 }), [area.id, begin], {
    events: /^trade/,
    every: 1000,
  });
  const where = query.location ? withBelow(query.location, state.locations.value) : null,
    ids = new Set(own.map((l) => l.id));
  const bounds = ['from', 'to'].map((name) => (query[name] ? instantOf(query[name]).getTime() : NaN));
  const rows = (data.value?.items ?? []).filter((t) => {
    const start = new Date(t.start).getTime();
    return (
      ids.has(t.sell_location) &&
      Number(t.quantity) > 0 &&
      (!where || where.has(t.sell_location)) &&
      !(start < bounds[0]) &&
      !(start >= bounds[1])
    );
  });
  const selected = rows.filter((t) => chosen.has(t.trade));
  const choose = (trade, is) => {
    const next = new Set(chosen);
    if (is) next.add(trade);
    else next.delete(trade);
    setChosen(next);
  };
  const columns = [
    {
      name: 'chosen',
      title: 'Chosen',
      value: (t) => (chosen.has(t.trade) ? 1 : 0),
      show: (t) =>
        html`<input type="checkbox" aria-label=${`Choose ${t.trade}`} checked=${chosen.has(t.trade)}
          onChange=${(e) => choose(t.trade, e.target.checked)} />`,
    },
    { name: 'trade', title: 'Trade', value: (t) => t.trade, show: (t) => t.trade },
    { name: 'start', title: 'Delivery', value: (t) => t.start, show: (t) => moment(t.start).slice(0, 16) },
    {
      name: 'sell_location',
      title: 'Where',
      value: (t) => locationName(t.sell_location),
      show: (t) => locationName(t.sell_location),
    },
    { name: 'product', title: 'Product', value: (t) => t.product, show: (t) => words(t.product) },
    { name: 'regulation', title: 'Direction', value: (t) => t.regulation, show: (t) => words(t.regulation) },
    { name: 'quantity', title: 'MW', numeric: true, value: (t) => t.quantity, show: (t) => number(t.quantity) },
    { name: 'concluded', title: 'Concluded, MW', numeric: true, value: (t) => t.concluded, show: (t) => number(t.concluded) },
  ];
  const bound = (name, label) => html`<label>${label} <input size="16" placeholder="2026-11-26 14:15" value=${query[name] ?? ''}
    aria-invalid=${query[name] && Number.isNaN(instantOf(query[name]).getTime()) ? 'true' : undefined}
      onChange=${(e) => set({ [name]: e.target.value.trim() })} /></label>`;
  if (own.length === 0)
    return html`<p class="empty">You operate no location here: trades are cut by the system operator of the offer’s location.</p>`;
  return html`<${Loaded} data=${data}>${(
    value,
  ) => html`<${Table} name="trades-to-deliver" columns=${columns} rows=${rows} more=${value.more} keyOf=${(t) => t.trade}
      empty="No trade that is still to be delivered at these locations."
      tools=${html`<label>Location <select value=${query.location ?? ''} onChange=${(e) => set({ location: e.target.value })}><option
        value="">all of mine</option>
          ${own.map((l) => html`<option value=${l.id}>${l.name} and below</option>`)}</select></label>
        ${bound('from', 'From')} ${bound('to', 'Before')}
        <button onClick=${() => setChosen(new Set(rows.map((t) => t.trade)))} disabled=${rows.length === 0}>Choose all ${rows.length}</button>
        <button onClick=${() => setChosen(new Set())} disabled=${selected.length === 0}>None</button>
        <button class="danger" disabled=${selected.length === 0} onClick=${() => setAsking(true)}>${
          selected.length ? `Cut ${selected.length} trades, ${total(selected)} MW …` : 'Cut the chosen …'
        }</button>`} />`}<//>
    ${
      isAsking &&
      html`<${CurtailDialog} trades=${[...selected].sort((a, b) => b.start.localeCompare(a.start))} onClose=${() => setAsking(false)}
        onDone=${async () => {
          await data.reload();
        }} />`
    }`;
}

// ---- halts ----
const subjectOf = (halt) =>
  halt.scope === 'area'
    ? 'The whole market area'
    : halt.scope === 'location'
      ? `${locationName(halt.location)} and below`
      : organisationName(halt.organisation);

function HaltDialog({ operation, start, onClose, onDone }) {
  const [scope, setScope] = useState(start?.scope ?? 'area'),
    [subject, setSubject] = useState(start?.location ?? start?.organisation ?? ''),
    [reason, setReason] = useState(''),
    [isSure, setSure] = useState(false),
    [problem, setProblem] = useState(null),
    [wrong, setWrong] = useState({}),
    [isBusy, setBusy] = useState(false);
  const keys = useMemo(useOfKeys, []);
  const isHalt = operation === 'halt-trading';
  const act = async (event) => {
    event.preventDefault();
    const missing = {
      ...(scope !== 'area' && !subject ? { subject: 'is needed' } : {}),
      ...(reason.trim() ? {} : { reason: 'is needed' }),
      ...(isHalt && !isSure ? { sure: 'is needed' } : {}),
    };
    setWrong(missing);
    if (Object.keys(missing).length) return;
    setBusy(true);
    setProblem(null);
    try {
      await call(
        operation,
        { area: state.area.value.id },
        { ...(scope === 'area' ? {} : { [scope]: subject }), reason: reason.trim() },
        { key: keys.keyFor(operation, scope, subject, reason.trim()) },
      );
      keys.answered();
      notify('done', isHalt ? 'Trading is halted' : 'Trading goes on');
      await onDone();
      onClose();
    } catch (error) {
      keys.answered(error);
      setProblem(error instanceof Problem ? error : new Problem({ title: error.message }));
    }
    setBusy(false);
  };
  const choices = scope === 'location' ? state.locations.value.map((l) => [l.id, l.name]) : [...state.organisations.value];
  return html`<${Dialog} title=${isHalt ? 'Halt trading' : 'Let trading go on'} onClose=${onClose}><form noValidate onSubmit=${act}>
    <p>${
      isHalt
        ? 'Nothing is entered, amended or traded there until trading is resumed; orders stay, and may be cancelled.'
        : `${subjectOf(start)}: orders can be entered and trade again.`
    }</p>
    <div class="fields">
      ${
        isHalt &&
        html`<div class="field"><label for="halt-scope">What is halted</label><select id="halt-scope" value=${scope}
          onChange=${(e) => (setScope(e.target.value), setSubject(''))}>
          <option value="area">The whole market area</option><option value="location">A location and what is below it</option><option
            value="organisation">A participant</option></select></div>
        ${
          scope !== 'area' &&
          html`<div class=${`field ${wrong.subject ? 'wrong' : ''}`}><label for="halt-subject">${words(scope)}<span class="needed"
            aria-hidden="true"> *</span></label>
          <select id="halt-subject" value=${subject} onChange=${(e) => setSubject(e.target.value)}><option value="">choose</option>
            ${choices.map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select>
          ${wrong.subject && html`<strong class="error">${wrong.subject}</strong>`}</div>`
        }`
      }
      <div class=${`field ${wrong.reason ? 'wrong' : ''}`}><label for="halt-reason">Reason<span class="needed" aria-hidden="true"> *</span></label>
        <input id="halt-reason" value=${reason} maxlength="200" onInput=${(e) => setReason(e.target.value)} />${
          wrong.reason &&
          html`<strong
          class="error">${wrong.reason}</strong>`
        }</div>
      ${
        isHalt &&
        html`<div class=${`field check ${wrong.sure ? 'wrong' : ''}`}><label for="halt-sure">I am sure</label><input id="halt-sure"
        type="checkbox" checked=${isSure} onChange=${(e) => setSure(e.target.checked)} />${
          wrong.sure &&
          html`<strong class="error">
          ${wrong.sure}</strong>`
        }</div>`
      }</div>
    ${problem && html`<div class="problem" role="alert"><b>${problem.title}</b> ${problem.detail}<br />${problem.remedy}</div>`}
    <div class="buttons"><button class=${isHalt ? 'danger' : 'primary'} disabled=${isBusy}>${isHalt ? 'Halt now' : 'Resume'}</button><button
      type="button" onClick=${onClose}>Cancel</button></div></form><//>`;
}

export function Halts() {
  const me = state.me.value,
    area = state.area.value;
  const [asked, setAsked] = useState(null);
  const data = useData((signal) => all('list-halts', { area: area.id }, { signal }), [area.id], { events: /^trading/ });
  const canHalt = isAllowed('halt-trading', me) && area.operator === me.organisation;
  const columns = [
    { name: 'scope', title: 'Scope', value: (h) => h.scope, show: (h) => badge(h.scope) },
    { name: 'subject', title: 'What is halted', value: subjectOf, show: subjectOf },
  ];
  return html`<section><h2>Halts in force</h2>
    <${Loaded} data=${data}>${(
      value,
    ) => html`<${Table} name="halts" columns=${columns} rows=${value.items} keyOf=${(h) => `${h.scope} ${h.location ?? h.organisation}`}
      empty="None: trading goes on everywhere." actions=${
        canHalt
          ? (h) => html`<button
        onClick=${() => setAsked({ operation: 'resume-trading', start: h })}>Resume …</button>`
          : undefined
      } />`}<//>
    ${
      canHalt
        ? html`<div class="buttons"><button class="danger" onClick=${() => setAsked({ operation: 'halt-trading' })}>Halt trading …</button></div>`
        : html`<p class="note">Trading is halted and resumed by the market operator, ${organisationName(area.operator)}.</p>`
    }
    ${asked && html`<${HaltDialog} ...${asked} onClose=${() => setAsked(null)} onDone=${data.reload} />`}</section>`;
}

export function Emergency() {
  const me = state.me.value;
  if (!state.area.value) return html`<h1>Emergency stop</h1><p class="empty">There is no market area yet.</p>`;
  return html`<header class="page"><h1>Emergency stop</h1><p
    class="note">For danger to the grid or to the market. Everything done here is told to the parties and kept in the audit log.</p></header>
    <${Halts} />
    ${isAllowed('curtail-trade', me) && html`<section><h2>Trades still to be delivered at my locations</h2><${Trades} /></section>`}`;
}
