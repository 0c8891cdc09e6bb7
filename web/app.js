// The shell: who is logged in, navigation by role, search, notices, theme, help; the page that the address names is shown inside.
import { html, render, signal, Component, useState, useEffect, useRef } from './lib/html.js';
import { loadDescription, call, all, isAllowed, operation, Problem } from './lib/api.js';
import { state, dismiss, locationName, notify, organisationName } from './lib/state.js';
import { route, link, go } from './lib/route.js';
import { follow, unfollow, listen } from './lib/live.js';
import { clock, zone, words } from './lib/format.js';
import { Dialog } from './lib/dialog.js';
import { Form } from './lib/form.js';
import { Resource } from './lib/resource.js';
import { ProblemNote } from './lib/parts.js';
import { resources } from './pages/resources.js';
import { Login } from './pages/login.js';
import { Start } from './pages/start.js';
import { Market } from './pages/market.js';
import { GridMap } from './pages/map.js';
import { Account } from './pages/account.js';
import { SeriesExplorer } from './pages/series.js';
import { Connections } from './pages/connections.js';
import { Emergency } from './pages/emergency.js';
import { Balance } from './pages/balance.js';
import { Business } from './pages/business.js';
import { Home } from './pages/home.js';
import { Tour, tourStep, forgetUser } from './pages/tour.js';
import { Documents } from './pages/documents.js';
import { Mandates } from './pages/mandates.js';
import { Monitor } from './pages/monitor.js';
import { Queue } from './pages/queue.js';
import { SettlementRun } from './pages/settlement.js';
import { Surveillance } from './pages/surveillance.js';
import { Outlook } from './pages/outlook.js';
import { ControlArea } from './pages/control_area.js';
import { Auctions } from './pages/auctions.js';
import { Runs } from './pages/runs.js';

const views = [
  { path: '', group: '', title: 'Start', view: Start, key: 'h' },
  { path: 'market', group: 'Market', title: 'Live book', view: Market, needs: 'get-book', key: 'm' },
  { path: 'grid', group: 'Grid', title: 'Map and diagram', view: GridMap, needs: 'list-locations', key: 'g' },
  { path: 'series', group: 'Market', title: 'Time series', view: SeriesExplorer, key: 't' },
  { path: 'outlook', group: 'Grid', title: 'Outlook', view: Outlook, needs: 'get-network-state' },
  { path: 'connections', group: 'Grid', title: 'Asset approvals', view: Connections, needs: 'decide-asset' },
  {
    path: 'control-area',
    group: 'Grid',
    title: 'Control area',
    view: ControlArea,
    needs: 'get-control-area-offers',
    roles: ['tso', 'fmo', 'regulator'],
  },
  {
    path: 'emergency',
    group: 'Grid',
    title: 'Emergency stop',
    view: Emergency,
    needs: 'list-halts',
    roles: ['dso', 'tso', 'fmo'],
    key: 'e',
  },
  {
    path: 'monitor',
    group: 'Operation',
    title: 'Market monitor',
    view: Monitor,
    needs: 'list-halts',
    roles: ['fmo', 'regulator'],
  },
  {
    path: 'queue',
    group: 'Operation',
    title: 'Waiting for a decision',
    view: Queue,
    needs: 'list-organisations',
    roles: ['fmo', 'dso', 'tso', 'regulator'],
    key: 'q',
  },
  {
    path: 'surveillance',
    group: 'Operation',
    title: 'Surveillance',
    view: Surveillance,
    needs: 'list-own-trades',
    roles: ['fmo', 'regulator'],
  },
  {
    path: 'settlement',
    group: 'Settlement',
    title: 'Settlement run',
    view: SettlementRun,
    needs: 'get-statement',
    isHidden: true,
  },
  { path: 'document', group: 'Settlement', title: 'Document', view: Documents, needs: 'get-document', isHidden: true },
  { path: 'home', group: '', title: 'My devices and earnings', view: Home, needs: 'list-assets', roles: ['prosumer'] },
  {
    path: 'business',
    group: 'Market',
    title: 'Own business',
    view: Business,
    needs: 'list-portfolios',
    roles: ['esp', 'resp', 'aggregator', 'retailer', 'market_operator'],
    key: 'b',
  },
  { path: 'balance', group: 'Settlement', title: 'Net position', view: Balance, needs: 'list-perimeter-changes', key: 'p' },
  { path: 'mandates', group: 'Participants', title: 'Mandates', view: Mandates, needs: 'list-mandates' },
  { path: 'account', group: '', title: 'Account', view: Account, isHidden: true },
  ...resources.map((of) => ({
    path: of.path,
    group: of.group,
    title: of.title,
    of,
    view: { auctions: Auctions, runs: Runs }[of.path], // in place of the list alone
    needs: of.list,
    key: { orders: 'o', assets: 'a', settlements: 's' }[of.path],
  })),
];
const isFor = (v) =>
  (!v.needs || isAllowed(v.needs, state.me.value)) && (!v.roles || v.roles.some((r) => state.me.value.roles.includes(r)));
