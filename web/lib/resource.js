// A list of the API with everything that may be done with it: one description gives the table, the detail, the forms and the
// permanent links. Descriptions are in pages/resources.js.
//
//   path, title, list            operation that lists; `params()` its parameters
//   id                           field that names an item; columns: names of fields
//   create                       [{operation, label, fixed(), choices(), fields, start()}]
//   actions                      the same for one item, with params(row), when(row); `sure`: asked before it is done; `isWide`: many fields
//   secret(answer)               what is told only once
//   events                       kinds of events after which the list is read again
//   page(row)                    address of the page that shows an item, instead of a dialog
//   filter                       {field, words}: a choice that is kept in the address
import { html, useRef, useState } from './html.js';
import { all, call, isAllowed, itemSchema, operation, useOfKeys, versionFor, Problem } from './api.js';
import { useData } from './data.js';
import { Table, columnsOf } from './table.js';
import { Form } from './form.js';
import { Dialog } from './dialog.js';
import { Loaded, Details } from './parts.js';
import { route, set } from './route.js';
import { state, notify } from './state.js';
import { words } from './format.js';

const usable = (actions = []) => actions.filter((action) => isAllowed(action.operation, state.me.value));

// What is told only once (`secret(answer)`) stays until it is closed.
function Secret({ action, text, onClose }) {
  return html`<${Dialog} title=${action.label} onClose=${onClose}>
    <p>This is shown only here, and only now. Keep it before you close this.</p>
    <p><code class="secret">${text}</code></p>
    <div class="buttons"><button class="primary"
      onClick=${() => navigator.clipboard?.writeText(text).then(() => notify('done', 'Copied'))}>Copy</button>
      <button onClick=${onClose}>Close</button></div><//>`;
}

export function Action({ action, row, onClose, onDone }) {
  const [problem, setProblem] = useState(null),
    [isBusy, setBusy] = useState(false),
    [secret, setSecret] = useState(null),
    keys = useRef(useOfKeys());
  const params = { ...(action.needsArea ? { area: state.area.value?.id } : {}), ...(action.params?.(row) ?? {}) };
  const done = async (answer) => {
    notify('done', `${action.label}: done`);
    if (action.secret) setSecret(action.secret(answer));
    else onClose();
    await onDone();
  };
  if (secret !== null) return html`<${Secret} action=${action} text=${secret} onClose=${onClose} />`;
  if (versionFor(action.operation))
    return html`<${Change} action=${action} row=${row} params=${params} onClose=${onClose} onDone=${done} />`;
  if (operation(action.operation).requestBody)
    return html`<${Dialog} title=${action.label} onClose=${onClose} wide=${action.isWide}>
      ${action.note && html`<p class="note">${action.note}</p>`}
      <${Form} operation=${action.operation} params=${params} fixed=${action.fixed?.(row)} start=${action.start?.(row)} fields=${action.fields}
        choices=${action.choices?.(row)} compact=${action.isWide} submit=${action.label} onDone=${done} onCancel=${onClose} /><//>`;
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call(action.operation, params, undefined, { key: keys.current.keyFor(params) });
      keys.current.answered();
      await done(answer);
    } catch (error) {
      keys.current.answered(error);
      setProblem(error instanceof Problem ? error : new Problem({ title: error.message }));
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${action.label} onClose=${onClose}>
    <p>${action.sure ?? operation(action.operation).summary}.</p>
    ${problem && html`<div class="problem" role="alert"><b>${problem.title}</b> ${problem.detail}<br />${problem.remedy}</div>`}
    <div class="buttons"><button class="primary" disabled=${isBusy} onClick=${act}>${action.label}</button><button
      onClick=${onClose}>Cancel</button></div><//>`;
}

// A change of the version that is shown: whoever has changed it in between is not overwritten.
function Change({ action, row, params, onClose, onDone }) {
  const data = useData(
    (signal) => call(versionFor(action.operation), params, undefined, { signal, as: 'version' }),
    [action.operation, JSON.stringify(params)],
  );
  return html`<${Dialog} title=${action.label} onClose=${onClose} wide=${action.isWide}>
    ${action.note && html`<p class="note">${action.note}</p>`}
    <${Loaded} data=${data}>${({ object, etag }) => html`<${Form} key=${etag} operation=${action.operation} params=${params}
      fixed=${action.fixed?.(object)} start=${action.start?.(object)} fields=${action.fields} choices=${action.choices?.(row)}
      compact=${action.isWide} submit=${action.label} onDone=${onDone} onCancel=${onClose}
      perform=${(body, key) => call(action.operation, params, body, { key, headers: { 'If-Match': etag } })} />`}<//><//>`;
}

export function Resource({ of }) {
  const area = state.area.value?.id,
    query = route.value.query;
  const [action, setAction] = useState(null);
  const needsArea = operation(of.list).path.includes('{area}');
  const params = { ...(needsArea ? { area } : {}), ...of.params?.(query) };
  const data = useData(
    (signal) => (needsArea && !area ? { items: [] } : all(of.list, params, { signal })),
    [of.path, area, JSON.stringify(params)],
    { events: of.events, every: 1000 },
  );
  const schema = itemSchema(of.list),
    columns = columnsOf(schema, of.columns);
  const opened = of.id && query.open ? data.value?.items.find((row) => row[of.id] === query.open) : undefined;
  const rows =
    data.value?.items.filter((row) => !of.filter || !query[of.filter] || String(row[of.filter]) === query[of.filter]) ?? [];
  const choices = of.filter ? [...new Set(data.value?.items.map((row) => String(row[of.filter])))].sort() : [];
  const onRow = (row) => usable(of.actions).filter((a) => !a.when || a.when(row));
  return html`<section>
    <header class="page"><h1>${of.title}</h1>${of.note && html`<p class="note">${of.note}</p>`}
      <div class="buttons">${usable(of.create).map(
        (a) => html`<button class="primary" onClick=${() => setAction({ action: a, row: {} })}>
        ${a.label}</button>`,
      )}</div></header>
    <${Loaded} data=${data}>${(value) => html`
      <${Table} name=${of.path} columns=${columns} rows=${rows} more=${value.more} keyOf=${(row) => row[of.id]} empty=${of.empty}
        onOpen=${of.id && ((row) => (of.page ? (location.hash = of.page(row)) : set({ open: row[of.id] })))}
        tools=${
          of.filter &&
          choices.length > 1 &&
          html`<label>${words(of.filter)} <select value=${query[of.filter] ?? ''} onChange=${(e) => set({ [of.filter]: e.target.value })}>
          <option value="">all</option>${choices.map((word) => html`<option value=${word}>${words(word)}</option>`)}</select></label>`
        }
        actions=${
          of.actions?.length && usable(of.actions).length
            ? (row) =>
                onRow(row)
                  .slice(0, 2)
                  .map((a) => html`<button onClick=${() => setAction({ action: a, row })}>${a.label}</button>`)
            : undefined
        } />`}<//>
    ${
      opened &&
      html`<${Dialog} wide title=${`${of.title}: ${opened.name ?? opened[of.id]}`} onClose=${() => set({ open: '' })}>
      <${Details} object=${opened} schema=${schema} />
      <div class="buttons">${onRow(opened).map(
        (a) => html`<button onClick=${() => setAction({ action: a, row: opened })}>
        ${a.label}</button>`,
      )}</div><//>`
    }
    ${action && html`<${Action} action=${action.action} row=${action.row} onClose=${() => setAction(null)} onDone=${data.reload} />`}
  </section>`;
}
