/** A text in which some words stand for others. */
export class TextTemplate {
  /** What stays, and between it the places of words in the list. */
  readonly #parts: readonly (string | number)[];

  /** The words consist of letters, digits and dashes; none may be empty. */
  constructor(text: string, words: readonly string[]) {
    const places = new Map(words.map((word, i) => [word, i]));
    const pattern = new RegExp(`(${words.join('|')})`);
    this.#parts = text.split(pattern).map((part) => places.get(part) ?? part);
  }

  /** The text with other words, in the order of the first list. */
  fill(words: readonly string[]): string {
    return this.#parts.map((part) => (typeof part === 'number' ? (words[part] ?? '') : part)).join('');
  }
}