const visible = () => views.filter((v) => !v.isHidden && isFor(v));

// Who is here, in whose name, and what that one may see.
async function enter() {
  const wanted = state.behalf.value;
  state.behalf.value = '';
  const self = await call('get-me');
  const given = isAllowed('list-mandates', self) ? await all('list-mandates') : { items: [] };
  state.mandates.value = given.items.filter((m) => m.agent === self.organisation);
  let me = self;
  if (state.mandates.value.some((m) => m.principal === wanted)) {
    state.behalf.value = wanted;
    me = { ...(await call('get-me')), organisation: wanted, agent: self.organisation };
  }
  const [areas, organisations] = await Promise.all([all('list-areas'), all('list-organisations').catch(() => ({ items: [] }))]);
  state.organisations.value = new Map(organisations.items.map((o) => [o.id, o.name]));
  state.areas.value = areas.items;
  state.hasEntered.value = 'yes';
  state.me.value = me;
}

// Somebody else is here, or acts for somebody else: rights and stream of events are that one's.
async function become() {
  unfollow();
  await enter();
  if (state.area.value) follow(state.area.value.id);
}

// Act for an organisation that has given a mandate; '': for the own one again.
export async function actFor(organisation) {
  state.behalf.value = organisation;
  await become();
  go('');
}

// ---- the guided tour of the demonstration ----
const isTouring = signal(false);
const tourTitle = () => (tourStep() ? `Go on with the tour, step ${tourStep() + 1}` : 'Take the guided tour');
const startTour = () => {
  isTouring.value = true;
};

async function logIn() {
  forgetUser();
  await enter();
  const { roles } = state.me.value; // who owns a few devices and does nothing else begins with them
  if (roles.every((r) => r === 'prosumer') && !route.value.path) go('home');
}

export async function logOut() {
  try {
    await call('log-out');
  } catch (problem) {
    if (problem.status !== 401) return notify('wrong', 'You are not logged out', problem.remedy || 'Try again.');
  }
  isTouring.value = false;
  forgetUser();
  unfollow();
  state.behalf.value = '';
  state.hasEntered.value = '';
  location.replace('/'); // nothing of what was read stays
}

