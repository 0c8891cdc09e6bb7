// Small parts that every page uses.
import { html } from './html.js';
import { show } from './table.js';
import { words } from './format.js';
import { schemaOf } from './api.js';

export const ProblemNote = ({ problem, retry }) => html`<div class="problem" role="alert">
  <b>${problem.title || problem.message}</b>${problem.detail && html` ${problem.detail}`}${problem.remedy && html`<br />${problem.remedy}`}
  ${retry && html` <button onClick=${retry}>Try again</button>`}</div>`;

export const Loading = () => html`<p class="loading" role="status">Reading …</p>`;

// Either what was read, or why not; what was read before stays while it is read again.
export function Loaded({ data, children }) {
  return html`${data.problem && html`<${ProblemNote} problem=${data.problem} retry=${data.reload} />`}
    ${data.value === null ? !data.problem && html`<${Loading} />` : children(data.value)}`;
}

// An object, field by field; lists of objects as tables below.
export function Details({ object, schema }) {
  const fields = Object.entries(object);
  const isList = (value) => Array.isArray(value) && value.length > 0 && typeof value[0] === 'object';
  return html`<dl class="details">${fields
    .filter(([, value]) => !isList(value))
    .map(([name, value]) => {
      const of = schemaOf(schema?.properties?.[name]);
      return html`<div><dt title=${of.description}>${words(name)}</dt><dd>${
        value && typeof value === 'object' && !Array.isArray(value)
          ? html`<code>${JSON.stringify(value)}</code>`
          : Array.isArray(value)
            ? value.length
              ? value.map((v) => show(v, name, schemaOf(of.items))).flatMap((v, i) => (i ? [', ', v] : [v]))
              : '–'
            : show(value, name, of)
      }</dd></div>`;
    })}</dl>
  ${fields
    .filter(([, value]) => isList(value))
    .map(([name, list]) => {
      const items = schemaOf(schemaOf(schema?.properties?.[name]).items),
        keys = [...new Set(list.flatMap((row) => Object.keys(row)))];
      return html`<h3>${words(name)}</h3><div class="scroll" tabindex="0" role="region" aria-label=${words(name)}><table>
        <thead><tr>${keys.map((k) => html`<th scope="col">${words(k)}</th>`)}</tr></thead>
      <tbody>${list.map((row) => html`<tr>${keys.map((k) => html`<td>${show(row[k], k, schemaOf(items.properties?.[k]))}</td>`)}</tr>`)}</tbody></table></div>`;
    })}`;
}
