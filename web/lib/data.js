// What a page reads from the API: loaded when its inputs change, read again when events of the market say that it has changed,
// at most every `every` milliseconds, and when the connection comes back.
import { useState, useEffect, useRef, useCallback } from './html.js';
import { listen } from './live.js';

export function useData(load, inputs, { events, every = 400 } = {}) {
  const [result, setResult] = useState({ value: null, problem: null, isLoading: true });
  const stopper = useRef(null),
    timer = useRef(null),
    last = useRef(0),
    now = useRef(load);
  now.current = load;
  const reload = useCallback(async () => {
    clearTimeout(timer.current);
    timer.current = null;
    last.current = Date.now();
    stopper.current?.abort();
    const mine = (stopper.current = new AbortController());
    try {
      const value = await now.current(mine.signal);
      if (!mine.signal.aborted) setResult({ value, problem: null, isLoading: false });
    } catch (problem) {
      if (problem.name !== 'AbortError' && !mine.signal.aborted)
        setResult((before) => ({ value: before.value, problem, isLoading: false }));
    }
  }, []);
  useEffect(() => {
    setResult((before) => ({ ...before, isLoading: true }));
    reload();
    return () => {
      stopper.current?.abort();
      clearTimeout(timer.current);
    };
  }, inputs);
  useEffect(() => {
    if (!events) return undefined;
    return listen((type) => {
      if (type !== 'ready' && type !== 'reset' && !events.test(type)) return;
      if (type === 'ready' && Date.now() - last.current < 2000) return; // read while the stream was being opened
      timer.current ??= setTimeout(reload, Math.max(0, last.current + every - Date.now()));
    });
  }, inputs);
  return { ...result, reload };
}
