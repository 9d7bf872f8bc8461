/** Remembers what is made of a text, and forgets everything when that is much. */
export function remembered<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>();
  return (text) => {
    let known = made.get(text);
    if (known === undefined) {
      known = make(text);
      if (made.size >= MOST) made.clear();
      made.set(text, known);
    }
    return known;
  };
}

const MOST = 100_000;
