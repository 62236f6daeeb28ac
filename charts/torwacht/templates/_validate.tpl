{{/* What no schema can say; all of it is told at once. */}}
{{- define "torwacht.validate" -}}
{{- $wrong := list -}}
{{- $values := .Values -}}
{{- if has .Release.Namespace (list "default" "kube-system" "kube-public" "kube-node-lease") }}
{{- $wrong = append $wrong (printf "the namespace %s is not for Torwacht: agents need a privileged one, in which no job runs. Use --namespace torwacht --create-namespace." .Release.Namespace) }}
{{- end }}
{{- range list "agent" "operator" "webhook" "barrier" }}
{{- $digest := (index $values .).image.digest }}
{{- if and $digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $digest)) }}
{{- $wrong = append $wrong (printf "%s.image.digest is %q. Write sha256: and 64 hexadecimal digits, as the registry shows it, or leave it empty to use the tag." . $digest) }}
{{- end }}
{{- if regexMatch "[:@]" (index $values .).image.repository }}
{{- $wrong = append $wrong (printf "%s.image.repository is a name alone. Put the registry into image.registry, the tag into %s.image.tag, a digest into %s.image.digest." . . .) }}
{{- end }}
{{- end }}
{{- if regexMatch "(^[a-z]+://|/$)" $values.image.registry }}
{{- $wrong = append $wrong (printf "image.registry is %q. Write HOST[:PORT][/PATH], without https:// before and without / behind." $values.image.registry) }}
{{- end }}
{{- if not (regexMatch "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$" $values.agent.listenAddress) }}
{{- $wrong = append $wrong (printf "agent.listenAddress is %q. Write an IPv4 address of the nodes: 127.0.0.1 or 0.0.0.0." $values.agent.listenAddress) }}
{{- end }}
{{- if and $values.monitoring.create (hasPrefix "127." $values.agent.listenAddress) }}
{{- $wrong = append $wrong "monitoring.create lets Prometheus ask agents, and they answer on the node alone. Set agent.listenAddress=0.0.0.0 too." }}
{{- end }}
{{- if not (hasPrefix "/" $values.agent.containerdFolder) }}
{{- $wrong = append $wrong (printf "agent.containerdFolder is %q. Write the whole path of a folder of the node." $values.agent.containerdFolder) }}
{{- end }}
{{- if and (eq $values.admission.pods "none") $values.admission.inject }}
{{- $wrong = append $wrong "admission.inject puts a barrier in, and admission.pods=none lets pods in without one. Set admission.pods to webhook, policy or both." }}
{{- end }}
{{- range $values.agent.outputs }}
{{- if not (regexMatch "^(stdout(,name=\\S+)?|(webhook|otlp):\\S+)$" .) }}
{{- $wrong = append $wrong (printf "agent.outputs has %q. Write stdout, webhook:URL or otlp:URL; rows go to the operator in any case." .) }}
{{- end }}
{{- end }}
{{- if and $values.agent.outputsSecret (not (contains "/etc/torwacht/outputs/" (join " " $values.agent.outputs))) }}
{{- $wrong = append $wrong "agent.outputsSecret is for outputs, and none of agent.outputs names a file below /etc/torwacht/outputs. Name one, or leave it away." }}
{{- end }}
{{- with $values.privateCA }}
{{- if and .configMap .secret }}
{{- $wrong = append $wrong "privateCA is in a ConfigMap or in a Secret, not in both. Leave privateCA.configMap or privateCA.secret away." }}
{{- end }}
{{- if not .key }}
{{- $wrong = append $wrong "privateCA.key is empty. Write which key holds the certificates: ca.crt." }}
{{- end }}
{{- end }}
{{- with $values.operator.startupTaint }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$" .) }}
{{- $wrong = append $wrong (printf "operator.startupTaint is %q. Write the key of a taint alone, with a prefix: torwacht.io/agent-not-ready." .) }}
{{- else if and (regexMatch "^([^/]*\\.)?(kubernetes|k8s)\\.io/" .) (not (regexMatch "^(startup|ignore)-taint\\.cluster-autoscaler\\.kubernetes\\.io/" .)) }}
{{- $wrong = append $wrong (printf "operator.startupTaint is %q, a taint of Kubernetes itself. Write one of your own: torwacht.io/agent-not-ready." .) }}
{{- end }}
{{- end }}
{{- $history := $values.operator.history }}
{{- if and (eq $history.place "volume") (gt (int $values.operator.replicas) 1) }}
{{- $wrong = append $wrong "operator.history.place=volume is for one replica: a volume is of one node. Set operator.replicas=1, or operator.history.place=postgres." }}
{{- end }}
{{- if and (eq $history.place "postgres") (not $history.postgres.secret) }}
{{- $wrong = append $wrong "operator.history.place=postgres needs a Secret with the URL. Name it in operator.history.postgres.secret." }}
{{- end }}
{{- if and (ne $history.place "postgres") $history.postgres.secret }}
{{- $wrong = append $wrong "operator.history.postgres is for operator.history.place=postgres. Set that, or leave the Secret away." }}
{{- end }}
{{- if and (ne $history.place "volume") (or $history.volume.claim $history.volume.storageClass) }}
{{- $wrong = append $wrong "operator.history.volume is for operator.history.place=volume. Set that, or leave claim and storageClass away." }}
{{- end }}
{{- if and (eq $history.place "postgres") $values.networkPolicy.create (not $values.networkPolicy.operatorTo) }}
{{- $wrong = append $wrong "networkPolicy.create keeps the operator from its PostgreSQL. Let it out there with networkPolicy.operatorTo." }}
{{- end }}
{{- if and $values.certificates.issuer.name (eq $values.certificates.source "own") }}
{{- $wrong = append $wrong "certificates.issuer is for cert-manager. Set certificates.source=cert-manager, or leave the issuer away." }}
{{- end }}
{{- with $wrong }}
{{- fail (printf "these values cannot be used:\n  - %s" (join "\n  - " .)) }}
{{- end }}
{{- end }}
