// One day of the market in the browser: register, accept, request, offer, trade, amend, cancel, set-point, dispute; and what goes wrong on the way.
import { visit } from './browser.mjs';
import { PASSWORD } from './server.mjs';

const PERIOD = '15:30'; // of tomorrow, upwards: the demonstration has no order there
const rowOf = (table, text) => table.getByRole('row').filter({ hasText: text });
const region = (visitor, name) => visitor.page.getByRole('region', { name, exact: true });
const dialog = (visitor, name) => visitor.page.getByRole('dialog', { name });

// The live book at the test's period.
async function openBook(visitor, day) {
  await visitor.go(`market?day=${day}`, 'Live book');
  await visitor.page
    .getByRole('grid', { name: 'Delivery periods' })
    .getByRole('rowheader', { name: new RegExp(`^${PERIOD}`) })
    .click();
  await visitor.page.getByRole('heading', { level: 2, name: new RegExp(`^${PERIOD} · Up`) }).waitFor();
}

// The field is marked, what was typed is still in it, and what is wrong stands beside it.
async function refused(field, typed, reason) {
  await field.and(field.page().locator('[aria-invalid=true]')).waitFor();
  const [value, beside] = await field.evaluate((e) => [
    e.value,
    (e.getAttribute('aria-describedby') ?? '')
      .split(' ')
      .map((id) => document.getElementById(id)?.textContent)
      .join(' '),
  ]);
  if (value !== typed || !reason.test(beside))
    throw new Error(`"${typed}" is answered with "${beside}"; the field has "${value}"`);
}

// Start of the period that the book shows, as its address has it.
const start = (visitor) => visitor.page.evaluate(() => new URLSearchParams(location.hash.split('?')[1]).get('period'));

// Fill in the order form, by the labels of its fields, and send it.
async function enterOrder(visitor, fields, button) {
  const form = visitor.page.locator('form').filter({ has: visitor.page.getByRole('button', { name: button }) });
  for (const [label, value] of Object.entries(fields)) {
    const field = form.getByLabel(new RegExp(`^${label}`));
    if ((await field.evaluate((e) => e.localName)) === 'select') await field.selectOption({ label: value });
    else await field.fill(value);
  }
  await form.getByRole('button', { name: button }).click();
  return form;
}

export async function registration(browser, url) {
  const name = 'Aegina Cooperative',
    email = 'admin@aegina.example';
  await visit(browser, url, [{ name: 'stranger' }, { name: 'market operator' }], async (stranger, operator) => {
    const { page } = stranger;
    await page.goto(url);
    await page.getByRole('link', { name: 'Register an organisation' }).click();
    await stranger.heading('Register an organisation').waitFor();
    await page.getByLabel(/^Name/).first().fill(name);
    await page.getByLabel(/^Roles/).selectOption({ label: 'Aggregator' });
    await page.getByLabel(/^Country/).fill('GR');
    await page.getByLabel(/^Address/).fill('Akti Chatzi 1, 180 10 Aegina');
    const person = page.getByRole('group', { name: /^Administrator/ });
    await person.getByLabel(/^Name/).fill('Ira Ioannou');
    await person.getByLabel(/^Email/).fill(email);
    await person.getByLabel(/^Password/).fill('short');
    stranger.expect(422, '/v1/registrations');
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await refused(person.getByLabel(/^Password/), 'short', /12/);
    stranger.check();
    await person.getByLabel(/^Password/).fill(PASSWORD);
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await stranger.heading('Registered').waitFor();

    await operator.logIn('admin@fmo.example');
    await operator.page.getByRole('link', { name: /organisations? waits? for acceptance/ }).click();
    await operator.heading('Organisations').waitFor();
    await rowOf(operator.page, name).getByRole('button', { name: 'Decide' }).click();
    await dialog(operator, 'Decide')
      .getByLabel(/^Decision/)
      .selectOption({ label: 'Accept' });
    await dialog(operator, 'Decide').getByRole('button', { name: 'Decide' }).click();
    await dialog(operator, 'Decide').waitFor({ state: 'hidden' });
    await operator.go('organisations', 'Organisations');
    await rowOf(operator.page, name).getByText('Active').waitFor();

    await stranger.logIn(email);
    await stranger.heading(name).waitFor();
  });
}

