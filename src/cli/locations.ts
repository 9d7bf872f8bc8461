/** Places in model files, as people read them. */
import { displayPath } from '../frontends/declaration/display-path.ts';

/** `model.ts:12:3`: relative to the working folder where the file lies in it. */
export function displayLocation(location: string): string {
  const [, file = location, place = ''] = /^(.*?)((?::\d+)*)$/s.exec(location) ?? [];
  return displayPath(file) + place;
}
