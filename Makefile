# Torwacht: build and test. `make help` lists what there is; a bare `make` builds.
#
# Node.js comes from node_modules (scripts/setup.sh puts it there), never from the host.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

MACHINE := $(shell uname -m)
BPF_ARCH := $(or $(patsubst aarch64,arm64,$(filter aarch64,$(MACHINE))),x86)
NODE_ARCH := $(or $(patsubst aarch64,arm64,$(filter aarch64,$(MACHINE))),x64)
NODE := node_modules/.bin/node
NODE_HEADERS := node_modules/node-linux-$(NODE_ARCH)/include/node

# Another machine's system, unpacked: MACHINE=aarch64 with its compilers builds for that (scripts/images/foreign.ts).
SYSROOT ?=

CLANG ?= clang
LLVM_STRIP ?= llvm-strip
ifeq ($(origin CC),default)
CC := gcc
endif

# Programs of tests and benches are built beside ours.
BPF_SOURCES := $(wildcard bpf/*.bpf.c bench/*.bpf.c test/kernel/*.bpf.c test/kernels/*.bpf.c)
BPF_OBJECTS := $(patsubst %.bpf.c,build/bpf/%.bpf.o,$(notdir $(BPF_SOURCES)))
ADDON_SOURCES := $(wildcard bpf/addon/*.c)
ADDON_OBJECTS := $(patsubst bpf/addon/%.c,build/addon/%.o,$(ADDON_SOURCES))
ASAN_OBJECTS := $(patsubst bpf/addon/%.c,build/asan/%.o,$(ADDON_SOURCES))
NATIVE_OBJECTS := $(patsubst test/native/%.c,build/native/%.o,$(wildcard test/native/*.c))
BUNDLED := $(shell find api policy dns kube delivery bpf agent webhook operator cli -type f \
	\( -name '*.ts' -o -name '*.json' \) ! -name '*.test.ts')

# What is built says nothing of the folder that it was built in: the same sources give the same bytes.
ANYWHERE := -ffile-prefix-map=$(CURDIR)=. $(if $(SYSROOT),-ffile-prefix-map=$(SYSROOT)=)
# mcpu=v2: what every kernel from our floor on understands.
BPF_CFLAGS := $(ANYWHERE) -O2 -g -target bpf -mcpu=v2 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror \
	-I$(SYSROOT)/usr/include/$(MACHINE)-linux-gnu -Ibpf
# node_api.h is not ours to warn about. libbpf and the rest are linked dynamically: the static
# archives of Debian and Ubuntu are not position independent.
ADDON_CFLAGS := $(ANYWHERE) -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra -Werror \
	-isystem $(NODE_HEADERS) -Ibpf
# The barrier is one static file in an empty image. musl because glibc makes it thirty times as large.
MUSL_CC ?= musl-gcc
BARRIER_SOURCES := $(wildcard barrier/*.c)
BARRIER_CFLAGS := $(ANYWHERE) -std=gnu11 -Os -ffunction-sections -fdata-sections -fstack-protector-strong \
	-Wall -Wextra -Wshadow -Wconversion -Werror
BARRIER_LDFLAGS := -static -s -Wl,--gc-sections,-z,noexecstack,-z,relro
PARENT_SOURCES := $(wildcard agent/parent/*.c)
ADDON_LDFLAGS := -shared -Wl,-z,relro,-z,now -Wl,--as-needed
ADDON_LIBS := -lbpf -lseccomp -lelf -lz
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# The engine's C for this host: our stand-in for libbpf's headers comes before them.
NATIVE_CFLAGS := -std=gnu11 -g -Wall -Wextra -Werror -isystem $(NODE_HEADERS) \
	-Itest/native/shim -Itest/native -Itest/kernel

FUZZ_CFLAGS = $(NATIVE_CFLAGS) -I$(FUZZ_BPF) -O1 $(SANITIZE) -fsanitize=fuzzer
FUZZ_SECONDS ?= 60
# Tests plant faults in a copy of bpf/ and build a fuzzer of that.
FUZZ_BPF ?= bpf
FUZZER ?= build/fuzz/packet

# `make V=1` shows the commands themselves.
Q := $(if $(V),,@)
step = @printf '  %-7s %s\n' $(1) $(2)

# Every target with a help text is a word and no file.
.PHONY: $(shell awk -F: '/^[a-z][a-z0-9-]*:.*\#\# / { print $$1 }' $(firstword $(MAKEFILE_LIST)))
.PHONY: setup-cluster setup-images setup-kernels

all: bpf addon bundle barrier parent ## Build everything: eBPF objects, addon, bundle, barrier, parent (what a bare `make` does)

setup: ## Install what is missing on this host (apt, npm ci); quick when nothing is
	@scripts/setup.sh

# ---- build --------------------------------------------------------------------------------------
# `| setup`: every build looks first whether the host has what it needs, and never rebuilds for it.

bpf: $(BPF_OBJECTS) ## Build the eBPF objects

vpath %.bpf.c bpf bench test/kernel test/kernels

build/bpf/%.bpf.o: %.bpf.c Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,clang,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF build/bpf/$*.bpf.d -MT $@ -c $< -o $@.tmp
	$(Q)$(LLVM_STRIP) -g $@.tmp
	$(Q)mv $@.tmp $@

addon: build/torwacht.node ## Build the native addon

build/torwacht.node: $(ADDON_OBJECTS)
	$(call step,link,$@)
	$(Q)$(CC) $(ADDON_LDFLAGS) -o $@.tmp $^ $(ADDON_LIBS)
	$(Q)mv $@.tmp $@

build/addon/%.o: bpf/addon/%.c Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,$(notdir $(CC)),$<)
	$(Q)$(CC) $(ADDON_CFLAGS) -MMD -MP -c $< -o $@

asan: build/asan/torwacht.node ## Build the addon with address and undefined-behaviour sanitizers

build/asan/torwacht.node: $(ASAN_OBJECTS)
	$(call step,link,$@)
	$(Q)$(CC) $(ADDON_LDFLAGS) $(SANITIZE) -o $@.tmp $^ $(ADDON_LIBS)
	$(Q)mv $@.tmp $@

build/asan/%.o: bpf/addon/%.c Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,$(notdir $(CC)),$<)
	$(Q)$(CC) $(ADDON_CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@

native: build/native/verdict.node ## Build the verdict for this host, which the differential test compares

build/native/verdict.node: $(NATIVE_OBJECTS) build/addon/values.o
	$(call step,link,$@)
	$(Q)$(CC) -shared -o $@.tmp $^
	$(Q)mv $@.tmp $@

build/native/%.o: test/native/%.c Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,$(notdir $(CC)),$<)
	$(Q)$(CC) $(NATIVE_CFLAGS) -Ibpf -O2 -fPIC -fvisibility=hidden -Ibpf/addon -MMD -MP -c $< -o $@

# libFuzzer is clang's. Nothing is kept of a run but what it found, in build/fuzz.
$(FUZZER): test/native/fuzz/fuzz.c test/native/maps.c test/native/packet.c \
		$(wildcard test/native/*.[ch] test/native/fuzz/*.h test/native/shim/bpf/*.h test/kernel/*.h) \
		test/kernel/verdict.bpf.c $(wildcard $(FUZZ_BPF)/*.h $(FUZZ_BPF)/hooks/*.c) Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,clang,$<)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -o $@.tmp $(filter %fuzz.c %/maps.c %/packet.c,$(filter test/native/%,$^))
	$(Q)mv $@.tmp $@

# The first start fills V8's compile cache, so that no user pays for it.
bundle: build/torwacht.mjs build/torwacht-agent.mjs build/torwacht-operator.mjs build/torwacht-webhook.mjs ## Build the bundles that the programs in bin run

build/torwacht.mjs: $(BUNDLED) scripts/bundle.ts package-lock.json | setup
	$(Q)mkdir -p $(@D)
	$(call step,bundle,$@)
	$(Q)$(NODE) scripts/bundle.ts $@
	$(Q)bin/torwacht --version >/dev/null

barrier: build/barrier ## Build the barrier, the first init container of a job's pod

build/barrier: $(BARRIER_SOURCES) $(wildcard barrier/*.h) Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,musl,$@)
	$(Q)$(MUSL_CC) $(BARRIER_CFLAGS) -o $@.tmp $(BARRIER_SOURCES) $(BARRIER_LDFLAGS)
	$(Q)mv $@.tmp $@

parent: build/torwacht-parent ## Build the agent's parent, which restarts it and keeps its sockets

build/torwacht-parent: $(PARENT_SOURCES) $(wildcard agent/parent/*.h) Makefile | setup
	$(Q)mkdir -p $(@D)
	$(call step,musl,$@)
	$(Q)$(MUSL_CC) $(BARRIER_CFLAGS) -o $@.tmp $(PARENT_SOURCES) $(BARRIER_LDFLAGS)
	$(Q)mv $@.tmp $@

build/torwacht-agent.mjs: $(BUNDLED) scripts/bundle.ts package-lock.json | setup
	$(Q)mkdir -p $(@D)
	$(call step,bundle,$@)
	$(Q)$(NODE) scripts/bundle.ts $@ agent/daemon/main.ts

build/torwacht-operator.mjs: $(BUNDLED) scripts/bundle.ts package-lock.json | setup
	$(Q)mkdir -p $(@D)
	$(call step,bundle,$@)
	$(Q)$(NODE) scripts/bundle.ts $@ operator/main.ts

build/torwacht-webhook.mjs: $(BUNDLED) scripts/bundle.ts package-lock.json | setup
	$(Q)mkdir -p $(@D)
	$(call step,bundle,$@)
	$(Q)$(NODE) scripts/bundle.ts $@ webhook/main.ts

-include $(BPF_OBJECTS:.o=.d) $(ADDON_OBJECTS:.o=.d) $(ASAN_OBJECTS:.o=.d) \
	$(NATIVE_OBJECTS:.o=.d)

# ---- images -------------------------------------------------------------------------------------

setup-images: setup
	@scripts/setup.sh --images

images: all setup-images ## Build the images of agent, operator, webhook and barrier, each with its SBOM, into build/images
	@$(NODE) scripts/images/write.ts

images-check: addon setup-images ## Build them twice from nothing, for arm64 too; one table of sizes, digests, SBOMs, users
	@$(NODE) scripts/images/check.ts

# ---- test cluster -------------------------------------------------------------------------------
# Kubernetes is built from its Go modules: minutes the first time, nothing when nothing has changed.

setup-cluster: setup
	@scripts/setup.sh --cluster

cluster: build/cluster/kube build/cluster/coredns ## Build the programs of the test cluster

KUBERNETES := $(shell sed -n 's,^.*k8s.io/kubernetes v,,p' test/cluster/kubernetes/go.mod)
KUBERNETES_FLAGS := -X k8s.io/component-base/version.gitVersion=v$(KUBERNETES) \
	-X k8s.io/component-base/version.gitMajor=$(word 1,$(subst ., ,$(KUBERNETES))) \
	-X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(KUBERNETES))) \
	-X k8s.io/client-go/pkg/version.gitVersion=v$(KUBERNETES)

build/cluster/kube: $(addprefix test/cluster/kubernetes/,main.go go.mod go.sum) | setup-cluster
	$(Q)mkdir -p build/cluster/bin
	$(call step,go,'$@ (Kubernetes $(KUBERNETES); about six minutes the first time)')
	$(Q)CGO_ENABLED=0 scripts/go.sh build -C $(<D) -trimpath -ldflags '-s -w $(KUBERNETES_FLAGS)' \
		-o $(CURDIR)/$@ .
	$(Q)ln -sfn ../kube build/cluster/bin/kubectl

build/cluster/coredns: $(addprefix test/cluster/coredns/,main.go go.mod go.sum) | setup-cluster
	$(Q)mkdir -p $(@D)
	$(call step,go,$@)
	$(Q)CGO_ENABLED=0 scripts/go.sh build -C $(<D) -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ .

build/cluster/network-policies: $(addprefix test/cluster/network-policies/,main.go go.mod go.sum) | setup-cluster
	$(Q)mkdir -p $(@D)
	$(call step,go,$@)
	$(Q)CGO_ENABLED=0 scripts/go.sh build -C $(<D) -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ .

CONTAINERD := github.com/containerd/containerd/v2

build/cluster/containerd: $(addprefix test/cluster/containerd/,go.mod go.sum) | setup-cluster
	$(call step,go,'$@ (containerd 2)')
	$(Q)rm -rf $@ $@.new && mkdir -p $@.new
	$(Q)CGO_ENABLED=0 scripts/go.sh build -C $(<D) -trimpath -ldflags '-s -w' -o $(CURDIR)/$@.new/ \
		$(addprefix $(CONTAINERD)/cmd/,containerd containerd-shim-runc-v2 ctr)
	$(Q)mv -T $@.new $@

containerd: build/cluster/containerd ## Build containerd 2, which the node's runtime is in one suite

network-policies: build/cluster/network-policies ## Build what enforces NetworkPolicies on the test cluster in one test

HELM := $(shell sed -n 's,^.*helm.sh/helm/v4 v,,p' test/chart/helm/go.mod)
HELM_MODULE := helm.sh/helm/v4
# Which Kubernetes a chart is rendered for where none answers.
HELM_FLAGS := -X $(HELM_MODULE)/internal/version.version=v$(HELM) \
	-X $(HELM_MODULE)/pkg/chart/common.k8sVersionMajor=$(word 1,$(subst ., ,$(KUBERNETES))) \
	-X $(HELM_MODULE)/pkg/chart/common.k8sVersionMinor=$(word 2,$(subst ., ,$(KUBERNETES))) \
	-X $(HELM_MODULE)/pkg/chart/v2/lint/rules.k8sVersionMajor=$(word 1,$(subst ., ,$(KUBERNETES))) \
	-X $(HELM_MODULE)/pkg/chart/v2/lint/rules.k8sVersionMinor=$(word 2,$(subst ., ,$(KUBERNETES)))

# Over the same modules as Kubernetes: what is compiled for that is not compiled again.
build/cluster/helm: $(addprefix test/chart/helm/,main.go go.mod go.sum) | setup-cluster
	$(Q)mkdir -p $(@D)
	$(call step,go,'$@ (Helm $(HELM))')
	$(Q)CGO_ENABLED=0 scripts/go.sh build -C $(<D) -trimpath -ldflags '-s -w $(HELM_FLAGS)' \
		-o $(CURDIR)/$@ .

helm: build/cluster/helm ## Build Helm, which the chart is tested with

cluster-up: cluster ## A one-node Kubernetes on this host; CLUSTER=kind for one in an engine of yours
	@$(NODE) test/cluster/up.ts

cluster-down: setup ## Take it away, with all that it made
	@$(NODE) test/cluster/down.ts

# ---- other kernels ------------------------------------------------------------------------------

setup-kernels: setup
	@scripts/setup.sh --kernels

# ---- run ----------------------------------------------------------------------------------------

demo: all ## Install a poisoned package under torwacht run and watch it fail to phone home
	@$(NODE) test/demo/run.ts

test: all asan native $(FUZZER) cluster helm setup-kernels ## Every suite that continuous integration runs
	@$(NODE) test/run.ts

test-full: all asan native $(FUZZER) cluster helm network-policies containerd setup-images setup-kernels ## The same, and what takes longer: a million random cases, kernel tests under sanitizers
	@TORWACHT_KERNELS=all $(NODE) test/run.ts --full

check: all ## The inner loop: types, lint, layers, unit tests
	@$(NODE) test/run.ts --quick types lint layers unit

test-types: setup ## Type check
	@$(NODE) test/run.ts types

test-lint: setup ## Format and lint
	@$(NODE) test/run.ts lint

test-layers: setup ## No import against the layers
	@$(NODE) test/run.ts layers

test-consumer: all cluster ## The agent against a real API server
	@$(NODE) test/run.ts consumer

test-operator: cluster helm ## The operator against a real API server, with simulated agents
	@$(NODE) test/run.ts operator

test-dead: setup ## No unused file, export or dependency
	@$(NODE) test/run.ts dead

test-unit: all ## Tests beside the source
	@$(NODE) test/run.ts unit

test-slow: all ## Tests beside their source that take longer: sandboxes, shells, the addon
	@$(NODE) test/run.ts slow

test-kernel: all native ## Tests against this host's kernel
	@$(NODE) test/run.ts kernel

test-barrier: all ## The barrier, where a job is held and where it is not
	@$(NODE) test/run.ts barrier

test-fake-runner: setup ## The fake GitLab Runner against what is known of the real one
	@$(NODE) test/run.ts fake-runner

test-dns: all ## The resolver against real clients and servers
	@$(NODE) test/run.ts dns

test-e2e: all ## The command from end to end
	@$(NODE) test/run.ts e2e

test-replay: all ## Incidents of 2025 and 2026, played again
	@$(NODE) test/run.ts replay

test-bypass: all ## Ways around an egress filter, tried on the command
	@$(NODE) test/run.ts bypass

test-chart: all cluster helm ## The Helm chart: linted, its values refused or rendered, compared with config/default
	@$(NODE) test/run.ts chart

test-cluster: all cluster helm ## In a real Kubernetes
	@$(NODE) test/run.ts cluster

# Only what stands on the command line: a KUBECONFIG that is exported for something else leads nowhere.
E2E_KUBECONFIG := $(if $(filter command,$(firstword $(origin KUBECONFIG))),$(KUBECONFIG))
E2E_FLAGS = $(if $(E2E_KUBECONFIG),--kubeconfig $(E2E_KUBECONFIG)) $(if $(REGISTRY),--registry $(REGISTRY)) \
	$(if $(VALUES),--values $(VALUES))

e2e: $(if $(E2E_KUBECONFIG),setup,all cluster helm) ## Chainsaw cases on KUBECONFIG=FILE (with REGISTRY= for images), or on the test cluster; CASES= for some
	@$(NODE) test/chainsaw/main.ts $(E2E_FLAGS) $(CASES)

test-chainsaw: all cluster helm ## Every Chainsaw case by our runner, on a test cluster of its own
	@$(NODE) test/run.ts chainsaw

test-apiserver: all cluster ## CRDs, RBAC and the commands that ask a cluster, on a real API server
	@$(NODE) test/run.ts apiserver

test-admission: cluster ## What comes into the cluster, by webhook and by policy, on a real API server
	@$(NODE) test/run.ts admission

test-images: all setup-images ## The images as images-check builds them
	@$(NODE) test/run.ts images

test-nested: all cluster ## Containers of podman in a job
	@$(NODE) test/run.ts nested

test-closed: all cluster helm network-policies ## NetworkPolicies of the chart, enforced, and receivers of a private authority
	@$(NODE) test/run.ts closed

test-containerd: all cluster helm containerd ## What hangs on the runtime, with containerd 2 as the node's
	@$(NODE) test/run.ts containerd

test-upgrade: all cluster helm ## From one version of the chart to another and back, while a job works
	@$(NODE) test/run.ts upgrade

test-race: all cluster ## Not one packet before a pod is held, and nothing left after many
	@$(NODE) test/run.ts race

test-kernels: all native setup-kernels ## On kernels of other Debian suites, in virtual machines: more than make test has
	@TORWACHT_KERNELS=wide $(NODE) test/run.ts kernels

test-planted: all setup-kernels ## A program as it must not be: the check of the floor and the run on 5.10 must both name it
	@$(NODE) test/kernels/planted.ts

test-native: all native $(FUZZER) ## The packet hook under libFuzzer and sanitizers
	@$(NODE) test/run.ts native

test-asan: all asan ## Tests of the addon with sanitizers
	@$(NODE) test/run.ts asan

fuzz: $(FUZZER) ## Fuzz the packet hook for FUZZ_SECONDS (60); what it finds is in build/fuzz
	@cd build/fuzz && mkdir -p corpus && \
		./packet -max_total_time=$(FUZZ_SECONDS) -max_len=1024 -print_final_stats=1 corpus

bench: all ## Measure; prints a table, writes bench/out/latest.json, fails where a figure does not hold
	@$(NODE) bench/run.ts

kernels: setup ## Write docs/kernels.md from the last make test-kernels
	@$(NODE) test/kernels/table.ts
	@$(NODE) node_modules/.bin/biome format --write test/kernels/kept.json

bypasses: setup ## Write docs/bypasses.md from the probes of test/bypass
	@$(NODE) test/bypass/table.ts

generate: setup ## Make config/crd, the chart's kinds, rights and values, and docs/reference.md
	@$(NODE) scripts/generate/write.ts

docs: setup ## Make a site of the documentation in build/site; REPOSITORY=URL for links to what is no page
	@$(NODE) scripts/site/write.ts build/site $(REPOSITORY)

proto: setup ## Make the code of gRPC messages from their .proto files
	@scripts/generate-proto.sh agent/containerd/proto agent/containerd/gen
	@scripts/generate-proto.sh api/proto api/gen

fix: setup ## Format, and repair what lint can repair
	@$(NODE) node_modules/.bin/biome check --write

clean: ## Remove what was built
	rm -rf build dist bench/out

help: ## This list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
