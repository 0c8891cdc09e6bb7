// A form made from the schema of an operation's body, groups and lists of groups included. What the server says of single fields stands
// beside them; what was typed stays until it is accepted.
import { html, useState, useEffect, useRef, useId } from './html.js';
import { bodySchema, schemaOf, call, operation, useOfKeys } from './api.js';
import { words, instantOf, written, iso } from './format.js';
import { state, notify } from './state.js';

const isLong = (schema) => schema.type === 'string' && (schema.maxLength ?? 0) > 300;
// Names and other texts may hold blanks and commas: one a line. Numbers stand with blanks between.
const isLines = (schema) => {
  const item = schema.type === 'array' ? schemaOf(schema.items) : {};
  return item.type === 'string' && !item.enum && item.format !== 'decimal' && item.format !== 'date-time';
};

const isGroup = (schema) => schema.type === 'object' && Boolean(schema.properties);
const isList = (schema) => schema.type === 'array' && isGroup(schemaOf(schema.items));
// A list of what has no control of its own: lists, or one of several kinds of things.
const isJson = (schema) =>
  schema.type === 'array' && !isList(schema) && ['array', undefined].includes(schemaOf(schema.items).type);
const isEmpty = (value) => value === undefined || value === null || value === '';

// What the controls begin with, from what the API gives or takes: texts, nested as the schema is.
function textsOf(schema, given) {
  if (isGroup(schema))
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, of]) => [name, textsOf(schemaOf(of), given?.[name])]),
    );
  if (isList(schema)) return (given ?? []).map((item) => textsOf(schemaOf(schema.items), item));
  if (isEmpty(given)) return '';
  if (schema.type === 'boolean') return String(given);
  if (schema.format === 'date-time') return written(given);
  if (isJson(schema)) return JSON.stringify(given);
  if (Array.isArray(given)) return schemaOf(schema.items).enum ? given : given.join(isLines(schema) ? '\n' : ' ');
  return typeof given === 'object' && !(given instanceof Blob) ? JSON.stringify(given) : given;
}

function readText(text, schema) {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return text === 'true';
    case 'array': {
      if (isJson(schema)) return JSON.parse(text);
      if (Array.isArray(text)) return text.length ? text : undefined;
      if (!isLines(schema) && /,/.test(text)) throw new Error('write decimals with a point, several with blanks between');
      return String(text)
        .split(isLines(schema) ? /\n/ : /[\s;]+/)
        .map((part) => part.trim())
        .filter(Boolean)
        .map((part) => readText(part, schemaOf(schema.items)));
    }
    case 'object':
      return typeof text === 'string' ? JSON.parse(text) : text;
    default: {
      if (schema.format === 'binary') return text;
      if (schema.format === 'password') return text;
      if (schema.format !== 'date-time') return String(text).trim();
      const instant = instantOf(text);
      if (Number.isNaN(instant.getTime())) throw new Error('write it as 2026-11-26 14:15');
      return iso(instant);
    }
  }
}

// Texts of the controls -> what the API takes. Empty fields are left out; `wrong` gets what cannot be read, by JSON pointer.
// An optional group in which nothing is written is left out as a whole.
function read(texts, schema, wrong, pointer = '', isNeeded = true) {
  if (isList(schema)) {
    const items = (texts ?? []).map((item, i) => read(item, schemaOf(schema.items), wrong, `${pointer}/${i}`) ?? {});
    if (items.length === 0 && isNeeded) wrong[pointer] = 'is needed';
    return items.length ? items : undefined;
  }
  if (!isGroup(schema)) {
    try {
      const isBlank = isEmpty(texts) || (typeof texts === 'string' && schema.format !== 'password' && texts.trim() === '');
      const value = isBlank ? undefined : readText(texts, schema);
      if (value === undefined && isNeeded) wrong[pointer] = 'is needed';
      return value;
    } catch (error) {
      wrong[pointer] = error instanceof SyntaxError ? 'is no valid JSON' : error.message;
      return undefined;
    }
  }
  const body = {},
    missing = {},
    needed = schema.required ?? [];
  for (const [name, of] of Object.entries(schema.properties)) {
    const value = read(texts?.[name], schemaOf(of), missing, `${pointer}/${name}`, needed.includes(name));
    if (value !== undefined) body[name] = value;
  }
  const isWritten = Object.keys(body).length > 0 || Object.values(missing).some((what) => what !== 'is needed');
  if (!isWritten && !isNeeded) return undefined;
  Object.assign(wrong, missing);
  return body;
}

