/** Reads back what a run tells: JSON events, and the table at the end. */
import { type EgressEvent, egressEventSchema } from '#api/event.ts';

/** The events of `--json`: every line of the text must be a valid one. */
export function eventsOf(text: string): EgressEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => egressEventSchema.parse(JSON.parse(line)));
}

/** The rows of the table at the end: cells by the names in its header line. */
export function tableOf(stderr: string): Record<string, string>[] {
  const lines = stderr.split('\n');
  const at = lines.findLastIndex((line) => line.startsWith('job_name '));
  const head = lines[at];
  if (head === undefined) return [];
  const columns = [...head.matchAll(/\S+ */g)].map((match) => ({
    name: match[0].trim(),
    from: match.index,
    to: match.index + match[0].length,
  }));
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line === '' || line.startsWith('torwacht: ')) break;
    const last = columns.length - 1;
    rows.push(
      Object.fromEntries(
        columns.map(({ name, from, to }, index) => [
          name,
          line.slice(from, index === last ? undefined : to).trim(),
        ]),
      ),
    );
  }
  return rows;
}
