/** What an output is called on the command line: `KIND`, or `KIND:URL` with settings behind commas. */
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

/** `name`: of its metrics and of its folder of the spool; its kind unless it is given. */
export type OutputSpec =
  | { readonly kind: 'stdout'; readonly name: string }
  /** `folder`: see outputs/operator.ts. */
  | { readonly kind: 'operator'; readonly name: string; readonly folder: string }
  | {
      readonly kind: 'webhook' | 'otlp';
      readonly name: string;
      readonly url: URL;
      /** The webhook's secret, or OTLP's headers. */
      readonly file?: string;
    };

/** Which setting names a file, by kind. */
const fileSettings = { webhook: 'secret', otlp: 'headers' } as const;

/**
 * @example readOutputs(['stdout', 'webhook:https://siem.example/in,secret=/etc/torwacht/siem,name=siem'])
 * @throws TW_OUTPUT_OPTION
 */
export function readOutputs(texts: readonly string[]): readonly OutputSpec[] {
  const specs = texts.map(readOutput);
  const names = new Set<string>();
  for (const { name } of specs) {
    if (names.has(name)) throw bad(name, `two are called ${name}; give one another with name=`);
    names.add(name);
  }
  return specs;
}

function readOutput(text: string): OutputSpec {
  const [head = '', ...rest] = text.split(',');
  const kind = head.split(':', 1)[0] ?? '';
  const settings = readSettings(kind, rest);
  const name = settings.get('name') ?? kind;
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) throw bad(kind, 'a name is of a-z, 0-9 and -');
  if (kind === 'stdout') {
    if (head !== kind) throw bad(kind, 'it has no address');
    return { kind, name };
  }
  const where = head.slice(kind.length + 1);
  if (kind === 'operator') {
    if (!where.startsWith('/')) throw bad(kind, 'its folder is no absolute path');
    return { kind, name, folder: where };
  }
  if (kind !== 'webhook' && kind !== 'otlp') throw bad(kind, 'there is no such kind');
  const file = settings.get(fileSettings[kind]);
  return { kind, name, url: readUrl(kind, where), ...(file && { file }) };
}

function readSettings(kind: string, texts: readonly string[]): ReadonlyMap<string, string> {
  const known = ['name', ...(kind === 'webhook' || kind === 'otlp' ? [fileSettings[kind]] : [])];
  return new Map(
    texts.map((text) => {
      const at = text.indexOf('=');
      const [key, value] = [text.slice(0, at), text.slice(at + 1)];
      if (at < 0 || value === '' || !known.includes(key)) {
        throw bad(kind, `its settings are ${known.map((one) => `${one}=`).join(' and ')}`);
      }
      return [key, value] as const;
    }),
  );
}

/** Addresses of webhooks can be secrets: none is ever told. */
function readUrl(kind: string, text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw bad(kind, 'its address is no http:// or https:// URL');
}

function bad(output: string, reason: string): Error {
  return failure(errors.output, { output: output.slice(0, 40), reason });
}