function Control({ id, schema, value, onInput, name, choices, invalid, describedBy, required }) {
  const common = { id, name, 'aria-invalid': invalid ? 'true' : undefined, 'aria-describedby': describedBy, required };
  const set = (event) => onInput(event.target.value);
  if (choices)
    return html`<select ...${common} value=${value ?? ''} onChange=${set}>
    <option value="">${required ? 'choose' : '–'}</option>${choices.map(([of, title]) => html`<option value=${of}>${title}</option>`)}</select>`;
  if (schema.enum)
    return html`<select ...${common} value=${value ?? ''} onChange=${set}>
    <option value="">${required ? 'choose' : '–'}</option>
    ${schema.enum.map((word) => html`<option value=${word}>${words(word)}</option>`)}</select>`;
  if (schema.type === 'boolean')
    return html`<select ...${common} value=${String(value ?? '')} onChange=${set}>
    <option value="">${required ? 'choose' : '–'}</option><option value="true">Yes</option><option value="false">No</option></select>`;
  if (schema.type === 'array' && schemaOf(schema.items).enum)
    return html`<select multiple ...${common} onChange=${(e) => onInput([...e.target.selectedOptions].map((o) => o.value))}>
    ${schemaOf(schema.items).enum.map(
      (word) => html`<option value=${word}
      selected=${(value ?? []).includes(word)}>${words(word)}</option>`,
    )}</select>`;
  if (schema.format === 'date-time' || schema.format === 'date')
    return html`<input type="text" inputmode="numeric"
      placeholder=${schema.format === 'date' ? '2026-11-26' : '2026-11-26 14:15'} ...${common} value=${value ?? ''} onInput=${set}
        autocomplete="off" />`;
  if (schema.format === 'binary')
    return html`<input type="file" ...${common} accept=${schema.accept} onChange=${(e) => onInput(e.target.files[0] ?? '')} />`;
  if (schema.format === 'password')
    return html`<input type="password" ...${common} value=${value ?? ''} onInput=${set} autocomplete="current-password" />`;
  if (schema.format === 'email')
    return html`<input type="email" ...${common} value=${value ?? ''} onInput=${set} autocomplete="username" />`;
  if (schema.type === 'object' || isJson(schema) || isLong(schema) || isLines(schema))
    return html`<textarea rows="4" ...${common} value=${value ?? ''} onInput=${set} spellcheck="false"></textarea>`;
  return html`<input type="text" inputmode=${schema.format === 'decimal' || schema.type === 'integer' ? 'decimal' : undefined} ...${common}
    value=${value ?? ''} onInput=${set} autocomplete="off" />`;
}

function hint(schema) {
  const parts = [schema.description];
  if (schema.format === 'date-time') parts.push(`local time, ${state.area.value?.time_zone ?? 'UTC'}`);
  if (schema.type === 'array' && !isList(schema) && !isJson(schema) && !schemaOf(schema.items).enum)
    parts.push(isLines(schema) ? 'one a line' : 'several: with blanks between');
  if ((schema.type === 'object' && !isGroup(schema)) || isJson(schema)) parts.push('JSON');
  return parts.filter(Boolean).join('; ');
}

