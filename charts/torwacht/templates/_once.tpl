{{/*
A pod of a hook: the operator's program, for one word, with rights of its own that are there for as long as it is.
(dict "root" $ "word" "check" "args" (list "--admission"))
*/}}
{{- define "torwacht.once.pod" -}}
{{- $root := .root -}}
serviceAccountName: torwacht-{{ .word }}
automountServiceAccountToken: true
enableServiceLinks: false
restartPolicy: Never
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $root.Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "torwacht.tolerations" (list $root "operator") }}
securityContext:
  {{- include "torwacht.nobody.pod" $root | nindent 2 }}
containers:
  - name: {{ .word }}
    {{- include "torwacht.container.image" (list $root "operator") | nindent 4 }}
    args:
      - {{ .word }}
      {{- range .args }}
      - {{ . | quote }}
      {{- end }}
    # What it says is what Helm's user reads.
    terminationMessagePolicy: FallbackToLogsOnError
    resources:
      requests:
        cpu: 50m
        memory: 64Mi
      limits:
        memory: 384Mi
    securityContext:
      {{- include "torwacht.nobody.container" $root | nindent 6 }}
{{- end }}

{{/* Annotations of a hook's objects: rights come before what needs them. (list "test" -1) */}}
{{- define "torwacht.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
{{- end }}

{{/* Service account, ClusterRole and binding of one word. (dict "root" $ "word" "check" "hook" "test" "rules" "…") */}}
{{- define "torwacht.once.rights" -}}
{{- $name := printf "torwacht-%s" .word -}}
{{- $namespace := .root.Release.Namespace | quote -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "torwacht.labels" .root | nindent 4 }}
  annotations:
    {{- include "torwacht.hook" (list .hook -2) | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "torwacht.labels" .root | nindent 4 }}
  annotations:
    {{- include "torwacht.hook" (list .hook -2) | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "torwacht.labels" .root | nindent 4 }}
  annotations:
    {{- include "torwacht.hook" (list .hook -1) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ $namespace }}
{{- end }}

{{/* What its program asks the API server for. */}}
{{- define "torwacht.check.rules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
- apiGroups: [torwacht.io]
  resources: [nodeagents]
  verbs: [list]
{{- end }}

{{/* What its program asks the API server for. */}}
{{- define "torwacht.uninstall.rules" -}}
- apiGroups: [torwacht.io]
  resources: [runnerbindings]
  verbs: [list]
- apiGroups: [torwacht.io]
  resources: [nodeagents, policybundles]
  verbs: [list, delete]
- apiGroups: [torwacht.io]
  resources: [nodeagents]
  verbs: [patch]
- apiGroups: [openreports.io]
  resources: [reports]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [{{ .Release.Namespace | quote }}]
  verbs: [get]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [torwacht-pods, torwacht-objects]
  verbs: [delete]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [torwacht-inject]
  verbs: [delete]
{{- end }}
