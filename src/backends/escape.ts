/**
 * The only two ways by which text from a model reaches emitted files, besides identifiers
 * (`identifiers.ts`): as a comment line or as a string literal. Neither can be left from inside.
 */

/**
 * Characters that end a line in JS or WGSL, or that a reader cannot see: controls, the line and
 * paragraph separators, direction marks, lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\uFFFE\uFFFF]/gu;

/** The text within one comment line, whichever kind of comment holds it. */
export function commentText(text: string): string {
  return text
    .replace(UNSAFE, codePoint)
    .replaceAll('*/', '*\\/')
    .replaceAll('/*', '/\\*')
    .replace(/<(?=[/!])/g, '<\\');
}

/** A JS, TypeScript or JSON string literal that is also inert inside an HTML script element. */
export function quote(text: string): string {
  return JSON.stringify(text)
    .replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, jsonEscape)
    .replace(/<(?=[/!])/g, '\\u003C');
}

function codePoint(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
}

function jsonEscape(char: string): string {
  return Array.from({ length: char.length }, (_, i) => {
    const unit = char.charCodeAt(i).toString(16).toUpperCase().padStart(4, '0');
    return `\\u${unit}`;
  }).join('');
}
