{{/* Whom pods run as, and what they may. */}}

{{/* Whether the platform gives out the ids: "yes", or nothing. */}}
{{- define "bridge.idsByPlatform" -}}
{{- $how := .Values.openshift.adaptSecurityContext }}
{{- if or (eq $how "enabled") (and (eq $how "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}yes{{ end }}
{{- end }}

{{- define "bridge.podSecurity" -}}
{{- $context := .Values.podSecurityContext }}
{{- if include "bridge.idsByPlatform" . }}{{ $context = omit $context "runAsUser" "runAsGroup" "fsGroup" "supplementalGroups" }}{{ end }}
{{- toYaml $context }}
{{- end }}

{{- define "bridge.containerSecurity" -}}
{{- $context := .Values.securityContext }}
{{- if include "bridge.idsByPlatform" . }}{{ $context = omit $context "runAsUser" "runAsGroup" }}{{ end }}
{{- toYaml $context }}
{{- end }}
