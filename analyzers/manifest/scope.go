package manifest

import "strings"

// clusterKinds are the kinds without a namespace that stand beside Istio's in repositories, by API group.
var clusterKinds = map[string]string{
	"":                             "Namespace Node PersistentVolume ComponentStatus",
	"admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
	"apiextensions.k8s.io":         "CustomResourceDefinition",
	"apiregistration.k8s.io":       "APIService",
	"cert-manager.io":              "ClusterIssuer",
	"certificates.k8s.io":          "CertificateSigningRequest ClusterTrustBundle",
	"external-secrets.io":          "ClusterSecretStore ClusterExternalSecret ClusterPushSecret",
	"flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
	"gateway.networking.k8s.io":    "GatewayClass",
	"kyverno.io":                   "ClusterPolicy ClusterCleanupPolicy",
	"networking.k8s.io":            "IngressClass IPAddress ServiceCIDR",
	"node.k8s.io":                  "RuntimeClass",
	"policy":                       "PodSecurityPolicy",
	"rbac.authorization.k8s.io":    "ClusterRole ClusterRoleBinding",
	"scheduling.k8s.io":            "PriorityClass",
	"storage.k8s.io":               "StorageClass VolumeAttachment CSIDriver CSINode VolumeAttributesClass",
	"templates.gatekeeper.sh":      "ConstraintTemplate",
}

// ClusterScoped tells a kind whose objects have no namespace. A kind it does not know is taken for namespaced.
func ClusterScoped(group, kind string) bool {
	if group == "constraints.gatekeeper.sh" {
		return true
	}
	for _, k := range strings.Fields(clusterKinds[group]) {
		if k == kind {
			return true
		}
	}
	return false
}
