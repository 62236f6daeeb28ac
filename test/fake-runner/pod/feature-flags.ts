/** Feature flags of GitLab Runner 17.9 with their defaults, in the order in which a container gets them. */
import { type Job, type Runner, variableOf } from '../job.ts';

export const featureFlags: Readonly<Record<string, boolean>> = {
  FF_TEST_FEATURE: false,
  FF_NETWORK_PER_BUILD: false,
  FF_USE_LEGACY_KUBERNETES_EXECUTION_STRATEGY: false,
  FF_USE_DIRECT_DOWNLOAD: true,
  FF_SKIP_NOOP_BUILD_STAGES: true,
  FF_USE_FASTZIP: false,
  FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR: false,
  FF_ENABLE_BASH_EXIT_CODE_CHECK: false,
  FF_USE_WINDOWS_LEGACY_PROCESS_STRATEGY: false,
  FF_USE_NEW_BASH_EVAL_STRATEGY: false,
  FF_USE_POWERSHELL_PATH_RESOLVER: false,
  FF_USE_DYNAMIC_TRACE_FORCE_SEND_INTERVAL: false,
  FF_SCRIPT_SECTIONS: false,
  FF_ENABLE_JOB_CLEANUP: false,
  FF_KUBERNETES_HONOR_ENTRYPOINT: false,
  FF_POSIXLY_CORRECT_ESCAPES: false,
  FF_RESOLVE_FULL_TLS_CHAIN: false,
  FF_DISABLE_POWERSHELL_STDIN: false,
  FF_USE_POD_ACTIVE_DEADLINE_SECONDS: true,
  FF_USE_ADVANCED_POD_SPEC_CONFIGURATION: false,
  FF_SET_PERMISSIONS_BEFORE_CLEANUP: true,
  FF_SECRET_RESOLVING_FAILS_IF_MISSING: true,
  FF_RETRIEVE_POD_WARNING_EVENTS: true,
  FF_PRINT_POD_EVENTS: false,
  FF_USE_GIT_BUNDLE_URIS: true,
  FF_USE_DUMB_INIT_WITH_KUBERNETES_EXECUTOR: false,
  FF_USE_INIT_WITH_DOCKER_EXECUTOR: false,
  FF_LOG_IMAGES_CONFIGURED_FOR_JOB: false,
  FF_USE_DOCKER_AUTOSCALER_DIAL_STDIO: true,
  FF_CLEAN_UP_FAILED_CACHE_EXTRACT: false,
  FF_USE_WINDOWS_JOB_OBJECT: false,
  FF_TIMESTAMPS: false,
  FF_DISABLE_AUTOMATIC_TOKEN_ROTATION: false,
  FF_USE_LEGACY_GCS_CACHE_ADAPTER: false,
  FF_DISABLE_UMASK_FOR_KUBERNETES_EXECUTOR: false,
  FF_USE_LEGACY_S3_CACHE_ADAPTER: false,
  FF_GIT_URLS_WITHOUT_TOKENS: false,
  FF_WAIT_FOR_POD_TO_BE_REACHABLE: false,
  FF_USE_NATIVE_STEPS: false,
  FF_MASK_ALL_DEFAULT_TOKENS: true,
  FF_EXPORT_HIGH_CARDINALITY_METRICS: false,
  FF_USE_FLEETING_ACQUIRE_HEARTBEATS: false,
};

/** These make another pod than the one that is known from the real runner. */
const notImitated = [
  'FF_DISABLE_UMASK_FOR_KUBERNETES_EXECUTOR',
  'FF_USE_DUMB_INIT_WITH_KUBERNETES_EXECUTOR',
  'FF_KUBERNETES_HONOR_ENTRYPOINT',
  'FF_USE_NATIVE_STEPS',
];

/** `[runners.feature_flags]` is final; otherwise a variable of the job decides, its author's too. */
export function isOn(flag: string, job: Job, runner: Runner): boolean {
  const configured = runner.featureFlags[flag];
  if (configured !== undefined) return configured;
  const variable = variableOf(job, flag);
  // strconv.ParseBool of Go.
  if (/^(1|t|true)$/i.test(variable)) return true;
  if (/^(0|f|false)$/i.test(variable)) return false;
  return featureFlags[flag] ?? false;
}

/** @throws Error naming a flag that would make a pod of a shape that is not imitated */
export function refuseUnknownShapes(job: Job, runner: Runner): void {
  const on = notImitated.find((flag) => isOn(flag, job, runner));
  if (on !== undefined) throw new Error(`${on} is on, and this fake runner does not imitate it.`);
}
