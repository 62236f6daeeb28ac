/** Ports as they were seen, as the `ports` of a rule. */
import type { Port } from '#api/rule.ts';
import { MAX_PERMISSIONS } from '../types.ts';
import type { PortNeed } from './needs.ts';

export interface PortList {
  readonly ports: readonly Port[];
  /** More ranges were seen than a rule holds, so that these hold more than was seen. */
  readonly widened: boolean;
}

interface Range {
  readonly protocol: Port['protocol'];
  readonly from: number;
  readonly to: number;
}

/** What a name that was only looked up is guessed to be for. */
const GUESS: readonly PortNeed[] = [{ port: 443, protocol: 'tcp' }];

/** Neighbouring ports become one range; where that leaves too many, the smallest gaps are closed. */
export function portListOf(needs: readonly PortNeed[]): PortList {
  const ranges = seen(needs.length === 0 ? GUESS : needs);
  const kept = closeGaps(ranges);
  return { ports: kept.map(asPort), widened: kept.length < ranges.length };
}

function seen(needs: readonly PortNeed[]): readonly Range[] {
  const single = needs.map(({ port, protocol }): Range => {
    return { protocol: protocol === 'udp' ? 'UDP' : 'TCP', from: port, to: port };
  });
  single.sort(
    (a, b) => (a.protocol < b.protocol ? -1 : Number(a.protocol > b.protocol)) || a.from - b.from,
  );
  const ranges: Range[] = [];
  for (const next of single) {
    const last = ranges.at(-1);
    if (last === undefined || last.protocol !== next.protocol || next.from > last.to + 1) {
      ranges.push(next);
    } else {
      ranges[ranges.length - 1] = { ...last, to: Math.max(last.to, next.to) };
    }
  }
  return ranges;
}

function closeGaps(ranges: readonly Range[]): readonly Range[] {
  const kept = [...ranges];
  while (kept.length > MAX_PERMISSIONS) {
    const gaps = kept.map((range, index) => {
      const next = kept[index + 1];
      return next === undefined || next.protocol !== range.protocol
        ? Infinity
        : next.from - range.to;
    });
    const at = gaps.indexOf(Math.min(...gaps));
    const [first, second] = kept.slice(at, at + 2);
    if (first === undefined || second === undefined) break;
    kept.splice(at, 2, { ...first, to: second.to });
  }
  return kept;
}

function asPort({ protocol, from, to }: Range): Port {
  return from === to ? { port: from, protocol } : { port: from, endPort: to, protocol };
}
