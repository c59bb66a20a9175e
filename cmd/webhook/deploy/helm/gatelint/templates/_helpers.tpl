{{- define "gatelint.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $base := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- printf "%s-webhook" ($base | trunc 42 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{- define "gatelint.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "gatelint.labels" -}}
{{ include "gatelint.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "gatelint.metadata" -}}
name: {{ include "gatelint.fullname" . }}
namespace: {{ .Release.Namespace }}
labels: {{- include "gatelint.labels" . | nindent 2 }}
{{- end }}

{{- define "gatelint.serviceAccountName" -}}
{{- default (include "gatelint.fullname" .) .Values.serviceAccount.name -}}
{{- end }}

{{- define "gatelint.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "gatelint.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "gatelint.certificateSecret" -}}
{{- default (printf "%s-tls" (include "gatelint.fullname" .)) .Values.certificates.secretName -}}
{{- end }}

{{- define "gatelint.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* istiod's ConfigMap, in istioNamespace. */ -}}
{{- define "gatelint.meshConfigMap" -}}
{{- $revision := (.Values.config.istio | default dict).revision | default "default" -}}
{{- if eq $revision "default" }}istio{{ else }}istio-{{ $revision }}{{ end -}}
{{- end }}

{{- /* The ConfigMaps with policies, each once. */}}
{{- define "gatelint.policies" -}}
{{- if and .Values.policies.bundleKey .Values.policies.configMaps }}
{{- fail "policies.bundleKey: only signed bundles are read then, so policies.configMaps must be empty" }}
{{- end }}
{{- $names := .Values.policies.configMaps }}
{{- range .Values.policies.bundles }}{{ $names = append $names .configMap }}{{ end }}
{{- $names | uniq | toJson }}
{{- end }}
