/** What a cluster's facts say of admission: who judges, whether it answers, and where. */
import { namespacesOf } from '#policy/select.ts';
import { spared } from '#webhook/manifests/common.ts';
import { type Finding, fail, pass, warn } from '../findings.ts';
import { plural } from '../policy/io.ts';
import type { ClusterFacts } from './cluster-facts.ts';

const INSTALL =
  'kubectl apply -k config/webhook, or config/admission-policy in place of its pods.yaml.';

/** Who judges pods and our own objects. */
export function judges({ webhooks, policies, namespaces }: ClusterFacts): readonly Finding[] {
  if (webhooks === null || policies === null) return [];
  const named = (name: string) => webhooks.some(({ metadata }) => metadata.name === name);
  const byWebhook = named('torwacht-pods') ? ['a webhook'] : [];
  const byPolicy = policies.includes('torwacht-pods') ? ['a policy'] : [];
  const by = [...byWebhook, ...byPolicy].join(' and ');
  const enforced = (namespaces ?? []).some((one) => one.enforced);
  const nobody = enforced ? fail : warn;
  return [
    by === ''
      ? nobody('admission.pods', 'nobody judges pods: one without barrier starts', INSTALL)
      : pass('admission.pods', `pods are judged by ${by}`),
    named('torwacht-objects')
      ? pass('admission.objects', 'our own objects are judged when they are applied')
      : warn('admission.objects', 'nobody judges our own objects when they are applied', INSTALL),
    policies.includes('torwacht-guard')
      ? pass('admission.guard', 'labels of namespaces and bindings are guarded')
      : warn(
          'admission.guard',
          'whoever may edit a namespace can take it out of enforcement',
          'kubectl apply -f config/webhook/guard.yaml',
        ),
  ];
}

/** Do API servers reach the webhook, and do they believe it? */
export function webhook({ webhooks, endpoints }: ClusterFacts): readonly Finding[] {
  if (webhooks === null || webhooks.length === 0) return [];
  const untrusted = webhooks.filter((one) =>
    (one.webhooks ?? []).some(({ clientConfig }) => (clientConfig.caBundle ?? '') === ''),
  );
  const certificates = untrusted.map(({ metadata: { name } }) =>
    fail(
      'admission.certificate',
      `API servers have no certificate authority for ${name}: what it judges is refused`,
      'The webhook announces it by itself: look whether it runs, and at its log.',
    ),
  );
  return endpoints === null ? certificates : [...certificates, replicas(endpoints)];
}

function replicas(ready: number): Finding {
  const check = 'admission.endpoints';
  if (ready > 1) return pass(check, `${ready} replicas of the webhook are ready`);
  if (ready === 1) {
    const sentence = 'one replica of the webhook is ready: with it away, no job starts';
    return warn(check, sentence, 'Run two (config/webhook/deployment.yaml).');
  }
  const sentence = 'no replica of the webhook is ready: pods of enforced namespaces are refused';
  return fail(check, sentence, 'kubectl -n torwacht get pods,endpointslices');
}

/** The proof: what is said to a pod that must not start. */
export function asked({ asked: probe }: ClusterFacts): readonly Finding[] {
  if (probe === undefined) return [];
  const { namespace, said, injected } = probe;
  if (injected !== null) {
    const sentence = `the barrier ${injected} is put into a pod that comes without in the namespace ${namespace}`;
    return [pass('admission.asked', sentence)];
  }
  if (said === null) {
    return [
      fail(
        'admission.asked',
        `a pod without barrier would start in the enforced namespace ${namespace}`,
        INSTALL,
      ),
    ];
  }
  if (/Torwacht refuses this pod|\[?TW_ADMIT_/.test(said)) {
    return [
      pass('admission.asked', `a pod without barrier is refused in the namespace ${namespace}`),
    ];
  }
  return [
    warn(
      'admission.asked',
      `whether a pod without barrier is refused in ${namespace} is not known: ${said}`,
      'It needs the right to create pods there; or admission is away, and refuses everything.',
    ),
  ];
}

/** Labels say where admission looks, bindings whose pods are held: both must mean the same namespaces. */
export function labelsWithoutBinding({ namespaces, standing }: ClusterFacts): readonly Finding[] {
  if (namespaces === null || standing === null) return [];
  const enforced = namespaces.filter((one) => one.enforced);
  return enforced.flatMap(({ name }) => {
    const about = standing.bindings.filter((one) => namespacesOf(one).includes(name));
    if (spared.includes(name)) {
      const sentence = `the namespace ${name} is labelled, and never asked about`;
      return [warn('namespaces', sentence, 'Let jobs run in a namespace of their own.')];
    }
    const starts = `the namespace ${name} is enforced, and no pod starts there`;
    if (about.length === 0) {
      const hint = 'Add one, or take the label torwacht.io/enforce off.';
      return [fail('namespaces', `${starts}: no RunnerBinding is about it`, hint)];
    }
    if (about.some(({ spec }) => spec.barrier !== undefined)) return [];
    const hint = 'Add spec.barrier (docs/admission.md).';
    return [fail('namespaces', `${starts}: its RunnerBinding has no barrier`, hint)];
  });
}

export function bindingsWithoutLabel(facts: ClusterFacts): readonly Finding[] {
  const { namespaces, standing } = facts;
  if (namespaces === null || standing === null) return [];
  const names = [...new Set(standing.bindings.flatMap(namespacesOf))];
  const findings = names.flatMap((name) => {
    const found = namespaces.find((one) => one.name === name);
    if (found === undefined) {
      const sentence = `a RunnerBinding is about the namespace ${name}, which does not exist`;
      return [warn('namespaces', sentence, 'Make it, or take it out of spec.selector.namespaces.')];
    }
    if (found.enforced) return [];
    const sentence = `pods of the namespace ${name} are held, and may start before they are: it has no label`;
    const hint = `kubectl label namespace ${name} torwacht.io/enforce=true, once its runner has the barrier (torwacht runner check).`;
    return [warn('namespaces', sentence, hint)];
  });
  if (findings.length > 0 || names.length === 0 || labelsWithoutBinding(facts).length > 0) {
    return findings;
  }
  const count = plural(names.length, 'namespace');
  return [pass('namespaces', `labels and bindings mean the same ${count}`)];
}
