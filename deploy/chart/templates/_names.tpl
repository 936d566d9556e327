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

{{- define "bridge.labels" -}}
{{ include "bridge.instance" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "bridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "bridge.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
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
