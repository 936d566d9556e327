{{/* What may be reached, as the egress rules of a NetworkPolicy. */}}

{{- define "bridge.ports" -}}
{{- range . }}
- {port: {{ int . }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* The ports that settings name, as a JSON list. */}}
{{- define "bridge.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports }}
{{- if not $ports }}
{{- range regexFindAll ":[0-9]+" (dig "kafka" "bootstrap_servers" "" .Values.settings) -1 }}
{{- $ports = append $ports (. | trimPrefix ":" | int) }}
{{- end }}
{{- end }}
{{- default (list 9092 9093 9094) $ports | uniq | toJson }}
{{- end }}

{{- define "bridge.redisPorts" -}}
{{- $ports := .Values.networkPolicy.redis.ports }}
{{- if not $ports }}
{{- range regexFindAll ":[0-9]+" (dig "redis" "url" "" .Values.settings) -1 }}
{{- $ports = append $ports (. | trimPrefix ":" | int) }}
{{- end }}
{{- if or (not $ports) (dig "redis" "sentinel_service" "" .Values.settings) }}
{{- $ports = append $ports 6379 }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{- define "bridge.egress" -}}
{{- $policy := .Values.networkPolicy }}
- ports:
    {{- range $policy.dns.ports }}
    - {port: {{ int . }}, protocol: UDP}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
- ports:
    {{- include "bridge.ports" (include "bridge.kafkaPorts" . | fromJsonArray) | indent 4 }}
  {{- with $policy.kafka.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
- ports:
    {{- include "bridge.ports" (include "bridge.redisPorts" . | fromJsonArray) | indent 4 }}
  {{- with $policy.redis.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- if include "bridge.pulls" . }}
- ports:
    {{- include "bridge.ports" $policy.vendor.ports | indent 4 }}
  {{- with $policy.vendor.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
