// A form made from the schema of an operation's body. What the server says of single fields stands beside them; what was typed
// stays until it is accepted.
import { html, useState, useEffect, useRef, useId } from './html.js';
import { bodySchema, schemaOf, call, operation } from './api.js';
import { words, instantOf, day, clock, iso } from './format.js';
import { state, notify } from './state.js';

const isLong = (schema) => schema.type === 'string' && (schema.maxLength ?? 0) > 300;
const local = (instant) => (instant ? `${day(instant)} ${clock(instant)}` : '');

// Texts of the controls -> what the API takes. Empty fields are left out.
function read(text, schema) {
  if (text === undefined || text === '' || text === null) return undefined;
  switch (schema.type) {
    case 'integer':
    case 'number':
      return Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return Boolean(text);
    case 'array': {
      const item = schemaOf(schema.items);
      if (Array.isArray(text)) return text.length ? text : undefined;
      if (item.type === 'object') return JSON.parse(text);
      return String(text)
        .split(/[\s,;]+/)
        .filter(Boolean)
        .map((part) => read(part, item));
    }
    case 'object':
      return typeof text === 'string' ? JSON.parse(text) : text;
    default: {
      if (schema.format !== 'date-time') return String(text).trim();
      const instant = instantOf(text);
      if (Number.isNaN(instant.getTime())) throw new Error('write it as 2026-11-26 14:15');
      return iso(instant);
    }
  }
}

function Control({ id, schema, value, onInput, name, choices, invalid, describedBy, required }) {
  const common = { id, name, 'aria-invalid': invalid ? 'true' : undefined, 'aria-describedby': describedBy, required };
  const set = (event) => onInput(event.target.value);
  if (choices)
    return html`<select ...${common} value=${value ?? ''} onChange=${set}>
    <option value="">${required ? 'choose' : '–'}</option>${choices.map(([of, title]) => html`<option value=${of}>${title}</option>`)}</select>`;
  if (schema.enum)
    return html`<select ...${common} value=${value ?? ''} onChange=${set}>
    <option value="">${required ? 'choose' : '–'}</option>${schema.enum.map((word) => html`<option value=${word}>${words(word)}</option>`)}</select>`;
  if (schema.type === 'boolean')
    return html`<input type="checkbox" ...${{ ...common, required: undefined }} checked=${Boolean(value)} onChange=${(e) => onInput(e.target.checked)} />`;
  if (schema.type === 'array' && schemaOf(schema.items).enum)
    return html`<select multiple ...${common} onChange=${(e) => onInput([...e.target.selectedOptions].map((o) => o.value))}>
    ${schemaOf(schema.items).enum.map((word) => html`<option value=${word} selected=${(value ?? []).includes(word)}>${words(word)}</option>`)}</select>`;
  if (schema.format === 'date-time' || schema.format === 'date')
    return html`<input type="text" inputmode="numeric" placeholder=${schema.format === 'date' ? '2026-11-26' : '2026-11-26 14:15'} ...${common} value=${value ?? ''} onInput=${set} autocomplete="off" />`;
  if (schema.format === 'password')
    return html`<input type="password" ...${common} value=${value ?? ''} onInput=${set} autocomplete="current-password" />`;
  if (schema.format === 'email')
    return html`<input type="email" ...${common} value=${value ?? ''} onInput=${set} autocomplete="username" />`;
  if (schema.type === 'object' || isLong(schema) || (schema.type === 'array' && schemaOf(schema.items).type === 'object'))
    return html`<textarea rows="4" ...${common} value=${value ?? ''} onInput=${set} spellcheck="false"></textarea>`;
  return html`<input type="text" inputmode=${schema.format === 'decimal' || schema.type === 'integer' ? 'decimal' : undefined} ...${common} value=${value ?? ''} onInput=${set} autocomplete="off" />`;
}

function hint(schema) {
  const parts = [schema.description];
  if (schema.format === 'date-time') parts.push(`local time, ${state.area.value?.time_zone ?? 'UTC'}`);
  if (schema.type === 'array' && schemaOf(schema.items).type !== 'object' && !schemaOf(schema.items).enum)
    parts.push('several: with blanks between');
  if (schema.type === 'object' || (schema.type === 'array' && schemaOf(schema.items).type === 'object')) parts.push('JSON');
  return parts.filter(Boolean).join('; ');
}