// The system operator asks, a supplier offers, both see the trade without reading the page again; what is left is amended and withdrawn.
export async function trade(browser, url, day) {
  await visit(
    browser,
    url,
    [{ name: 'distribution system operator' }, { name: 'aggregator' }, { name: 'observer' }],
    async (dso, supplier, observer) => {
      await Promise.all([
        dso.logIn('trader@dso.example'),
        supplier.logIn('trader@flexpool.example'),
        observer.logIn('admin@observer.example'),
      ]);
      for (const visitor of [dso, supplier, observer]) {
        await openBook(visitor, day);
        await visitor.page.evaluate(() => {
          window.isSameDocument = true;
        });
        await visitor.page
          .getByRole('status')
          .filter({ hasText: /^Live$/ })
          .waitFor();
      }
      // a quantity that is none is answered beside its field, and stays there
      dso.expect(422, '/v1/areas/area-1/orders');
      const request = { Kind: 'Need', Location: 'Feeder 1', Quantity: '0.05 MW', Price: '110' };
      const form = await enterOrder(dso, request, 'Enter the request');
      await refused(form.getByLabel(/^Quantity/), '0.05 MW', /number|decimal|MW/i);
      if ((await form.getByLabel(/^Price/).inputValue()) !== '110') throw new Error('the price that was typed is lost');
      await enterOrder(dso, { Quantity: '0.05' }, 'Enter the request');
      const ownRequest = rowOf(region(dso, 'Own orders'), '110');
      await ownRequest.waitFor();

      // The others see the request.
      const request110 = (visitor) => rowOf(visitor.page.getByRole('table', { name: 'Requests' }), '110');
      await request110(supplier).waitFor();
      await request110(observer).waitFor();
      await enterOrder(supplier, { Portfolio: 'Heat Feeder 1 west', Quantity: '0.03', Price: '105' }, 'Enter the offer');

      // The trade, at the price of the order that was there first, on everybody's page.
      for (const visitor of [dso, supplier, observer]) {
        const row = rowOf(region(visitor, 'Trades'), PERIOD).filter({ hasText: '0.03' }).filter({ hasText: '110' });
        await row.waitFor();
        await rowOf(visitor.page.getByRole('table', { name: 'Requests' }), '110')
          .filter({ hasText: '0.02' })
          .first()
          .waitFor();
        if (!(await visitor.page.evaluate(() => window.isSameDocument))) throw new Error('the page was loaded again');
      }

      // What is left is amended and withdrawn.
      await ownRequest.getByRole('button', { name: 'Amend' }).click();
      await dialog(dso, 'Amend')
        .getByLabel(/^Price/)
        .fill('108');
      await dialog(dso, 'Amend').getByRole('button', { name: 'Amend' }).click();
      await dialog(dso, 'Amend').waitFor({ state: 'hidden' });
      const amended = rowOf(region(dso, 'Own orders'), '108');
      await amended.waitFor();
      await rowOf(supplier.page.getByRole('table', { name: 'Requests' }), '108').waitFor();
      await amended.getByRole('button', { name: 'Cancel order' }).click();
      await dialog(dso, 'Cancel order').getByRole('button', { name: 'Cancel order' }).click();
      await dialog(dso, 'Cancel order').waitFor({ state: 'hidden' });
      await amended.waitFor({ state: 'detached' });
      await rowOf(supplier.page.getByRole('table', { name: 'Requests' }), '108').waitFor({ state: 'detached' });
    },
  );
}

export async function setPoint(browser, url) {
  await visit(browser, url, [{ name: 'energy service provider' }], async (provider) => {
    await provider.logIn('trader@store.example');
    await provider.page.getByRole('link', { name: /set-points? ha(s|ve) no answer/ }).click();
    await provider.heading('Set-points').waitFor();
    await provider.settled();
    const waiting = provider.page.getByRole('row').filter({ has: provider.page.getByRole('button', { name: 'Answer' }) });
    const id = await waiting.last().getByRole('cell').first().textContent();
    await waiting.last().getByRole('button', { name: 'Answer' }).click();
    const answer = dialog(provider, 'Answer'),
      send = answer.getByRole('button', { name: 'Answer' }),
      accept = answer.getByLabel(/^Accept/);
    // nothing is taken for a no
    await send.click();
    await answer.getByText('is needed', { exact: true }).waitFor();
    // and a no needs a reason
    await accept.selectOption({ label: 'No' });
    provider.expect(422, '/v1/set-points');
    await send.click();
    await answer.getByRole('alert').waitFor();
    await accept.selectOption({ label: 'Yes' });
    await send.click();
    await answer.waitFor({ state: 'hidden' });
    const row = provider.page.getByRole('row').filter({ has: provider.page.getByRole('cell', { name: id, exact: true }) });
    await row.filter({ hasText: /accepted/i }).waitFor();
  });
}

