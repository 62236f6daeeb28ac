/** The chart as an older version had it: packed, with other numbers, a field that was else, and other objects. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART, helm } from '../chart/helm.ts';
import { OTHER_VERSION } from '../kernel/other-build.ts';

/** In each file: what stands there now, and what stood there. */
const before: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  'Chart.yaml': [
    [/^version: .*$/m, `version: ${OTHER_VERSION}`],
    [/^appVersion: .*$/m, `appVersion: ${OTHER_VERSION}`],
  ],
  'templates/agent.yaml': [
    [/terminationGracePeriodSeconds: 10$/m, 'terminationGracePeriodSeconds: 9'],
  ],
};
/** It had this, and has it no more. */
const OLD = 'torwacht-old';
const old = `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${OLD}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "torwacht.labels" . | nindent 4 }}
data: {}
`;
/** It did not have these yet. */
const LATER = 'templates/rbac/people.yaml';

/** @returns the archive, as `helm package` makes it */
export function packOlderChart(folder: string): string {
  const chart = join(folder, 'torwacht');
  cpSync(CHART, chart, { recursive: true });
  for (const [file, changes] of Object.entries(before)) {
    let text = readFileSync(join(chart, file), 'utf8');
    for (const [now, then] of changes) {
      assert.match(text, now, `${file} has no ${now}`);
      text = text.replace(now, then);
    }
    writeFileSync(join(chart, file), text);
  }
  rmSync(join(chart, LATER));
  writeFileSync(join(chart, 'templates/old.yaml'), old);
  const { status, stderr } = helm(['package', chart, `--destination=${folder}`]);
  assert.equal(status, 0, stderr);
  return join(folder, `torwacht-${OTHER_VERSION}.tgz`);
}

/** What tells the two apart on a cluster: objects for `kubectl get`, of the older alone and of the newer alone. */
export const only = { older: `configmap/${OLD}`, newer: 'clusterrole/torwacht-view' } as const;
