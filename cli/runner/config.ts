/** `torwacht runner config`: what to tell GitLab Runner, so that its jobs are held. */
import type { Io } from '../policy/io.ts';
import { type BindingFlags, findBinding } from './binding.ts';
import { configText, type Target } from './config-text.ts';
import { settingsOf } from './settings.ts';

/** As commander gives them. */
export interface ConfigFlags extends BindingFlags {
  readonly for: Target;
  readonly image?: string;
  readonly json?: boolean;
}

/** @throws TW_RUNNER_*, TW_POLICY_*, TW_KUBE_* */
export async function showConfig(flags: ConfigFlags, io: Io): Promise<void> {
  const settings = settingsOf(await findBinding(flags), flags);
  const config = configText(settings, flags.for);
  const told = flags.json ? `${JSON.stringify({ ...settings, config }, null, 2)}\n` : config;
  io.stdout.write(told);
}
