/** What is recorded, as a target of the command: floods, forgotten processes, forged lines. */
import type { Group, Technique } from '../technique.ts';
import {
  besidesFlood,
  forgotten,
  hostileNames,
  lookupsOfAnother,
  moreThanRows,
} from './evidence-stories.ts';

const address = (n: number) => `198.51.100.${n}`;
export const GOOD = { name: 'good.example.test', address: '192.0.2.20' };

const techniques: readonly Technique[] = [
  {
    id: 'event-flood',
    title: 'Flooding the record of events',
    how: 'One process is refused so often that what another does gets lost among it.',
    source: 'Tetragon threat model; cicd-sensor (drop counters)',
    outcome: 'stopped',
    by: 'Refusals are counted in the kernel, a row for each destination of each process; only its first is an event.',
    stories: {
      'each count is exact, and another process has its row': besidesFlood(address(1), address(2)),
    },
  },
  {
    id: 'row-flood',
    title: 'Using up the rows',
    how: 'A process is refused at thousands of destinations, until no row is left for the one that matters.',
    source: 'Tetragon threat model',
    outcome: 'stopped',
    by:
      'Beyond 4,096 rows each process still has one for all its destinations; beyond a thousand of those ' +
      'a number goes on counting.',
    stories: {
      'another process has its row, the numbers are exact': moreThanRows(address(3), address(4)),
    },
  },
  {
    id: 'process-flood',
    title: 'Being forgotten, or taken for another process',
    how: 'Thousands of short processes push the real one out of the table, or get its number again.',
    source: 'egress-filter AUDIT S14 to S16',
    outcome: 'stopped',
    by: 'A process is known by number and start time, read from the kernel when it uses a socket.',
    stories: { 'after six thousand others': forgotten(address(5)) },
  },
  {
    id: 'lookup-flood',
    title: 'Flooding the resolver',
    how: 'One job asks without pause, so that the lookups of others are not answered in time.',
    source: 'cilium #48359 (unbounded caches); design',
    outcome: 'stopped',
    by: 'Each target has a resolver and a budget of queries of its own, enforced in the kernel.',
    stories: { 'another target’s lookups are answered meanwhile': lookupsOfAnother },
  },
  {
    id: 'forged-lines',
    title: 'Names that forge lines',
    how: 'File names, arguments, domains and job names hold line breaks, JSON, escape sequences or reversed text.',
    source: 'CWE-117, CWE-150; CVE-2021-42574 (bidi)',
    outcome: 'stopped',
    by: 'One function stands before every sink: a byte that is not printable ASCII becomes visible.',
    stories: { 'in lines, table, JSON and the file': hostileNames(address(6)) },
  },
];

export const evidence: Group = {
  label: 'evidence',
  policy: { allow: [{ fqdn: [GOOD.name], ports: [{ port: 8000 }] }] },
  techniques,
  furnish: async (lab) => {
    for (let n = 1; n <= 6; n++) lab.addAddress(address(n));
    const answers = [{ type: 'A' as const, name: GOOD.name, ttl: 60, data: GOOD.address }];
    return { dns: [await lab.scriptedDns({ names: { [GOOD.name]: [{ answers }] } })] };
  },
};