// `fixed`: values that are not asked for; `start`: values to begin with; `fields`: order and choice of fields, all when left out;
// `choices`: {field: [[value, title]]}; `again`: stay open for another one.
export function Form({
  operation: id,
  params = {},
  fixed = {},
  start = {},
  fields,
  choices = {},
  submit = 'Send',
  onDone,
  onCancel,
  again = false,
  compact = false,
}) {
  const schema = bodySchema(id),
    properties = schema.properties ?? {},
    prefix = useId();
  const names = (fields ?? Object.keys(properties)).filter((name) => !(name in fixed) && properties[name]);
  const needed = schema.required ?? [];
  const [values, setValues] = useState(() =>
    Object.fromEntries(
      names.map((name) => {
        const of = schemaOf(properties[name]),
          given = start[name];
        if (given === undefined || given === null) return [name, of.type === 'boolean' ? false : ''];
        return [
          name,
          of.format === 'date-time'
            ? local(given)
            : Array.isArray(given) && !schemaOf(of.items).enum
              ? given.join(' ')
              : typeof given === 'object' && !Array.isArray(given)
                ? JSON.stringify(given)
                : given,
        ];
      }),
    ),
  );
  const [errors, setErrors] = useState({}),
    [whole, setWhole] = useState(null),
    [isBusy, setBusy] = useState(false);
  const form = useRef(null),
    attempt = useRef(null);
  useEffect(() => {
    if (Object.keys(errors).length) form.current.querySelector('[aria-invalid=true]')?.focus();
  }, [errors]);

  const change = (name, value) => {
    attempt.current = null; // another request, another idempotency key
    setValues((now) => ({ ...now, [name]: value }));
    setErrors(({ [name]: _, ...others }) => others);
  };
  const send = async (event) => {
    event.preventDefault();
    const body = { ...fixed },
      wrong = {};
    for (const name of names) {
      try {
        const value = read(values[name], schemaOf(properties[name]));
        if (value !== undefined && !(value === false && !needed.includes(name))) body[name] = value;
        else if (needed.includes(name)) wrong[name] = 'is needed';
      } catch (error) {
        wrong[name] = error instanceof SyntaxError ? 'is no valid JSON' : error.message;
      }
    }
    setErrors(wrong);
    setWhole(null);
    if (Object.keys(wrong).length) return;
    attempt.current ??= crypto.randomUUID();
    setBusy(true);
    try {
      const answer = await call(id, params, operation(id).requestBody ? body : undefined, { key: attempt.current });
      attempt.current = null;
      if (again) notify('done', `${operation(id).summary}: done`);
      await onDone?.(answer, body);
    } catch (problem) {
      if (problem.status) attempt.current = null; // the server has answered: the next try is another request
      const beside = {};
      for (const item of problem.errors ?? []) {
        const name = item.pointer.split('/')[1];
        if (names.includes(name)) beside[name] = [beside[name], item.detail].filter(Boolean).join('; ');
      }
      setErrors(beside);
      setWhole(problem);
    } finally {
      setBusy(false);
    }
  };
  return html`<form ref=${form} class=${compact ? 'compact' : ''} onSubmit=${send} noValidate aria-busy=${isBusy}>
    <div class="fields">${names.map((name) => {
      const of = schemaOf(properties[name]),
        id_ = `${prefix}-${name}`,
        tip = hint(of),
        error = errors[name];
      const described = [tip && `${id_}-tip`, error && `${id_}-error`].filter(Boolean).join(' ') || undefined;
      return html`<div key=${name} class=${`field ${of.type === 'boolean' ? 'check' : ''} ${error ? 'wrong' : ''}`}>
        <label for=${id_}>${words(name)}${needed.includes(name) && html`<span class="needed" aria-hidden="true"> *</span>`}</label>
        <${Control} id=${id_} name=${name} schema=${of} choices=${choices[name]} value=${values[name]} invalid=${Boolean(error)} describedBy=${described}
          required=${needed.includes(name)} onInput=${(value) => change(name, value)} />
        ${tip && html`<small id=${`${id_}-tip`}>${tip}</small>`}
        ${error && html`<strong id=${`${id_}-error`} class="error">${error}</strong>`}
      </div>`;
    })}</div>
    ${
      whole &&
      html`<div class="problem" role="alert"><b>${whole.title || whole.message}</b>${whole.detail && html` ${whole.detail}`}
      ${Object.keys(errors).length > 0 ? html`<br />Correct the marked fields.` : whole.remedy && html`<br />${whole.remedy}`}
      ${(whole.errors ?? []).filter((item) => !names.includes(item.pointer.split('/')[1])).map((item) => html`<br /><code>${item.pointer}</code> ${item.detail}`)}</div>`
    }
    <div class="buttons"><button class="primary" disabled=${isBusy}>${isBusy ? 'Sending …' : submit}</button>
      ${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}</div>
  </form>`;
}
