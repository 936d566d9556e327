{{/* Names and labels. */}}
{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "bridge.fullname" -}}
{{- $name := include "bridge.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What never changes in a release's life: selectors and claims are made of it. */}}
{{- define "bridge.instance" -}}
app.kubernetes.io/name: {{ include "bridge.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "bridge.selector" -}}
{{ include "bridge.instance" . }}
app.kubernetes.io/component: bridge
{{- end }}

{{- define "bridge.ownLabels" -}}
{{ include "bridge.instance" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The labels of an object: the chart's own, and commonLabels. */}}
{{- define "bridge.labels" -}}
{{ include "bridge.labelsUnder" (list . dict) }}
{{- end }}

{{/* The same under labels that replace them, of (list root labels): for objects that nothing selects by these. */}}
{{- define "bridge.labelsUnder" -}}
{{- $root := first . }}
{{- toYaml (merge dict (index . 1) (include "bridge.ownLabels" $root | fromYaml) $root.Values.commonLabels) }}
{{- end }}

{{/* `annotations:` of (list root annotations …), the first given counts, commonAnnotations last; nothing where there are none. */}}
{{- define "bridge.annotations" -}}
{{- $all := dict }}
{{- range rest . }}{{ $all = merge $all (default dict .) }}{{ end }}
{{- $all = merge $all (first .).Values.commonAnnotations }}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "bridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bridge.image" -}}
{{- if not .Values.image.repository }}
{{- fail "\n\nimage.repository is needed, for no image is published yet: build deploy/Dockerfile, push it where your cluster finds it, and name it:\n  docker build -f deploy/Dockerfile -t registry.example.com/vod-event-bridge . && docker push registry.example.com/vod-event-bridge\n  --set image.repository=registry.example.com/vod-event-bridge\n" }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Of both Services. */}}
{{- define "bridge.families" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Whether something else than `replicas` says how many pods there are: "yes", or nothing. */}}
{{- define "bridge.isScaled" -}}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled }}yes{{ end }}
{{- end }}

{{/* The fewest pods. */}}
{{- define "bridge.leastReplicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}{{ else if .Values.keda.enabled }}{{ .Values.keda.minReplicas }}{{ else }}{{ .Values.replicas }}{{ end }}
{{- end }}

{{/* How an autoscaler takes pods away, of whether it may. */}}
{{- define "bridge.scaleDown" -}}
{{- if . -}}
stabilizationWindowSeconds: 600
policies:
  - {type: Pods, value: 1, periodSeconds: 120}
{{- else -}}
# A spool may lie on the claim of the pod that would go.
selectPolicy: Disabled
{{- end }}
{{- end }}

{{- define "bridge.workloadKind" -}}
{{ ternary "StatefulSet" "Deployment" (eq .Values.spool.kind "claim") }}
{{- end }}

{{- define "bridge.httpPort" -}}
{{ int (dig "http" "port" 8080 .Values.settings) }}
{{- end }}

{{/* What the http port speaks. */}}
{{- define "bridge.scheme" -}}
{{- $certificate := dig "http" "tls_certfile" "" .Values.settings }}
{{- range .Values.secrets }}{{ if eq .setting "http.tls_certfile" }}{{ $certificate = .key }}{{ end }}{{ end }}
{{- ternary "https" "http" (not (empty $certificate)) }}
{{- end }}

{{- define "bridge.adminPort" -}}
{{ int (dig "admin" "port" 9090 .Values.settings) }}
{{- end }}

{{- define "bridge.spoolPath" -}}
{{ dig "spool" "path" "/var/lib/vod-event-bridge" .Values.settings }}
{{- end }}
