/** Puts an image into the cluster's containerd, where the kubelet finds it. */
import { type Lasting, onNode } from './node/node.ts';
import { run } from './run.ts';

/** @param archive as `docker save` writes it */
export async function loadImage(node: Lasting, archive: string): Promise<void> {
  // The node does not see all folders of the host: the archive comes by standard input.
  const line = onNode(node, 'ctr', ['--namespace=k8s.io', 'images', 'import', '-']);
  const [command = '', ...args] = line;
  await run(command, args, archive);
}
