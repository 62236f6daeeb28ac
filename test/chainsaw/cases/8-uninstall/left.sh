# Everything of Torwacht that the API server knows, but the kinds and what people wrote. Looks for a minute: what an owner
# leaves, the garbage collector takes after it.
cluster=clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations
cluster=$cluster,validatingadmissionpolicies,validatingadmissionpolicybindings,priorityclasses
within=all,serviceaccounts,roles,rolebindings,secrets,configmaps,leases,networkpolicies,poddisruptionbudgets
within=$within,persistentvolumeclaims,resourcequotas

left() {
	kubectl get "$cluster,$within" --all-namespaces --selector app.kubernetes.io/part-of=torwacht --output name
	kubectl get nodeagents,policybundles --output name
	kubectl get "$within" --namespace torwacht --output name |
		grep -v '^configmap/kube-root-ca.crt$\|^serviceaccount/default$'
}

for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	found=$(left) || true
	[ -n "$found" ] || exit 0
	sleep 5
done
printf '%s\n' "$found"
