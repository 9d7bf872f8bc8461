/** Where in the user's file an op was declared. */
import type { Origin } from './graph.ts';

/** The folder of encompile's own files, whose frames are not the user's place. */
const OWN = decodeURIComponent(new URL('..', import.meta.url).pathname);

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
      return places.find((place) => place !== null && !place.startsWith(OWN)) ?? null;
    },
  };
}

/** `path:line:column` of a frame `at name (path:line:column)` or `at path:line:column`. */
function placeOf(frame: string): string | null {
  const place =
    /\((.*:\d+:\d+)\)$/.exec(frame)?.[1] ?? /^\s*at (?:async )?(.*:\d+:\d+)$/.exec(frame)?.[1];
  if (place === undefined) return null;
  return place.startsWith('file://') ? decodeURIComponent(place.slice('file://'.length)) : place;
}
