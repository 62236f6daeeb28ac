{{/* What GitLab Runner is told: docs/barrier.md has the reasons. */}}
{{- define "torwacht.runnerPatch" -}}
[runners.feature_flags]
  FF_USE_ADVANCED_POD_SPEC_CONFIGURATION = true

[[runners.kubernetes.pod_spec]]
  name = "torwacht-barrier"
  patch_type = "strategic"
  patch = '''
    securityContext:
      seccompProfile:
        type: RuntimeDefault
    initContainers:
      - name: torwacht-barrier
        image: {{ include "torwacht.image" (list $ "barrier") }}
        securityContext:
          runAsNonRoot: true
          runAsUser: 65532
          runAsGroup: 65532
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: ["ALL"]
          seccompProfile:
            type: RuntimeDefault
  '''
{{- end }}