export async function dispute(browser, url, server) {
  const claim = 'The battery was metered at the wrong feeder.';
  const token = await server.logIn('admin@store.example');
  const { items: runs } = await server.call('GET', '/v1/areas/area-1/settlements', { token });
  const times = `from=${runs[0].day}T00:00:00Z&to=${runs[0].day}T20:00:00Z`;
  const { items: trades } = await server.call('GET', `/v1/areas/area-1/own-trades?${times}`, { token });
  await visit(browser, url, [{ name: 'energy service provider' }, { name: 'market operator' }], async (provider, operator) => {
    await provider.logIn('admin@store.example');
    await provider.go('settlements', 'Settlement runs');
    await rowOf(provider.page, runs[0].id).getByRole('button', { name: 'Dispute a trade' }).click();
    const form = dialog(provider, 'Dispute a trade');
    await form.getByLabel(/^Trade/).fill(trades[0].trade);
    await form.getByLabel(/^Claim/).fill(claim);
    await form.getByRole('button', { name: 'Dispute a trade' }).click();
    await form.waitFor({ state: 'hidden' });

    await operator.logIn('admin@fmo.example');
    await operator.page.getByRole('link', { name: /disputes? (is|are) open/ }).click();
    await operator.heading('Disputes').waitFor();
    await rowOf(operator.page, claim).getByRole('button', { name: 'Decide' }).click();
    await dialog(operator, 'Decide')
      .getByLabel(/^Answer/)
      .fill('The meter is the right one.');
    await dialog(operator, 'Decide')
      .getByLabel(/^Uphold/)
      .selectOption({ label: 'No' });
    await dialog(operator, 'Decide').getByRole('button', { name: 'Decide' }).click();
    await dialog(operator, 'Decide').waitFor({ state: 'hidden' });

    await provider.go('disputes', 'Disputes');
    await rowOf(provider.page, claim)
      .filter({ hasText: 'The meter is the right one.' })
      .filter({ hasText: 'Rejected' })
      .waitFor();
  });
}

export async function refusals(browser, url) {
  await visit(browser, url, [{ name: 'observer' }], async (visitor) => {
    const { page } = visitor;
    await page.goto(url);
    await page.getByLabel(/^Email/).fill('admin@observer.example');
    await page.getByLabel(/^Password/).fill('open market yesterday');
    visitor.expect(401, '/v1/log-in');
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('alert').waitFor();
    if ((await page.getByLabel(/^Email/).inputValue()) !== 'admin@observer.example')
      throw new Error('the address that was typed is lost');
    await page.getByLabel(/^Password/).fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('navigation', { name: 'Pages' }).waitFor();
    await visitor.go('approvals', 'Four eyes'); // of the market operator
    await page.getByText('Your role does not see this page').waitFor();
    await visitor.go('nowhere', 'There is no such page');
    await page.getByRole('main').getByRole('link', { name: 'Go to the start page' }).click();
    await visitor.heading('University Observatory').waitFor();
  });
}

// The server goes away and comes back: the lamp says so, what was typed stays, and what has happened in between is shown.
export async function outage(browser, url, day, server) {
  await visit(browser, url, [{ name: 'distribution system operator' }], async (dso) => {
    const token = await server.logIn('trader@flexpool.example'),
      { page } = dso;
    await dso.logIn('trader@dso.example');
    await openBook(dso, day);
    const lamp = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
    await lamp(/^Live$/);
    await dso.settled();
    await dso.withoutServer(async () => {
      await server.stop();
      await lamp(/^Connection lost/);
      const form = await enterOrder(
        dso,
        { Kind: 'Need', Location: 'Feeder 2', Quantity: '0.04', Price: '77' },
        'Enter the request',
      );
      await form.getByRole('alert').getByText('The server does not answer').waitFor();
      await server.start();
      const { items } = await server.call('GET', '/v1/portfolios', { token });
      const body = {
        side: 'sell',
        product: 'active',
        regulation: 'up',
        portfolio: items.find((p) => p.name === 'Heat Feeder 1 east').id,
        start: await start(dso),
        quantity: ['0.02'],
        price: '123.45',
      };
      await server.call('POST', '/v1/areas/area-1/orders', { token, body });
      await lamp(/^Live$/);
      await rowOf(page.getByRole('table', { name: 'Offers' }), '123.45').waitFor();
      for (const [label, value] of [
        ['Quantity', '0.04'],
        ['Price', '77'],
      ])
        if ((await form.getByLabel(new RegExp(`^${label}`)).inputValue()) !== value)
          throw new Error(`what was typed as ${label} is lost`);
      await dso.settled();
    });
    await enterOrder(dso, {}, 'Enter the request');
    await rowOf(region(dso, 'Own orders'), '77').waitFor();
  });
}
