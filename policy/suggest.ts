/**
 * From what was seen to the least policy that would have allowed it: exact names and addresses, the ports
 * that were used, and a preset only where it says exactly that. Comments say which process used what, so
 * that a reader sees what does not belong.
 */
import type { EgressEvent } from '#api/event.ts';
import { presets } from './presets.ts';
import { collapse, type Domain } from './suggest/collapse.ts';
import { choosePresets } from './suggest/fitting-presets.ts';
import { rulesOf } from './suggest/model.ts';
import { needsOf } from './suggest/needs.ts';
import { suggestionText } from './suggest/text.ts';

export interface SuggestOptions {
  /** For the selector; none without. */
  readonly project: string | null;
  readonly job: string | null;
  /** Attempts that no row stands for. */
  readonly unrecorded: number;
  /** Domains below which several names become one wildcard; none when omitted. */
  readonly collapse?: readonly Domain[];
}

export interface Suggestion {
  /** A YAML document that `torwacht policy check` accepts. */
  readonly text: string;
  readonly names: number;
  readonly addresses: number;
  /** Destinations that no policy can allow, and those that a rule denies. */
  readonly impossible: number;
  readonly denied: number;
}

/** @param rows with their final counts, in any order: equal rows give equal bytes */
export function suggest(rows: readonly EgressEvent[], options: SuggestOptions): Suggestion {
  const { needs: seen, impossible, denied, refused } = needsOf(rows);
  const needs = collapse(seen, options.collapse ?? []);
  const { fitting, nearly, rest } = choosePresets(needs, presets.values());
  const rules = rulesOf(rest);
  const names = needs.filter(({ host }) => 'name' in host).length;
  return {
    text: suggestionText({
      ...options,
      impossible,
      denied,
      refused,
      presets: { fitting, nearly },
      rules,
    }),
    names,
    addresses: needs.length - names,
    impossible: impossible.length,
    denied: denied.length,
  };
}

/**
 * Events as they were written, a row with its first count and again with its last, as rows. Several runs
 * may follow each other.
 */
export function rowsOf(events: readonly EgressEvent[]): readonly EgressEvent[] {
  const rows = new Map<string, EgressEvent>();
  for (const event of events) {
    const { last_seen: _, count: __, added: ___, ...rest } = event;
    rows.set(JSON.stringify(rest), event);
  }
  return [...rows.values()];
}

/** Project and job that all rows have; null where they differ or say nothing. */
export function identityOf(rows: readonly EgressEvent[]): Pick<SuggestOptions, 'project' | 'job'> {
  return {
    project: shared(rows.map((row) => row.project_id)),
    job: shared(rows.map((row) => row.job_name)),
  };
}

function shared(values: readonly (string | null)[]): string | null {
  const [first = null] = values;
  return values.every((value) => value === first) ? first : null;
}