// ---- search over everything that has a page ----
function Search({ onClose }) {
  const [text, setText] = useState(''),
    [found, setFound] = useState([]),
    [at, setAt] = useState(0),
    lists = useRef(null);
  useEffect(() => {
    lists.current ??= Promise.all(
      visible()
        .filter((v) => v.of?.id)
        .map(async (v) => {
          const needsArea = operation(v.of.list).path.includes('{area}');
          const answer = await all(v.of.list, needsArea ? { area: state.area.value?.id } : {}, { most: 500 }).catch(() => ({
            items: [],
          }));
          return answer.items.map((row) => ({
            title: `${row.name ?? row.detail ?? ''} ${row[v.of.id]}`.trim(),
            kind: v.title,
            to: v.of.page?.(row) ?? link(v.path, { open: row[v.of.id] }),
            text: JSON.stringify(row).toLowerCase(),
          }));
        }),
    ).then((all_) => all_.flat());
    const wanted = text.trim().toLowerCase(),
      pages = visible()
        .filter((v) => v.title.toLowerCase().includes(wanted))
        .map((v) => ({ title: v.title, kind: v.group || 'Page', to: link(v.path) }));
    let isOld = false;
    if (wanted.length < 2) setFound(pages.slice(0, 12));
    else
      lists.current.then((rows) => {
        if (!isOld) setFound([...pages, ...rows.filter((row) => row.text.includes(wanted))].slice(0, 30));
      });
    setAt(0);
    return () => {
      isOld = true;
    };
  }, [text]);
  const pick = (item) => {
    onClose();
    location.hash = item.to;
  };
  const key = (event) => {
    if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
    else if (event.key === 'Enter' && found[at]) pick(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Search" onClose=${onClose}>
    <label><span class="hidden">Search</span><input type="search" autofocus value=${text} onInput=${(e) => setText(e.target.value)} onKeyDown=${key}
      placeholder="Name, number, party, location, page" role="combobox" aria-expanded="true" aria-controls="found"
        aria-activedescendant=${found.length ? `found-${at}` : undefined} /></label>
    <ul id="found" class="found" role="listbox" aria-label="Found">${found.map(
      (item, i) => html`<li id=${`found-${i}`} role="option"
      aria-selected=${i === at} onClick=${() => pick(item)}><b>${item.title}</b> <small>${item.kind}</small></li>`,
    )}</ul>
    ${found.length === 0 && html`<p class="empty">Nothing found. Try a part of a name or an identifier such as ord-12.</p>`}
  <//>`;
}

const SHORTCUTS = [
  ['/', 'Search over everything'],
  ['?', 'This help'],
  ['g then h', 'Start page'],
  ['g then m', 'Live book'],
  ['g then o', 'Orders'],
  ['g then a', 'Assets'],
  ['g then g', 'Map and diagram'],
  ['g then s', 'Settlement runs'],
  ['g then t', 'Time series'],
  ['g then b', 'Own business'],
  ['g then p', 'Net position'],
  ['g then q', 'Waiting for a decision'],
  ['g then e', 'Emergency stop'],
  ['↑ ↓', 'Between rows of a table or periods of the book'],
  ['Enter', 'Open a row'],
  ['n', 'On the live book: to the order form'],
  ['Escape', 'Close a dialog'],
];
const Help = ({ onClose }) => html`<${Dialog} title="Keyboard" onClose=${onClose}><dl class="keys">${SHORTCUTS.map(
  ([keys, what]) => html`<div><dt><kbd>${keys}</kbd></dt>
  <dd>${what}</dd></div>`,
)}</dl>
  <p class="note">Times are those of the market, ${zone()}. Quantities are in MW and Mvar,
    prices per MWh and Mvarh. The API behind all pages is described at <a href="/docs">/docs</a>.</p>
  ${state.server.value?.demonstration && html`<button onClick=${() => (onClose(), startTour())}>${tourTitle()}</button>`}<//>`;

function Clock() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return html`<time datetime=${new Date(now).toISOString()} title=${`Market time, ${zone()}`}>${clock(now)} <small>
    ${zone().split('/').pop().replace('_', ' ')}</small></time>`;
}

function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">${state.notices.value.map(
    (n) => html`<div key=${n.id}
    class=${`notice ${n.kind}`} role=${n.kind === 'wrong' ? 'alert' : undefined}><div><b>${n.text}</b>${n.detail && html`<br /><span>${n.detail}</span>`}</div><button class="quiet"
      aria-label="Dismiss" onClick=${() => dismiss(n.id)}>✕</button></div>`,
  )}</div>`;
}

function Navigation({ isOpen, onPick }) {
  const groups = [...new Set(visible().map((v) => v.group))],
    here = route.value.path;
  return html`<nav class=${isOpen ? 'open' : ''} aria-label="Pages">${groups.map(
    (group) => html`<div class="group">${group && html`<h2>${group}</h2>`}
    <ul>${visible()
      .filter((v) => v.group === group)
      .map(
        (v) =>
          html`<li><a href=${link(v.path)} aria-current=${v.path === here ? 'page' : undefined} onClick=${onPick}>${v.title}</a></li>`,
      )}</ul></div>`,
  )}</nav>`;
}

// The session has ended while one was working: a new log-in over the page, which keeps what was typed.
function LogInAgain() {
  const done = async () => {
    const me = await call('get-me');
    if (me.user !== state.me.value.user) location.reload(); // somebody else: nothing of the former one stays
    state.isExpired.value = false;
  };
  return html`<${Dialog} title="Log in again" onClose=${() => location.reload()}><p>The session has ended. What you typed is still there.</p>
    <${Form} operation="log-in" fields=${['email', 'password']} fixed=${{ as: 'cookie' }} submit="Log in" onDone=${done} /><//>`;
}

