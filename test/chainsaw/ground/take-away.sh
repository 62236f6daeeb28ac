# Takes away what the case 1-install installed, with the kinds and all that is left of it. It knows that by the label of
# the namespace; without it, it touches nothing. Jobs that are held are ended.
[ -n "$(kubectl get namespaces --selector torwacht.io/e2e=true --output name)" ] || exit 0

kubectl annotate namespace torwacht --overwrite torwacht.io/uninstall=force
helm uninstall torwacht --namespace torwacht --ignore-not-found --wait --timeout 120s ||
	helm uninstall torwacht --namespace torwacht --ignore-not-found --no-hooks
# Whoever asks an admission webhook that has gone waits for nobody.
kubectl delete validatingwebhookconfigurations,mutatingwebhookconfigurations \
	--selector app.kubernetes.io/part-of=torwacht
kubectl delete customresourcedefinitions --selector app.kubernetes.io/part-of=torwacht
kubectl delete namespace torwacht
