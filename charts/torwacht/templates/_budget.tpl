{{/* One replica at a time. (list $ "operator") */}}
{{- define "torwacht.podDisruptionBudget" }}
{{- $name := printf "torwacht-%s" (index . 1) }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ (index . 0).Release.Namespace | quote }}
  labels:
    app.kubernetes.io/name: {{ $name }}
    {{- include "torwacht.labels" (index . 0) | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ $name }}
{{- end }}
