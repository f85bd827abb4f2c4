/** YAML that people write by hand: one document, without aliases, and what is wrong with it in a sentence. */
import { CORE_SCHEMA, FAILSAFE_SCHEMA, loadAll, YAMLException } from 'js-yaml';
import { cleanText } from '../domain/import-failure.ts';

/** How a text is read. */
export interface YamlReading {
  /** Mappings and lists within one another. */
  readonly maxDepth: number;
  /** True: every scalar is a text, as it is written. Else those of JSON have their types. */
  readonly asTexts?: boolean;
}

/** The document, undefined when there is nothing but comments; or what is wrong. */
export type YamlDocument =
  | { readonly ok: true; readonly document: unknown }
  | { readonly ok: false; readonly fault: string };

/** Reads a text without aliases (a few lines of them can stand for gigabytes). A fault shows nothing of the text's values. */
export function parseYamlDocument(text: string, { maxDepth, asTexts = false }: YamlReading): YamlDocument {
  const schema = asTexts ? FAILSAFE_SCHEMA : CORE_SCHEMA;
  let documents: unknown[];
  try {
    documents = loadAll(text, { schema, maxAliases: 0, maxDepth });
  } catch (error) {
    return { ok: false, fault: describe(error, text) };
  }
  if (documents.length > 1) return { ok: false, fault: `must be one YAML document, not ${documents.length}` };
  return { ok: true, document: documents[0] };
}

function describe(error: unknown, text: string): string {
  if (!(error instanceof YAMLException) || error.mark === undefined) {
    return `is no YAML: ${cleanText(error instanceof Error ? error.message : String(error))}`;
  }
  const { line, column, position } = error.mark;
  // The likeliest slip: in YAML a plain word cannot start with a star.
  const reason =
    text[position - 1] === '*'
      ? 'a "*" outside of quotes is a YAML alias, and there are none here: write "*.example.com" with the quotes'
      : cleanText(error.reason);
  return `line ${line + 1}, column ${column + 1}: ${reason}`;
}
