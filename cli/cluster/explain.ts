/** `torwacht explain`: which rule decides about a destination for a pod or job of a cluster, and on which nodes. */
import { explain } from '#policy/explain.ts';
import { fieldName } from '#policy/problem.ts';
import { destinationOf, type ExplainFlags, REFUSED } from '../policy/explain.ts';
import { explanationJson, printExplanation, type Where } from '../policy/explain-text.ts';
import { type Io, plural, styled } from '../policy/io.ts';
import { type ClusterFlags, withCluster } from './cluster.ts';
import { type Coverage, readCoverage } from './coverage.ts';
import { printFacts, printSentences } from './format.ts';
import { type Holding, holdingOf } from './holding.ts';
import { readLive } from './live.ts';
import type { Listed } from './standing.ts';
import { checkWho, subjectOf, type WhoFlags } from './subject.ts';

export type LiveExplainFlags = ClusterFlags & WhoFlags & Pick<ExplainFlags, 'protocol' | 'json'>;

/** 0 when it is allowed or nothing holds the job, 1 when it is refused. @throws TW_KUBE_*, TW_POLICY_* */
export function explainLive(text: string, flags: LiveExplainFlags, io: Io): Promise<number> {
  const destination = destinationOf(text, flags.protocol);
  checkWho(flags);
  return withCluster(flags, async (cluster) => {
    const live = await readLive(cluster, cluster.namespace);
    const subject = await subjectOf(cluster, live, flags);
    const { identity, facts, assumed } = subject;
    const holding = holdingOf(live, subject);
    const notes = [...assumed, ...live.doubts];
    if (holding === null) {
      if (flags.json) io.stdout.write(json({ governed: false, allowed: true, notes }));
      else {
        printFacts(io, facts);
        io.stdout.write(
          `\n${styled(io, 'red', 'Nothing holds it')}: no RunnerBinding governs it, so it reaches everything.\n`,
        );
        printSentences(io, 'note', notes);
      }
      return 0;
    }
    // What is for others is told as well, where a selector and not the namespace says so.
    const explained = explain({ documents: live.documents, identity, options: {}, destination });
    const explanation = {
      ...explained,
      notes: [...explained.notes, ...holding.notes, ...notes],
    };
    const coverage = await readCoverage(cluster, live, subject, holding.documents);
    if (flags.json) {
      const where = { namespace: live.namespace, pod: subject.pod, node: subject.node };
      const who = { project: identity.project ?? null, job: identity.job ?? null };
      const told = explanationJson(explanation, field);
      io.stdout.write(json({ governed: true, ...where, ...who, ...told, coverage }));
    } else {
      printFacts(io, facts);
      io.stdout.write('\n');
      printExplanation(explanation, field, io);
      io.stdout.write('\n');
      printCoverage(io, coverage, holding);
    }
    return explanation.allowed ? 0 : REFUSED;
  });
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

/** An object has no lines; its fields are how people find the place. */
const field: Where = (_title, path) => (path.length === 0 ? null : fieldName(path));

function printCoverage(io: Io, coverage: Coverage, { documents }: Holding): void {
  const { everywhere, behind, node } = coverage;
  const objects = plural(documents.length, 'object');
  const text = everywhere
    ? styled(io, 'green', `in force on every node, all ${objects} that hold here`)
    : styled(io, 'red', `not in force everywhere: ${behind.length} of ${objects} that hold here`);
  io.stdout.write(`${text}\n`);
  printSentences(io, '  behind', behind.map(behindText));
  if (node === null) return;
  const where = `node ${node.name}, where the pod runs,`;
  printSentences(
    io,
    '  node',
    node.behind.length === 0
      ? [`${where} holds the last generation of all bindings`]
      : node.behind.map(({ binding, reason, message }) =>
          [where, binding === '' ? 'holds nothing:' : `does not hold ${binding}:`, reason, message]
            .filter(Boolean)
            .join(' '),
        ),
  );
}

function behindText({ title, generation, reason, message, nodes, waiting }: Listed): string {
  const count = nodes === null ? '' : ` on ${nodes.summary} nodes`;
  const names = waiting.map(({ reason: why, nodes: some }) => `${why} on ${some.join(', ')}`);
  return [`${title}, generation ${generation}${count}: ${reason}. ${message}`, ...names].join('; ');
}
