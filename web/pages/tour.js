// The guided tour of the demonstration: one market day in steps. Each opens a page as somebody who works there and points at what
// matters. It can be left at any time, is used with the keyboard, and remembers where one was.
import { html, useState, useEffect, useRef } from '../lib/html.js';
import { call, Problem } from '../lib/api.js';
import { go, route } from '../lib/route.js';
import { state, organisationName } from '../lib/state.js';
import { day, shiftDay } from '../lib/format.js';
import { DEMO_PASSWORD } from './login.js';

const yesterday = () => shiftDay(day(Date.now()), -1);
const firstRun = async () => (await call('list-settlements', { area: state.area.value.id })).items[0];

// `as`: who is logged in; `path`, `query()`: the page; `at`: what is pointed at, the first that is there.
const STEPS = [
  {
    title: 'A market where grids buy flexibility',
    as: 'trader@dso.example',
    path: '',
    at: ['.matters', 'main h1'],
    text:
      'You are the distribution system operator of a made-up grid in Attica. The start page says what needs you now. The ' +
      'next steps follow one market day through all roles.',
  },
  {
    title: 'The grid',
    path: 'grid',
    at: ['.map-frame'],
    text:
      'Where the grid is, with its locations in the colours of the traffic light. The slider goes through the delivery ' +
      'periods. A new congestion zone is drawn right here.',
  },
  {
    title: 'A new asset wants to connect',
    path: 'connections',
    at: ['main .scroll'],
    text:
      'The bakery has put solar panels on its roof. Open the row: the bus stands out in the diagram, and you decide whether ' +
      'its flexibility may be offered.',
  },
  {
    title: 'Ask for flexibility',
    path: 'market',
    at: ['.entry'],
    text:
      'Evening load is too much for a feeder? Ask for less consumption there: direction up, the period, the MW, your highest ' +
      'price. “n” brings the cursor here.',
  },
  {
    title: 'Offers meet requests',
    as: 'trader@flexpool.example',
    path: 'market',
    at: ['.sides', '.periods'],
    text:
      'Now you are Flexpool, an aggregator of heat pumps and vehicles. All periods of the day on the left, the depth of one ' +
      'on the right; a click on a price takes it into the form.',
  },
  {
    title: 'In the name of others',
    path: 'mandates',
    at: ['main .scroll'],
    text: 'Volt Retail and the bakery let Flexpool act for them. While you do, a bar above every page says in whose name.',
  },
  {
    title: 'What was sold',
    path: 'business',
    query: () => ({ day: yesterday() }),
    at: ['.tiles'],
    text: 'Yesterday by portfolio: what was offered, sold, delivered and paid.',
  },
  {
    title: 'The transmission grid looks on',
    as: 'trader@tso.example',
    path: 'control-area',
    at: ['.chart', 'main h1'],
    text:
      'The transmission system operator sees what its control area offers in sum, the merit order of each period, and what ' +
      'was forwarded to the balancing market.',
  },
  {
    title: 'Balance',
    as: 'trader@south.example',
    path: 'balance',
    query: () => ({ day: yesterday() }),
    at: ['.tiles'],
    text:
      'Activated flexibility moves energy between balance responsible parties. Each sees its net position, period by period, ' +
      'as soon as a trade is concluded.',
  },
  {
    title: 'Who watches the market',
    as: 'admin@fmo.example',
    path: 'monitor',
    at: ['main .scroll'],
    text:
      'The market operator sees every area: open periods, orders, trades, halts, feeds and how old they are, and what waits ' +
      'for a second pair of eyes.',
  },
  {
    title: 'Surveillance',
    path: 'surveillance',
    query: () => ({ day: yesterday() }),
    at: ['.tiles'],
    text: 'How concentrated the market is, which prices are far from the others, whose orders met their own. The regulator sees the same.',
  },
  {
    title: 'The day is settled',
    path: 'settlement',
    query: async () => ({ run: (await firstRun())?.id }),
    at: ['main .scroll'],
    text:
      'Meters say what was delivered. The run pays for it, takes penalties for what is missing, and can be disputed trade by ' +
      'trade. Invoices come from it as PDF and CSV.',
  },
  {
    title: 'At home',
    as: 'admin@bakery.example',
    path: 'home',
    at: ['.next', '.home h2'],
    text: 'And this is all that the owner of a few devices has to see: what to do next, what is allowed, what was earned.',
  },
  {
    title: 'That was the day',
    path: 'home',
    at: [],
    text:
      'Look around as whoever you like: log out and choose a role. Everything that the pages do, a program can do over the ' +
      'same API, described at /docs.',
  },
];