// What a page cannot show does not take the others with it.
class Boundary extends Component {
  state = { error: null };
  componentDidCatch(error) {
    this.setState({ error });
  }
  render({ children }, { error }) {
    if (!error) return children;
    return html`<h1>This page has failed</h1><p class="problem" role="alert">${error.message}</p>
      <p>Nothing was sent. <a href="#/">Go to the start page</a>, or <button onClick=${() => location.reload()}>load it again</button>.</p>`;
  }
}

// Stands above everything while one acts for another organisation.
function Behalf({ me }) {
  return html`<div class="behalf" role="status"><span>You act for <b>${organisationName(me.organisation)}</b>, with the duties
    ${' '}${me.duties.join(', ') || 'none'}. What you do is done in its name; the audit log names ${organisationName(me.agent)}, too.</span>
    <button onClick=${() => actFor('')}>Act for ${organisationName(me.agent)} again</button></div>`;
}

function Shell() {
  const [overlay, setOverlay] = useState(null),
    [isMenuOpen, setMenuOpen] = useState(false),
    lead = useRef(0),
    main = useRef(null);
  const here = views.find((v) => v.path === route.value.path),
    area = state.area.value,
    me = state.me.value;
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea, dialog')) return;
      if (event.key === '/') {
        event.preventDefault();
        setOverlay('search');
      } else if (event.key === '?') setOverlay('help');
      else if (event.key === 'g' && Date.now() - lead.current > 1000) {
        lead.current = Date.now();
        return;
      } else if (Date.now() - lead.current < 1000) {
        const to = visible().find((v) => v.key === event.key);
        if (to) go(to.path);
      }
      lead.current = 0;
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  useEffect(() => {
    document.title = `${here?.title ?? 'Not found'} · FLEXGRID`;
    main.current?.scrollTo?.(0, 0);
  }, [here]);
  useEffect(() => {
    if (!area) return undefined;
    follow(area.id);
    all('list-locations', { area: area.id })
      .then((answer) => {
        state.locations.value = answer.items;
      })
      .catch(() => {
        state.locations.value = [];
      });
    return listen((type, data) => {
      if (type === 'market.message') notify('news', 'Message of the market operator', data.text ?? '');
      const where = data.location
        ? `at ${locationName(data.location)}`
        : data.organisation
          ? `of ${organisationName(data.organisation)}`
          : 'in the area';
      if (type === 'trading.halted') notify('wrong', `Trading ${where} is halted`);
      if (type === 'trading.resumed') notify('done', `Trading ${where} goes on`);
    });
  }, [area?.id]);
  const connection = { live: 'Live', lost: 'Connection lost; coming back', off: 'Not connected' }[state.connection.value];
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${(e) => {
      e.preventDefault();
      main.current.focus();
    }}>To the content</a>
    <header class="top">
      <button class="quiet menu" aria-expanded=${isMenuOpen} aria-label="Pages" onClick=${() => setMenuOpen(!isMenuOpen)}>☰</button>
      <a class="brand" href="#/">FLEXGRID</a>
      ${
        state.areas.value.length > 1
          ? html`<label><span class="hidden">Market area</span><select value=${area?.id} onChange=${(e) => {
              state.areaId.value = e.target.value;
            }}>${state.areas.value.map((a) => html`<option value=${a.id}>${a.name}</option>`)}</select></label>`
          : html`<span class="area">${area?.name ?? ''}</span>`
      }
      ${state.server.value?.demonstration && html`<button class="badge wait" title=${tourTitle()} onClick=${startTour}>Demonstration: tour</button>`}
      <span class="space"></span>
      <span class=${`lamp ${state.connection.value}`} role="status">${connection}</span>
      <${Clock} />
      <button class="quiet" onClick=${() => setOverlay('search')} aria-label="Search" title="Search (/)">⌕</button>
      <button class="quiet" onClick=${() => setOverlay('help')} aria-label="Keyboard help" title="Help (?)">?</button>
      <a class="who" href="#/account" title=${`${me.roles.map(words).join(', ')}; ${me.duties.join(', ')}`}>
        ${organisationName(me.organisation)}</a>
      ${me.agent && html`<${Behalf} me=${me} />`}
    </header>
    <${Navigation} isOpen=${isMenuOpen} onPick=${() => setMenuOpen(false)} />
    <main id="main" ref=${main} tabindex="-1">${
      !here
        ? html`<h1>There is no such page</h1><p>The address names a page that does not exist. <a href="#/">Go to the start page</a>.</p>`
        : !isFor(here)
          ? html`<h1>${here.title}</h1><p>Your role does not see this page. <a href="#/">Go to the start page</a>.</p>`
          : html`<${Boundary} key=${`${here.path} ${me.organisation} ${area?.id}`}>${
              here.of && !here.view ? html`<${Resource} of=${here.of} />` : html`<${here.view} onLogOut=${logOut} onActFor=${actFor} />`
            }<//>`
    }</main>
    ${state.isExpired.value && html`<${LogInAgain} />`}
    ${overlay === 'search' && html`<${Search} onClose=${() => setOverlay(null)} />`}${
      overlay === 'help' &&
      html`<${Help}
      onClose=${() => setOverlay(null)} />`
    }
    <${Notices} />
  </div>`;
}

function App() {
  const [problem, setProblem] = useState(null),
    [isReady, setReady] = useState(false);
  const begin = async () => {
    setProblem(null);
    try {
      await loadDescription();
      state.server.value = await call('get-server');
      if (state.hasEntered.value)
        await enter().catch((error) => {
          if (error.status !== 401) throw error;
        });
      setReady(true);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem({ title: 'The page cannot start', detail: error.message }));
    }
  };
  useEffect(() => {
    begin();
  }, []);
  if (problem) return html`<main class="alone"><h1>FLEXGRID</h1><${ProblemNote} problem=${problem} retry=${begin} /></main>`;
  if (!isReady) return html`<main class="alone"><p class="loading" role="status">FLEXGRID …</p></main>`;
  const tour =
    isTouring.value &&
    html`<${Tour} start=${tourStep() ?? 0} onUser=${become} onLeave=${() => {
      isTouring.value = false;
    }} />`;
  return html`${state.me.value ? html`<${Shell} />` : html`<${Login} onEntered=${logIn} tour=${tourTitle()} onTour=${startTour} />`}${tour}`;
}

render(html`<${App} />`, document.getElementById('app'));
