// The user's own things: password, appearance, what one may do, log-out.
import { html } from '../lib/html.js';
import { Form } from '../lib/form.js';
import { request } from '../lib/api.js';
import { state, notify, organisationName } from '../lib/state.js';
import { words } from '../lib/format.js';

async function exportMe() {
  const text = JSON.stringify(await request('GET', '/v1/me/export'), null, 2),
    link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = 'my-data.json';
  link.click();
}

export function Account({ onLogOut }) {
  const me = state.me.value;
  return html`<header class="page"><h1>Account</h1></header>
    <dl class="details"><div><dt>Organisation</dt>
      <dd>${organisationName(me.organisation)} (${me.organisation})</dd></div>
      <div><dt>User</dt>
      <dd>${me.user}</dd></div>
      <div><dt>Roles of the organisation</dt>
        <dd>${me.roles.map(words).join(', ')}</dd></div>
        <div><dt>Your duties</dt>
        <dd>${me.duties.map(words).join(', ')}</dd></div></dl>
    <h2>Appearance</h2>
    <div class="buttons" role="group" aria-label="Appearance">${['system', 'light', 'dark'].map(
      (theme) =>
        html`<button aria-pressed=${state.theme.value === theme} class=${state.theme.value === theme ? 'primary' : ''} onClick=${() => {
          state.theme.value = theme;
        }}>${words(theme)}</button>`,
    )}</div>
    <h2>Password</h2><${Form} operation="change-password" submit="Change the password" onDone=${() => notify('done', 'The password is changed')} />
    <h2>Your data</h2><div class="buttons"><button
      onClick=${() => exportMe().catch((problem) => notify('wrong', problem.title, problem.remedy))}>Export everything about me</button><a href="#/consents">Consents</a></div>
    <h2>Leave</h2><button onClick=${onLogOut}>Log out</button>`;
}