const emailNow = () => localStorage.getItem('flexgrid.tour.as') ?? '';
const keep = (name, value) =>
  value === null ? localStorage.removeItem(`flexgrid.tour.${name}`) : localStorage.setItem(`flexgrid.tour.${name}`, value);
export const forgetUser = () => keep('as', null); // somebody was logged in or out otherwise
const whoAt = (n) => STEPS.slice(0, n + 1).findLast((s) => s.as).as;

export const tourStep = () => {
  const kept = localStorage.getItem('flexgrid.tour.step');
  return kept === null ? null : Math.min(STEPS.length - 1, Math.max(0, Number(kept) || 0));
};

// `onUser`: after another user was logged in.
export function Tour({ start, onUser, onLeave }) {
  const [at, setAt] = useState(start),
    [isBusy, setBusy] = useState(true),
    [problem, setProblem] = useState(null);
  const heading = useRef(null),
    turn = useRef(0);
  const step = STEPS[at];
  const show = async (n) => {
    const mine = (turn.current += 1);
    setAt(n);
    setBusy(true);
    setProblem(null);
    keep('step', n);
    try {
      const email = whoAt(n);
      if (emailNow() !== email || !state.me.value) {
        state.behalf.value = '';
        await call('log-in', {}, { email, password: DEMO_PASSWORD, as: 'cookie' });
        keep('as', email);
        await onUser();
      }
      const query = await STEPS[n].query?.();
      if (turn.current === mine) go(STEPS[n].path, query);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem({ title: error.message }));
    }
    if (turn.current === mine) setBusy(false);
  };
  useEffect(() => {
    show(start);
    return () => {
      turn.current += 1;
    };
  }, []);
  // Points at the element as soon as it is there, and again when the page is made anew.
  useEffect(() => {
    heading.current?.focus();
    let marked = null;
    const clear = () => marked?.classList.remove('pointed-at');
    const point = () => {
      if (route.value.path !== step.path) return;
      const element = step.at.map((selector) => document.querySelector(selector)).find(Boolean) ?? null;
      if (element === marked) return;
      clear();
      marked = element;
      element?.classList.add('pointed-at');
      element?.scrollIntoView({ block: 'center' });
    };
    const watch = new MutationObserver(point);
    watch.observe(document.getElementById('app'), { childList: true, subtree: true });
    point();
    return () => {
      watch.disconnect();
      clear();
    };
  }, [at, isBusy]);
  const leave = onLeave;
  const finish = () => {
    keep('step', null);
    onLeave();
  };
  const onKey = (event) => {
    if (event.key === 'Escape') leave();
    else if (event.target.closest('button') && event.key === 'Enter') return;
    else if (event.key === 'ArrowRight' && at < STEPS.length - 1) show(at + 1);
    else if (event.key === 'ArrowLeft' && at > 0) show(at - 1);
    else return;
    event.preventDefault();
  };
  const next = STEPS[at + 1];
  return html`<section class="tour" role="dialog" aria-labelledby="tour-title" aria-describedby="tour-text" onKeyDown=${onKey}>
    <p class="note">One market day, step ${at + 1} of ${STEPS.length}${
      state.me.value ? `, as ${organisationName(state.me.value.organisation)}` : ''
    }</p>
    <h2 id="tour-title" tabindex="-1" ref=${heading}>${step.title}</h2><p id="tour-text">${step.text}</p>
    ${
      problem &&
      html`<div class="problem" role="alert"><b>${problem.title}</b> ${problem.detail} <button
      onClick=${() => show(at)}>Try again</button></div>`
    }
    <div class="buttons"><button disabled=${at === 0 || isBusy} onClick=${() => show(at - 1)}>Back</button>
      ${
        next
          ? html`<button class="primary" disabled=${isBusy} onClick=${() => show(at + 1)}>${isBusy ? 'One moment …' : 'Next'}</button>`
          : html`<button class="primary" onClick=${finish}>Finish</button>`
      }
      <button class="quiet" onClick=${leave}>Leave the tour</button></div>
    <small>Arrow keys go on and back, Escape leaves; the tour goes on where you left it.</small></section>`;
}
