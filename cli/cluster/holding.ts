/** What holds for a subject: the mode, the objects it comes from, the lines in force. */
import type { TorwachtDocument } from '#api/documents.ts';
import { withoutCeilings } from '#policy/ceiling.ts';
import { compile, documentsAbout, trustsJobNames } from '#policy/compile.ts';
import { aboveCeilings, type InForce, type Line, linesInForce } from '#policy/in-force.ts';
import { documentTitle } from '#policy/title.ts';
import type { Mode } from '#policy/types.ts';
import type { Live } from './live.ts';
import type { Subject } from './subject.ts';

export interface Holding extends InForce {
  readonly mode: Mode;
  readonly documents: readonly TorwachtDocument[];
  /** What ceilings take, or leave less of. */
  readonly above: readonly Line[];
  /** Sentences about what holds less than it says. */
  readonly notes: readonly string[];
}

/** Null where nothing holds the subject. @throws what `compile` throws */
export function holdingOf(live: Live, { identity, bindings }: Subject): Holding | null {
  if (bindings.length === 0) return null;
  const policy = compile(live.documents, identity);
  const about = documentsAbout(live.documents, identity);
  const documents = about.map(({ document }) => document);
  const without = compile(withoutCeilings(live.documents), identity);
  const uncertain = about.filter(({ certain }) => !certain).map(({ document }) => document);
  return {
    mode: policy.mode,
    documents,
    ...linesInForce(policy),
    above: aboveCeilings(policy, without),
    notes: [
      ...uncertain.map(
        (document) =>
          `${documentTitle(document)} is for namespaces with labels that cannot be read here: only its denies and its ceiling are counted.`,
      ),
      ...documents.flatMap((document) => narrowing(document, trustsJobNames(bindings))),
    ],
  };
}

function narrowing(document: TorwachtDocument, trusted: boolean): readonly string[] {
  if (trusted || document.kind === 'RunnerBinding') return [];
  const { selector, allow = [], presets = [] } = document.spec;
  if (selector?.jobs === undefined || allow.length + presets.length === 0) return [];
  return [
    `${documentTitle(document)} selects jobs by name, and no RunnerBinding trusts those (trust.jobNames): only its denies hold.`,
  ];
}
