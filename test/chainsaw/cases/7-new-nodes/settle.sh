# Everything as it was before, whatever of it was reached.
sh come.sh
kubectl label nodes --all e2e.torwacht.io/new-
kubectl taint nodes --selector kubernetes.io/os=linux torwacht.io/agent-not-ready-
helm upgrade torwacht ../../../../charts/torwacht --namespace torwacht --reuse-values \
	--set operator.startupTaint= --wait --timeout 300s
