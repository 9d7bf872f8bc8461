import bertBase from './bert-base.mjs';
import minilm from './minilm.mjs';
import useLite from './use-lite.mjs';

/** In the order of the report. */
export const MODELS = [minilm, bertBase, useLite];

export function modelOf(id) {
  const found = MODELS.find((model) => model.id === id);
  if (found === undefined) throw new Error(`there is no model ${id}`);
  return found;
}
