// A choice of the local day that is kept in the address as `day`; today when it is left out.
import { html } from './html.js';
import { route, set } from './route.js';
import { day, isDay, shiftDay } from './format.js';

export const chosenDay = () => (isDay(route.value.query.day) ? route.value.query.day : day(Date.now()));

// `also`: parameters of the address that another day makes void.
export function DayPicker({ also = {} }) {
  const date = chosenDay(),
    isToday = date === day(Date.now());
  const type = (event) => {
    const text = event.target.value.trim();
    if (isDay(text)) set({ day: text, ...also });
    else event.target.value = date;
  };
  return html`<button aria-label="Day before" onClick=${() => set({ day: shiftDay(date, -1), ...also })}>‹</button>
    <label><span class="hidden">Day</span><input type="text" inputmode="numeric" size="10" value=${date} onChange=${type} /></label>
    <button aria-label="Day after" onClick=${() => set({ day: shiftDay(date, 1), ...also })}>›</button>
    ${!isToday && html`<button onClick=${() => set({ day: '', ...also })}>Today</button>`}`;
}
