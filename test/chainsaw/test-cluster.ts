/** The test cluster as ground for cases: its images, and the programs that are built for it. */
import type { Cluster } from '../cluster/cluster.ts';
import { BUILD } from '../cluster/names.ts';
import { PATH } from '../lab/execute.ts';
import type { JsonObject } from './runner/schema.ts';

const parts = ['agent', 'operator', 'webhook', 'barrier'] as const;

/** Values of the chart for images of this checkout, which are loaded. */
export async function chartOf(cluster: Cluster): Promise<JsonObject> {
  const values: Record<string, JsonObject> = {};
  for (const name of parts) {
    const [, registry = '', repository = '', tag = ''] =
      /^(.*)\/(.*):(.*)$/.exec(await cluster.image(name)) ?? [];
    values.image = { registry };
    values[name] = { image: { repository, tag } };
  }
  return values;
}

/** kubectl and helm of this checkout come first, and Helm keeps its things in `folder`. */
export function environmentIn(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: `${BUILD}/bin:${BUILD}:${PATH}`,
    HOME: folder,
    HELM_CACHE_HOME: folder,
    HELM_CONFIG_HOME: folder,
    HELM_DATA_HOME: folder,
  };
}