// One field: a control, a group of fields, or a list of groups. `form`: {prefix, errors, choices, change(path, value)}.
function Field({ name, path, schema, value, required, form }) {
  const pointer = `/${path.join('/')}`,
    id = `${form.prefix}-${path.join('-')}`,
    tip = hint(schema),
    error = form.errors[pointer];
  const described = [tip && `${id}-tip`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  const title = html`${words(name)}${required && html`<span class="needed" aria-hidden="true"> *</span>`}`;
  const below = html`${tip && html`<small id=${`${id}-tip`}>${tip}</small>`}
    ${error && html`<strong id=${`${id}-error`} class="error">${error}</strong>`}`;
  if (isGroup(schema))
    return html`<fieldset class="group-of-fields" aria-describedby=${described}><legend>${title}</legend>${below}
      <${Fields} schema=${schema} path=${path} texts=${value} form=${form} /></fieldset>`;
  if (isList(schema)) {
    const item = schemaOf(schema.items),
      rows = value ?? [];
    return html`<fieldset class="group-of-fields" aria-describedby=${described}><legend>${title}</legend>${below}
      ${rows.map(
        (row, i) => html`<div class="row-of-fields" role="group" aria-label=${`${words(name)} ${i + 1}`}>
        <${Fields} schema=${item} path=${[...path, i]} texts=${row} form=${form} />
        <button type="button" class="quiet" aria-label=${`Remove ${words(name).toLowerCase()} ${i + 1}`}
          onClick=${() => form.change(path, rows.toSpliced(i, 1))}>✕</button></div>`,
      )}
      <button type="button" onClick=${() => form.change(path, [...rows, textsOf(item)])}>Add</button></fieldset>`;
  }
  return html`<div class=${`field ${error ? 'wrong' : ''}`}>
    <label for=${id}>${title}</label>
    <${Control} id=${id} name=${path.join('.')} schema=${schema} choices=${form.choices[path.filter(isNaN).join('.')]} value=${value}
      invalid=${Boolean(error)} describedBy=${described} required=${required} onInput=${(text) => form.change(path, text)} />${below}</div>`;
}

function Fields({ schema, path = [], names, texts, form }) {
  return html`<div class="fields">${(names ?? Object.keys(schema.properties)).map(
    (name) => html`<${Field} key=${name} name=${name} path=${[...path, name]} schema=${schemaOf(schema.properties[name])}
      value=${texts?.[name]} required=${(schema.required ?? []).includes(name)} form=${form} />`,
  )}</div>`;
}

// Texts with the one at `path` changed.
function changed(texts, [first, ...rest], value) {
  const copy = Array.isArray(texts) ? [...texts] : { ...texts };
  copy[first] = rest.length ? changed(texts?.[first], rest, value) : value;
  return copy;
}

// The body's schema; of several kinds of bodies (oneOf with a discriminator) that of the kind which `fixed` names.
function formSchema(id, fixed) {
  const schema = bodySchema(id);
  if (!schema.oneOf) return schema;
  const { propertyName, mapping } = schema.discriminator;
  return schemaOf({ $ref: mapping[fixed[propertyName]] });
}

// `fixed`: values that are not asked for; `start`: values to begin with; `fields`: order and choice of fields, all when left out;
// `choices`: {field: [[value, title]]}; `again`: stay open for another one; `schema` and `perform(body, key)`: what is asked for
// and done, where that is not simply the operation's body; `onInput(body)`: told of each change, with what can be read of it.
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
  onInput,
  again = false,
  compact = false,
  schema: given,
  perform,
  put,
}) {
  const whole_ = given ?? formSchema(id, fixed),
    prefix = useId();
  const names = (fields ?? Object.keys(whole_.properties ?? {})).filter((name) => !(name in fixed) && whole_.properties[name]);
  const schema = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, whole_.properties[name]])),
    required: (whole_.required ?? []).filter((name) => names.includes(name)),
  };
  const [texts, setTexts] = useState(() => textsOf(schema, start)),
    [errors, setErrors] = useState({}),
    [problem, setProblem] = useState(null),
    [isBusy, setBusy] = useState(false);
  const form = useRef(null),
    keys = useRef(useOfKeys());
  useEffect(() => {
    if (Object.keys(errors).length) form.current.querySelector('[aria-invalid=true]')?.focus();
  }, [errors]);

  // Values that come from elsewhere on the page while one is typing (`put`: {at, values}) replace only their own fields.
  useEffect(() => {
    if (!put) return;
    const own = Object.fromEntries(Object.entries(put.values).filter(([name]) => names.includes(name)));
    setTexts((now) => ({
      ...now,
      ...textsOf({ ...schema, properties: Object.fromEntries(Object.keys(own).map((n) => [n, schema.properties[n]])) }, own),
    }));
  }, [put?.at]);

  const change = (path, value) => {
    const next = changed(texts, path, value);
    setTexts(next);
    setErrors(({ [`/${path.join('/')}`]: _, ...others }) => others);
    onInput?.({ ...fixed, ...read(next, schema, {}) });
  };
  const send = async (event) => {
    event.preventDefault();
    const wrong = {},
      body = { ...fixed, ...read(texts, schema, wrong) };
    setErrors(wrong);
    setProblem(null);
    if (Object.keys(wrong).length) return;
    const key = keys.current.keyFor(id, params, body);
    setBusy(true);
    try {
      const answer = perform
        ? await perform(body, key)
        : await call(id, params, operation(id).requestBody ? body : undefined, { key });
      keys.current.answered();
      if (again) notify('done', `${operation(id).summary}: done`);
      await onDone?.(answer, body);
    } catch (refusal) {
      keys.current.answered(refusal);
      const beside = {};
      for (const item of refusal.errors ?? []) {
        const field = fieldOf(item.pointer, schema);
        if (field) beside[field] = [beside[field], item.detail].filter(Boolean).join('; ');
      }
      setErrors(beside);
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  return html`<form ref=${form} class=${compact ? 'compact' : ''} onSubmit=${send} noValidate aria-busy=${isBusy}>
    <${Fields} schema=${schema} texts=${texts} form=${{ prefix, errors, choices, change }} />
    ${
      problem &&
      html`<div class="problem" role="alert"><b>${problem.title || problem.message}</b>${problem.detail && html` ${problem.detail}`}
      ${Object.keys(errors).length > 0 ? html`<br />Correct the marked fields.` : problem.remedy && html`<br />${problem.remedy}`}
      ${(problem.errors ?? [])
        .filter((item) => !fieldOf(item.pointer, schema))
        .map((item) => html`<br /><code>${item.pointer}</code> ${item.detail}`)}</div>`
    }
    <div class="buttons"><button class="primary" disabled=${isBusy}>${isBusy ? 'Sending …' : submit}</button>
      ${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}</div>
  </form>`;
}

// The pointer of the field in which a place of the body is shown; none when the form has no such field.
function fieldOf(pointer, schema) {
  let at = schema;
  const path = [];
  for (const part of pointer.split('/').slice(1)) {
    if (isGroup(at) && at.properties[part]) at = schemaOf(at.properties[part]);
    else if (isList(at)) at = schemaOf(at.items);
    else break;
    path.push(part);
  }
  return path.length ? `/${path.join('/')}` : null;
}
