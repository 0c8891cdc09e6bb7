// Templates without a build step: htm bound to Preact, and the hooks that pages use.
import { h, render, Component, Fragment } from 'preact';
import htm from 'htm';

export const html = htm.bind(h);
export { render, Component, Fragment };
export { useState, useEffect, useRef, useMemo, useCallback, useId } from 'preact/hooks';
export { signal, computed, effect, batch } from '@preact/signals';
