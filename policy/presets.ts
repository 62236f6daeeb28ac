/**
 * The presets of this version, by name. A preset is the least that a job needs for one thing; what no
 * preset ever holds are wildcards over shared hosting, webhook receivers and public resolvers.
 */
import { gitlabPresets } from './presets/gitlab.ts';
import { imagePresets } from './presets/images.ts';
import { packagePresets } from './presets/packages.ts';
import type { Preset } from './presets/preset.ts';

export type { Preset, PresetRule } from './presets/preset.ts';

/** In the order in which they are listed to people. */
export const presets: ReadonlyMap<string, Preset> = new Map(
  [...gitlabPresets, ...packagePresets, ...imagePresets].map((preset) => [preset.name, preset]),
);
