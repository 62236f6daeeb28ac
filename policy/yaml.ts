/**
 * YAML text to values, with the position of every value, for text that nobody vouches for. Bounds on size,
 * tokens, depth and expanded aliases hold before the recursive parts of the parser run, and whatever
 * `yaml` does in quadratic time (unique keys, resolving aliases) is done here instead.
 */

import { Composer, isScalar, Lexer, Parser } from 'yaml';
import { quoted } from './problem.ts';
import { type Position, positionsIn } from './text-position.ts';
import { type TextProblem, type YamlDocument, YamlReader, yamlLimits } from './yaml-reader.ts';

export interface YamlText {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly TextProblem[];
}

/**
 * Reads every document of a text. Never throws. A document that cannot be read whole is left out; one with
 * a lesser problem (a key that stands twice) is there too, so that the rest of it can be checked.
 */
export function readYaml(text: string): YamlText {
  const at = positionsIn(text);
  const tokens = tokensWithin(text, at);
  if (!Array.isArray(tokens)) return { documents: [], problems: [tokens] };

  const documents: YamlDocument[] = [];
  const problems: TextProblem[] = [];
  const budget = { values: 0 };
  const composer = new Composer({
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
    schema: 'core',
    merge: false,
    logLevel: 'silent',
  });
  for (const document of composer.compose(tokens, false, text.length)) {
    const broken = [...document.errors, ...document.warnings];
    for (const error of broken.slice(0, yamlLimits.problems)) {
      problems.push({ ...at(error.pos[0]), field: '', ...syntaxText(error.code, error.message) });
    }
    if (broken.length === 0 && !isEmpty(document.contents)) {
      const reader = new YamlReader(document, at, budget);
      const value = reader.read();
      problems.push(...reader.problems);
      if (reader.complete) documents.push(reader.document(value));
    }
    if (problems.length >= yamlLimits.problems) break;
  }
  return { documents, problems: problems.slice(0, yamlLimits.problems) };
}

/** Nothing between two `---`, or a comment alone. */
function isEmpty(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

type Tokens = Parameters<Composer['compose']>[0] extends Iterable<infer T> ? T[] : never;

/** Lexes and groups the text, which needs no recursion, and gives up where it grows beyond the bounds. */
function tokensWithin(text: string, at: (offset: number) => Position): Tokens | TextProblem {
  const parser = new Parser();
  const tokens: Tokens = [];
  let count = 0;
  const over = (message: string, hint: string): TextProblem => ({
    ...at(parser.offset),
    field: '',
    message,
    hint,
  });
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    count += 1;
    if (count > yamlLimits.tokens) {
      return over('the file holds too much', 'Split it into several files.');
    }
    if (parser.stack.length > 2 * yamlLimits.depth) {
      return over('is nested too deeply', 'No field of a policy needs this.');
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** What a parser's code means to the person who wrote the file. */
const syntax: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  BAD_INDENT: ['the indentation does not fit', 'Indent entries of one map or list alike.'],
  TAB_AS_INDENT: ['a tab is used for indentation', 'Indent with spaces.'],
  MISSING_CHAR: [
    'a closing quote, bracket or colon is missing',
    'Check this line and those before.',
  ],
  UNEXPECTED_TOKEN: [
    'something stands here that cannot',
    'Check quotes, brackets and indentation.',
  ],
  BLOCK_AS_IMPLICIT_KEY: ['a map or list stands where a value should', 'Begin it on a new line.'],
  MULTILINE_IMPLICIT_KEY: ['a key runs over several lines', 'Is a colon missing above?'],
  BAD_SCALAR_START: ['a plain value cannot begin with this character', 'Put the value in quotes.'],
  BAD_ALIAS: ['a name of an anchor or alias is missing or ends badly', 'Write the value out.'],
  TAG_RESOLVE_FAILED: ['has a tag that is not known', 'Remove the tag: plain values are enough.'],
  KEY_OVER_1024_CHARS: ['a key is longer than 1024 characters', 'Is a colon missing above?'],
};

function syntaxText(code: string, fallback: string): { message: string; hint: string } {
  // The parser sees an open bracket as what follows being indented too little.
  const meant = /^Flow .* end with/.test(fallback) ? 'MISSING_CHAR' : code;
  const [message, hint] = syntax[meant] ?? [quoted(fallback), 'Correct the YAML here.'];
  return { message, hint };
}
