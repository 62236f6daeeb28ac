/**
 * Which presets say exactly what was seen. A suggestion opens nothing that was not used, so a preset is
 * taken only where every one of its names was used, on every one of its ports and on no other. One that
 * holds what was seen and more is told, for people to choose.
 */
import type { Port } from '#api/rule.ts';
import { hostText } from '../destination.ts';
import type { Preset } from '../presets.ts';
import type { Need } from './needs.ts';
import { portListOf } from './ports.ts';

export interface Fitting {
  readonly preset: Preset;
  /** What of the needs it covers, in the order of the preset. */
  readonly covers: readonly Need[];
}

export interface NearlyFitting {
  readonly preset: Preset;
  /** Names of it that were used, and those that it would open as well. */
  readonly used: readonly string[];
  readonly unused: readonly string[];
}

export interface PresetChoice {
  readonly fitting: readonly Fitting[];
  readonly nearly: readonly NearlyFitting[];
  /** What no chosen preset covers. */
  readonly rest: readonly Need[];
}

export function choosePresets(needs: readonly Need[], presets: Iterable<Preset>): PresetChoice {
  const open = new Map(needs.filter(isOrdinary).map((need) => [hostText(need.host), need]));
  const covered = new Set<Need>();
  const fitting: Fitting[] = [];
  const others: Preset[] = [];
  for (const preset of presets) {
    const entries = entriesOf(preset);
    const covers = entries.flatMap(({ name, ports }) => {
      const need = open.get(name);
      return need !== undefined && same(portListOf([...need.ports.values()]).ports, ports)
        ? [need]
        : [];
    });
    const isWhole = covers.length > 0 && covers.length === entries.length;
    if (isWhole && covers.some((need) => !covered.has(need))) {
      fitting.push({ preset, covers });
      for (const need of covers) covered.add(need);
    } else {
      others.push(preset);
    }
  }
  const rest = needs.filter((need) => !covered.has(need));
  const listed = new Set(rest.filter(isOrdinary).map(({ host }) => hostText(host)));
  return { fitting, rest, nearly: others.flatMap((preset) => nearlyOf(preset, listed)) };
}

/** Presets do not open private addresses. */
function isOrdinary({ host, inside }: Need): boolean {
  return 'name' in host && inside.size === 0;
}

function nearlyOf(preset: Preset, listed: ReadonlySet<string>): readonly NearlyFitting[] {
  const names = entriesOf(preset).map(({ name }) => name);
  const used = names.filter((name) => listed.has(name));
  if (used.length === 0) return [];
  return [{ preset, used, unused: names.filter((name) => !listed.has(name)) }];
}

const HTTPS: readonly Port[] = [{ port: 443, protocol: 'TCP' }];

function entriesOf(preset: Preset): readonly { name: string; ports: readonly Port[] }[] {
  return preset.rules.flatMap(({ fqdn, ports }) =>
    fqdn.map((name) => ({ name, ports: ports ?? HTTPS })),
  );
}

function same(a: readonly Port[], b: readonly Port[]): boolean {
  const texts = (ports: readonly Port[]) =>
    ports.map(({ port, endPort, protocol }) => `${port}-${endPort ?? port}/${protocol}`).sort();
  return texts(a).join() === texts(b).join();
}
