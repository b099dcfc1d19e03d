package kubernetes

import (
	"fmt"
	"strings"

	core "k8s.io/api/core/v1"
)

// sign is a label or an annotation by which a tool marks the Secrets that it
// keeps.
type sign struct {
	keeper string
	key    string
	// value is the one that counts; any does if it is empty.
	value string
}

// signs returns the marks of those that keep Secrets, from their own
// documentation and source.
func signs() (labels, annotations []sign) {
	labels = []sign{
		// Argo CD, "Resource Tracking": the annotation is the default, the label a
		// usual choice. app.kubernetes.io/instance, the third one, tells nothing:
		// every Helm chart sets it.
		{"Argo CD", "argocd.argoproj.io/instance", ""},
		// Flux, kustomize-controller and helm-controller: labels of the origin.
		{"Flux (Kustomization)", "kustomize.toolkit.fluxcd.io/name", ""},
		{"Flux (HelmRelease)", "helm.toolkit.fluxcd.io/name", ""},
		// External Secrets, ExternalSecret API: labels of the Secrets it makes.
		{"External Secrets", "reconcile.external-secrets.io/managed", "true"},
		{"External Secrets", "reconcile.external-secrets.io/created-by", ""},
		// Vault Secrets Operator, helpers.OwnerLabels.
		{"Vault Secrets Operator", "app.kubernetes.io/managed-by", "hashicorp-vso"},
		// Secrets Store CSI driver, "Sync as Kubernetes Secret".
		{"the Secrets Store CSI driver", "secrets-store.csi.k8s.io/managed", "true"},
		// Helm, "Labels and Annotations", and release ownership below.
		{"Helm", "app.kubernetes.io/managed-by", "Helm"},
	}
	annotations = []sign{
		{"Argo CD", "argocd.argoproj.io/tracking-id", ""},
		{"Helm", "meta.helm.sh/release-name", ""},
		{"External Secrets", "reconcile.external-secrets.io/data-hash", ""},
		// Sealed Secrets, "Managing existing secrets" and "Patching existing
		// secrets": permission for its controller to write here.
		{"Sealed Secrets", "sealedsecrets.bitnami.com/managed", "true"},
		{"Sealed Secrets", "sealedsecrets.bitnami.com/patch", "true"},
		// Config Sync, "Manage existing objects".
		{"Config Sync", "configmanagement.gke.io/managed", "enabled"},
	}
	return labels, annotations
}

// externalSecrets begins the name under which External Secrets manages fields;
// the ExternalSecret's name follows (its source, fieldOwnerTemplate).
const externalSecrets = "externalsecrets.external-secrets.io/"

// keeperOf names who would overwrite the Secret or delete it with itself, and
// by what it was recognized; empty for nobody.
func keeperOf(now *core.Secret) string {
	labels, annotations := signs()
	for _, look := range []struct {
		what  string
		signs []sign
		on    map[string]string
	}{{"label", labels, now.Labels}, {"annotation", annotations, now.Annotations}} {
		for _, sign := range look.signs {
			if value, ok := look.on[sign.key]; ok && (sign.value == "" || sign.value == value) {
				return fmt.Sprintf("%s (%s %s: %s)", sign.keeper, look.what, sign.key, value)
			}
		}
	}
	for _, owner := range now.OwnerReferences {
		return fmt.Sprintf("%s %s (its owner reference)", owner.Kind, owner.Name)
	}
	for _, manager := range now.ManagedFields {
		if name, ok := strings.CutPrefix(manager.Manager, externalSecrets); ok {
			return fmt.Sprintf("External Secrets (ExternalSecret %s manages fields of it)", name)
		}
	}
	return ""
}
