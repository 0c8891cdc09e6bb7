// Log-in, registration of an organisation, acceptance of an invitation.
import { html, useState } from '../lib/html.js';
import { Form } from '../lib/form.js';
import { state } from '../lib/state.js';
import { route, link } from '../lib/route.js';

export const DEMO_PASSWORD = 'open market today'; // as the demonstration prints it
const DEMO = [
  'trader@dso.example',
  'trader@flexpool.example',
  'admin@fmo.example',
  'clerk@fmo.example',
  'trader@tso.example',
  'trader@helios.example',
  'operator@volt.example',
  'admin@bakery.example',
  'reader@regulator.example',
  'admin@observer.example',
];

function Registration() {
  const [isDone, setDone] = useState(false);
  if (isDone)
    return html`<h1>Registered</h1><p>The market operator looks at the registration. You can <a
      href="#/">log in</a> now; trading begins when it is accepted.</p>`;
  return html`<h1>Register an organisation</h1><${Form} operation="register-organisation" submit="Register" onDone=${() => setDone(true)}
    start=${{ country: 'GR', administrator: { name: '', email: '', password: '' } }} /><p><a href="#/">Back to the log-in</a></p>`;
}

// `tour`: what the button for the guided tour says; `onTour`.
export function Login({ onEntered, tour, onTour }) {
  const [start, setStart] = useState({ email: '', password: '' });
  const page = route.value.path;
  if (page === 'register') return html`<main class="alone"><${Registration} /></main>`;
  if (page === 'invitation')
    return html`<main class="alone"><h1>Accept an invitation</h1><${Form} operation="accept-invitation" start=${{ token: route.value.query.token }}
      submit="Join" onDone=${() => {
      location.hash = '#/';
    }} /><p><a href="#/">Back to the log-in</a></p></main>`;
  return html`<main class="alone"><h1>FLEXGRID</h1><p class="lead">The market where distribution grids buy and sell flexibility.</p>
    <${Form} key=${start.email} operation="log-in" fields=${['email', 'password']} fixed=${{ as: 'cookie' }} start=${start} submit="Log in"
      onDone=${onEntered} />
    ${
      state.server.value?.demonstration &&
      html`<section class="demo"><h2>Demonstration</h2><p><button class="primary" onClick=${onTour}>${tour}</button></p>
      <p>Or choose a role; the password is the same for all.</p>
      <div class="buttons">${DEMO.map(
        (email) => html`<button
        onClick=${() => setStart({ email, password: DEMO_PASSWORD })}>${email.replace('.example', '').replace('@', ' · ')}</button>`,
      )}</div></section>`
    }
    <p><a href=${link('register')}>Register an organisation</a> · <a href=${link('invitation')}>Accept an invitation</a> · <a href="/docs">API</a>
      </p></main>`;
}
