{{/* Labels of every object. */}}
{{- define "torwacht.labels" -}}
app.kubernetes.io/part-of: torwacht
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of a component's pods; of these only the name selects. (list $ "agent") */}}
{{- define "torwacht.podLabels" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
app.kubernetes.io/name: torwacht-{{ $name }}
app.kubernetes.io/part-of: torwacht
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with (index $root.Values $name).pod.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The reference of an image: by digest where there is one. (list $ "agent") */}}
{{- define "torwacht.image" -}}
{{- $root := index . 0 -}}
{{- $image := (index $root.Values (index . 1)).image -}}
{{- with $root.Values.image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* `image` and its policy, of a container. (list $ "agent") */}}
{{- define "torwacht.container.image" -}}
image: {{ include "torwacht.image" . | quote }}
{{- with (index . 0).Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{/* Where pods go, and what they come before. (list $ "agent") */}}
{{- define "torwacht.placement" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $values := index $root.Values $name -}}
{{- $own := ternary "torwacht-node" "torwacht-cluster" (eq $name "agent") -}}
{{- with ternary $own $values.priorityClassName $root.Values.priorityClasses.create }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "torwacht.tolerations" . }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The operator puts up with the taint that it takes off: where every node has it, somebody must be first. */}}
{{- define "torwacht.tolerations" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- $all := $values.tolerations -}}
{{- with and (eq (index . 1) "operator") $values.startupTaint }}
{{- $all = append $all (dict "key" . "operator" "Exists") }}
{{- end }}
{{- with $all }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Where authorities of one's own are: variable, mount and volume of whoever calls others than the API server. With
`--reuse-values` of a chart before it, there is no such value.
*/}}
{{- define "torwacht.privateCA.wanted" -}}
{{- with .Values.privateCA }}
{{- if or .configMap .secret }}true{{ end }}
{{- end }}
{{- end }}
{{- define "torwacht.privateCA.env" -}}
- name: TORWACHT_CA
  value: /etc/torwacht/ca/ca.crt
{{- end }}
{{- define "torwacht.privateCA.mount" -}}
- name: ca
  mountPath: /etc/torwacht/ca
  readOnly: true
{{- end }}
{{- define "torwacht.privateCA.volume" -}}
{{- $values := .Values.privateCA -}}
- name: ca
  {{- if $values.secret }}
  secret:
    secretName: {{ $values.secret }}
  {{- else }}
  configMap:
    name: {{ $values.configMap }}
  {{- end }}
    items:
      - key: {{ $values.key }}
        path: ca.crt
{{- end }}

{{/* Spreads replicas over what a label of nodes tells apart. (list "operator" "kubernetes.io/hostname") */}}
{{- define "torwacht.spread" -}}
- maxSkew: 1
  topologyKey: {{ index . 1 }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: torwacht-{{ index . 0 }}
{{- end }}

{{/* Security contexts of what needs no rights on its node. */}}
{{- define "torwacht.nobody.pod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "torwacht.nobody.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Not empty where something asks for the webhook. */}}
{{- define "torwacht.webhook.wanted" -}}
{{- with .Values.admission }}
{{- if or (has .pods (list "webhook" "both")) .objects .inject }}true{{ end }}
{{- end }}
{{- end }}

{{/* Not empty where cert-manager makes its certificate. */}}
{{- define "torwacht.certManager" -}}
{{- if and (eq .Values.certificates.source "cert-manager") (include "torwacht.webhook.wanted" .) }}true{{ end }}
{{- end }}

{{- define "torwacht.webhook.annotations" -}}
{{- if include "torwacht.certManager" . -}}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/torwacht-webhook
{{- end }}
{{- end }}

{{- define "torwacht.crds.annotations" -}}
{{- if .Values.crds.keep -}}
helm.sh/resource-policy: keep
{{- end }}
{{- end }}

{{/* As `--node-selector` of the operator. */}}
{{- define "torwacht.nodeSelector" -}}
{{- $terms := list -}}
{{- range $key, $value := .Values.agent.nodeSelector }}
{{- $terms = append $terms (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $terms }}
{{- end }}
