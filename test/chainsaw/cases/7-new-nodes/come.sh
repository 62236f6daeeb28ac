# Lets the agent onto the new node.
affinity=$(kubectl get daemonset torwacht-agent --namespace torwacht --output jsonpath='{.spec.template.spec.affinity}')
[ -z "$affinity" ] || exec kubectl patch daemonset torwacht-agent --namespace torwacht --type json \
	--patch '[{"op": "remove", "path": "/spec/template/spec/affinity"}]'
