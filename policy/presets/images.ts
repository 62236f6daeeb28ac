/** Presets for container images, GitHub and signing. Image pulls of a pod itself are the kubelet's. */
import type { Preset } from './preset.ts';

export const imagePresets: readonly Preset[] = [
  {
    name: 'dockerhub',
    description: 'Docker Hub, for jobs that build or push images',
    rules: [
      {
        fqdn: [
          'registry-1.docker.io',
          'auth.docker.io',
          'production.cloudflare.docker.com',
          'production.cloudfront.docker.com',
          'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
        ],
      },
    ],
    source: 'https://docs.docker.com/desktop/setup/allow-list/',
    caveat: 'Takes pushes from whoever holds a token.',
  },
  {
    name: 'ghcr',
    description: 'GitHub container registry',
    rules: [{ fqdn: ['ghcr.io', 'pkg-containers.githubusercontent.com'] }],
    source: 'https://docs.github.com/actions/reference/runners/self-hosted-runners',
    caveat: 'Takes pushes from whoever holds a token.',
  },
  {
    name: 'github-read',
    description: 'Clone and download from GitHub, without its API',
    rules: [
      {
        fqdn: [
          'github.com',
          'codeload.github.com',
          'raw.githubusercontent.com',
          'objects.githubusercontent.com',
          'release-assets.githubusercontent.com',
        ],
      },
    ],
    source: 'https://docs.github.com/actions/reference/runners/self-hosted-runners',
    caveat:
      'api.github.com is left out, for most worms of 2025 and 2026 sent what they stole there. ' +
      'git push to github.com still works for whoever holds a token.',
  },
  {
    name: 'quay',
    description: 'Quay.io container registry',
    rules: [
      {
        fqdn: [
          'quay.io',
          'cdn.quay.io',
          'cdn01.quay.io',
          'cdn02.quay.io',
          'cdn03.quay.io',
          'cdn04.quay.io',
          'cdn05.quay.io',
          'cdn06.quay.io',
        ],
      },
    ],
    source:
      'https://docs.openshift.com/container-platform/latest/installing/install_config/configuring-firewall.html',
    caveat: 'The numbers of the CDN hosts grow from time to time; the list may lag behind.',
  },
  {
    name: 'gcr',
    description: 'Google container registry',
    rules: [{ fqdn: ['gcr.io'] }],
    source: 'https://cloud.google.com/artifact-registry/docs',
    caveat: 'Layers may redirect to storage.googleapis.com, which is left out: it is every bucket.',
  },
  {
    name: 'mcr',
    description: 'Microsoft container registry',
    rules: [{ fqdn: ['mcr.microsoft.com', '*.data.mcr.microsoft.com'] }],
    source: 'https://github.com/microsoft/containerregistry',
    caveat: '',
  },
  {
    name: 'k8s',
    description: 'Kubernetes images and binaries',
    rules: [{ fqdn: ['registry.k8s.io', 'dl.k8s.io'] }],
    source: 'https://kubernetes.io/docs/tasks/tools/',
    caveat: 'registry.k8s.io redirects to regional hosts of cloud providers, which are left out.',
  },
  {
    name: 'sigstore',
    description: 'Signing and verifying with the public Sigstore',
    rules: [{ fqdn: ['fulcio.sigstore.dev', 'rekor.sigstore.dev', 'tuf-repo-cdn.sigstore.dev'] }],
    source: 'https://docs.sigstore.dev/',
    caveat: 'rekor is a public log: whatever is written there can be read by everyone.',
  },
];
