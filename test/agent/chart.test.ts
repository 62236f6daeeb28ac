/** The chart on a real cluster: installed, asked, changed, rolled back, and taken away with nothing left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { casesPass } from '../chainsaw/on-cluster.ts';
import { CHART, render } from '../chart/helm.ts';
import { type Cluster, useCluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { thief } from '../demo/world.ts';
import { REGISTRY_NAME, REGISTRY_PORT } from '../lab/servers/registry.ts';
import { alertSecret, assertEvidence, startReceivers } from './evidence.ts';
import { admits } from './install-api.ts';
import { barrier, furnish, runCiJob, stolen } from './job.ts';
import { live } from './live.ts';
import { imageValues, kubeconfigOf, NAMESPACE, prepare, release, set, waiting } from './release.ts';
import { bad, good, skip } from './scene.ts';

/** Everything of ours that the API server knows, kinds aside. */
async function leftovers(cluster: Cluster): Promise<readonly string[]> {
  const kinds = new Set(
    render({ values: { 'admission.pods': 'both', 'admission.inject': true } }).map(
      ({ kind }) => kind,
    ),
  );
  kinds.delete('CustomResourceDefinition');
  for (const more of ['Secret', 'Lease', 'Pod', 'NodeAgent', 'PolicyBundle']) kinds.add(more);
  const ours = ['-A', '-o', 'name', '-l', 'app.kubernetes.io/part-of=torwacht'];
  const found = await cluster.kubectl(['get', [...kinds].join(), ...ours]);
  const derived = await cluster.kubectl(['get', 'nodeagents,policybundles', '-o', 'name']);
  const kindsOfOwn = 'all,leases,secrets,configmaps,persistentvolumeclaims';
  const own = await cluster.kubectl(['get', kindsOfOwn, '-n', NAMESPACE, '-o', 'name']);
  return [found, derived, own]
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '' && line !== 'configmap/kube-root-ca.crt');
}

test('installed, asked, changed, rolled back, and taken away', { skip }, async (t) => {
  const cluster = await useCluster();
  const internet = cluster.internet(t);
  const furniture = await furnish(internet, [good, bad]);
  const sink = await internet.sink(
    [good, bad].map(({ address, port }) => ({ kind: 'http', address, port })),
  );
  const receivers = await startReceivers(internet);
  await cluster.image('busybox');
  const values = {
    ...(await imageValues(cluster)),
    'agent.outputs': ['stdout', receivers.output],
    'uninstall.waitSeconds': 0,
  };
  const { run, must, timed } = release(t, cluster);

  await must('install', 'torwacht', CHART, '--create-namespace', ...set(values), ...waiting);
  await admits(cluster);
  const jobs = await cluster.namespace(t, 'jobs');
  await prepare(cluster, jobs, {
    reach: [good, { name: REGISTRY_NAME, port: REGISTRY_PORT }],
    spec: { alerts: { slack: [{ name: 'oncall', urlKey: 'slack' }] } },
    with: [alertSecret(jobs)],
  });
  const url = ({ name, port }: typeof good | typeof bad) => `http://${name}:${port}/`;
  const byAddress = `http://${bad.address}:${bad.port}/`;

  const kubeconfig = kubeconfigOf(t, cluster, jobs);
  const job = await timed('the job', () =>
    runCiJob(cluster, jobs, { deadline: '60s', kubeconfig }),
  );
  assert.equal(job.result, 'success', job.log);
  assert.match(job.log, /\n1970-01-01\n/);
  assert.deepEqual(stolen(furniture), []);
  assert.equal(internet.packetsTo(thief.address), 0);
  await timed('evidence everywhere', () => assertEvidence(cluster, jobs, receivers));
  const control = await cluster.namespace(t, 'free');
  const free = await cluster.runPod(control, { command: ['wget', '-qO-', byAddress] });
  assert.equal(free.code, 0, free.log);
  assert.ok(sink.log().some(({ to }) => to === `${bad.address}:${bad.port}`));

  const checked = await must('test', 'torwacht', '--logs', '--timeout=120s');
  assert.match(checked, /ok {6}Agents are ready on all 1 ready nodes\./);
  assert.match(checked, /ok {6}A runner's pod outside of enforced namespaces is refused\./);

  await timed('cases of Chainsaw', () => casesPass(t, cluster, ['enforcement', 'admission']));

  // A pod that lives through what follows, made by hand, held like a job.
  const security = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const pod = await live(cluster, jobs, 'job', {
    command: ['sleep', '3600'],
    init: [barrier()],
    container: { securityContext: security },
  });
  const asks = (where: string) =>
    pod.exec('sh', '-c', `wget -qO /dev/null ${where} 2>&1 && echo reached || true`);
  const stillHeld = async (): Promise<void> => {
    assert.equal(await asks(url(good)), 'reached\n');
    assert.match(await asks(byAddress), /not permitted/);
  };
  await stillHeld();
  assert.match(cluster.node.run('ls', ['/sys/fs/bpf']).stdout, /torwacht/);
  const level = (): Promise<string> =>
    cluster.kubectl(['get', 'daemonset/torwacht-agent', '-n', NAMESPACE, '-o', 'jsonpath={..env}']);
  assert.doesNotMatch(await level(), /debug/);
  await must(
    'upgrade',
    'torwacht',
    CHART,
    '--reuse-values',
    '--set=agent.logLevel=debug',
    ...waiting,
  );
  assert.match(await level(), /debug/);
  await stillHeld();
  await must('rollback', 'torwacht', '1', ...waiting);
  assert.doesNotMatch(await level(), /debug/);
  await stillHeld();

  // The other way of waiting sees that a hook has failed only when its time is over.
  const refused = await run('uninstall', 'torwacht', '--wait=legacy', '--timeout=300s');
  assert.notEqual(refused.status, 0, 'it must not go while a job is held');
  assert.match(refused.stdout + refused.stderr, new RegExp(`${jobs}/job on `));
  // Helm upgrades nothing that it has begun to uninstall; this takes it back.
  await must('rollback', 'torwacht', '3', ...waiting);
  assert.match(await must('status', 'torwacht'), /^STATUS: deployed$/m);
  await cluster.kubectl(['get', 'validatingwebhookconfiguration', 'torwacht-pods']);
  await stillHeld();

  // Forced, it ends the job itself.
  await cluster.kubectl(['annotate', 'namespace', NAMESPACE, 'torwacht.io/uninstall=force']);
  await cluster.kubectl(['delete', 'secret/torwacht-alerts', '-n', NAMESPACE]);
  await must('uninstall', 'torwacht', '--wait', '--timeout=300s');
  await waitFor('nothing is left', async () => {
    const left = await leftovers(cluster);
    if (left.length > 0) throw new Error(left.join(' '));
    return true;
  });
  assert.equal(await cluster.kubectl(['get', 'pods', '-n', jobs, '-o', 'name']), '');
  const pinned = cluster.node.run('ls', ['/sys/fs/bpf']).stdout;
  assert.doesNotMatch(pinned, /torwacht/, 'what is pinned on the node');
  // What is kept stands in nobody's way.
  await must('install', 'torwacht', CHART, ...set(values), '--dry-run=server');
  const kinds = await cluster.kubectl(['get', 'crd', '-o', 'name']);
  assert.match(kinds, /egresspolicies\.torwacht\.io/);
  const written = ['runnerbindings,egresspolicies', `--namespace=${jobs}`];
  const kept = await cluster.kubectl(['get', ...written, '-o', 'name']);
  assert.equal(kept.trim().split('\n').length, 2);
});
