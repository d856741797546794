/** Windows over events: rules, the fold of events into windows by count or time. All of it pure. */
export { windowPartKind } from './open-window.ts';
export { splitPlace } from './place.ts';
export { WindowFold } from './window-fold.ts';
export { compileWindow, type WindowRules } from './window-rules.ts';
