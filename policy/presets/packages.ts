/** Presets for the package registries of languages and distributions. */
import { type Preset, webPorts } from './preset.ts';

export const packagePresets: readonly Preset[] = [
  {
    name: 'npm',
    description: 'The public npm registry',
    rules: [{ fqdn: ['registry.npmjs.org'] }],
    source: 'https://docs.npmjs.com/cli/using-npm/registry',
    caveat:
      'Served from addresses that its CDN shares with other customers. The registry also takes ' +
      'publishes from whoever holds a token.',
  },
  {
    name: 'npm-extras',
    description: 'Yarn 1, node-gyp headers and prebuilt binaries from GitHub releases',
    rules: [
      {
        fqdn: [
          'registry.yarnpkg.com',
          'nodejs.org',
          'github.com',
          'codeload.github.com',
          'release-assets.githubusercontent.com',
        ],
      },
    ],
    source: 'https://github.com/nodejs/node-gyp#readme',
    caveat: 'GitHub is a common way out for stolen data: prefer to build without it.',
  },
  {
    name: 'pypi',
    description: 'The Python Package Index',
    rules: [{ fqdn: ['pypi.org', 'files.pythonhosted.org'] }],
    source: 'https://docs.pypi.org/',
    caveat: 'Served from addresses that its CDN shares with other customers.',
  },
  {
    name: 'debian',
    description: 'Debian packages and security updates',
    rules: [{ fqdn: ['deb.debian.org', 'security.debian.org'], ports: webPorts }],
    source: 'https://deb.debian.org/',
    caveat: 'Port 80 too, because images ship http sources. Packages are signed, requests are not.',
  },
  {
    name: 'ubuntu',
    description: 'Ubuntu packages and security updates',
    rules: [{ fqdn: ['archive.ubuntu.com', 'security.ubuntu.com'], ports: webPorts }],
    source: 'https://help.ubuntu.com/community/Repositories/CommandLine',
    caveat: 'Port 80 too, because images ship http sources. Country mirrors are not included.',
  },
  {
    name: 'alpine',
    description: 'Alpine packages',
    rules: [{ fqdn: ['dl-cdn.alpinelinux.org'] }],
    source: 'https://wiki.alpinelinux.org/wiki/Repositories',
    caveat: 'HTTPS only; images older than 3.17 may need their repositories file changed.',
  },
  {
    name: 'go',
    description: 'Go modules: the default proxy and checksum database',
    rules: [{ fqdn: ['proxy.golang.org', 'sum.golang.org', 'storage.googleapis.com'] }],
    source: 'https://proxy.golang.org/',
    caveat:
      'storage.googleapis.com, where the proxy redirects for large modules, serves every bucket of ' +
      'Google Cloud Storage, those of attackers too.',
  },
  {
    name: 'go-toolchain',
    description: 'Downloads of Go toolchains',
    rules: [{ fqdn: ['go.dev', 'dl.google.com'] }],
    source: 'https://go.dev/dl/',
    caveat: 'Not needed where GOTOOLCHAIN=local is set.',
  },
  {
    name: 'maven',
    description: 'Maven Central',
    rules: [{ fqdn: ['repo.maven.apache.org', 'repo1.maven.org'] }],
    source: 'https://central.sonatype.org/',
    caveat: '',
  },
  {
    name: 'gradle',
    description: 'The Gradle plugin portal and distributions',
    rules: [
      { fqdn: ['plugins.gradle.org', 'plugins-artifacts.gradle.org', 'services.gradle.org'] },
    ],
    source: 'https://docs.gradle.org/current/userguide/plugins.html',
    caveat:
      'Dependencies come from Maven Central: add the preset maven. Distributions may redirect to ' +
      'GitHub releases.',
  },
  {
    name: 'rust',
    description: 'crates.io and Rust toolchains',
    rules: [{ fqdn: ['index.crates.io', 'static.crates.io', 'crates.io', 'static.rust-lang.org'] }],
    source: 'https://doc.rust-lang.org/cargo/reference/registries.html',
    caveat: 'crates.io itself takes publishes from whoever holds a token.',
  },
  {
    name: 'ruby',
    description: 'RubyGems',
    rules: [{ fqdn: ['rubygems.org', 'index.rubygems.org'] }],
    source: 'https://guides.rubygems.org/',
    caveat: 'rubygems.org takes publishes from whoever holds a token.',
  },
  {
    name: 'nuget',
    description: 'The NuGet gallery',
    rules: [{ fqdn: ['api.nuget.org'] }],
    source: 'https://learn.microsoft.com/nuget/api/overview',
    caveat: '',
  },
  {
    name: 'composer',
    description: 'Packagist, and the GitHub archives that its packages point to',
    rules: [{ fqdn: ['repo.packagist.org', 'packagist.org', 'github.com', 'codeload.github.com'] }],
    source: 'https://getcomposer.org/doc/05-repositories.md',
    caveat: 'GitHub is a common way out for stolen data.',
  },
  {
    name: 'terraform',
    description: 'The Terraform registry and HashiCorp releases',
    rules: [{ fqdn: ['registry.terraform.io', 'releases.hashicorp.com'] }],
    source: 'https://developer.hashicorp.com/terraform/registry',
    caveat:
      'Providers of third parties come from GitHub releases: add github-read if you need them.',
  },
];
