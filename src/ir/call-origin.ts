/** Where in the user's file an op was declared. */
import type { Origin } from './graph.ts';

/**
 * The folders of encompile's own files, whose frames are not the user's place. Source maps show the
 * frames of the built files as if they stood in `src`.
 */
const OWN = ['../../dist/', '../../src/'].map((folder) =>
  decodeURIComponent(new URL(folder, import.meta.url).pathname),
);

/** Graphs that a frontend builds out of data are declared nowhere. */
const FRONTENDS = OWN.map((folder) => `${folder}frontends/`);

/** The first stack frame outside encompile, worked out when it is asked for. */
export function callOrigin(): Origin {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  const trace = new Error();
  Error.stackTraceLimit = limit;
  return {
    names: [],
    location: () => {
      const places = (trace.stack ?? '').split('\n').map(placeOf);
      const found = places.find((place) => place !== null && (!isOwn(place) || isFrontend(place)));
      return found == null || isFrontend(found) ? null : found;
    },
  };
}

function isFrontend(place: string): boolean {
  return FRONTENDS.some((folder) => place.startsWith(folder));
}

function isOwn(place: string): boolean {
  return OWN.some((folder) => place.startsWith(folder));
}

/** `path:line:column` of a frame `at name (path:line:column)` or `at path:line:column`. */
function placeOf(frame: string): string | null {
  const place =
    /\((.*:\d+:\d+)\)$/.exec(frame)?.[1] ?? /^\s*at (?:async )?(.*:\d+:\d+)$/.exec(frame)?.[1];
  if (place === undefined) return null;
  return place.startsWith('file://') ? decodeURIComponent(place.slice('file://'.length)) : place;
}
