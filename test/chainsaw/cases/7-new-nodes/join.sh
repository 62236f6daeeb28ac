# Makes a node as if it had just joined: no agent, nothing said by one, and the taint.
set -e
node=$(kubectl get nodeagents --output jsonpath='{.items[0].metadata.name}')
kubectl label node "$node" e2e.torwacht.io/new=true
kubectl patch daemonset torwacht-agent --namespace torwacht --type json --patch '[{
  "op": "add",
  "path": "/spec/template/spec/affinity",
  "value": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": "e2e.torwacht.io/new", "operator": "DoesNotExist"}]}
  ]}}}
}]'
kubectl wait pod --namespace torwacht --selector app.kubernetes.io/name=torwacht-agent \
	--field-selector "spec.nodeName=$node" --for delete --timeout 60s
kubectl delete nodeagent "$node"
# The operator makes it anew when it has seen that it went.
until kubectl get nodeagent "$node" --output name; do sleep 0.2; done 2>/dev/null
kubectl taint node "$node" torwacht.io/agent-not-ready=true:NoSchedule
