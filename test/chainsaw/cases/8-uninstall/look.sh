# What of Torwacht is pinned on the nodes, a line each.
set -e
for pod in $(kubectl get pods --namespace "$NAMESPACE" --selector app=look --output name); do
	kubectl exec --namespace "$NAMESPACE" "$pod" -- node -e '
		for (const name of require("node:fs").readdirSync("/bpf"))
			if (name.includes("torwacht")) console.log(name);
	'
done
