{{/* What may be reached, as the egress rules of a NetworkPolicy. */}}

{{- define "bridge.ports" -}}
{{- range . }}
- {port: {{ int . }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* The ports in a text of addresses, as a JSON list; parts of an IPv6 address are none. */}}
{{- define "bridge.portsIn" -}}
{{- $ports := list }}
{{- range regexFindAll ":[0-9]+([,/?#\\s]|$)" . -1 }}
{{- $ports = append $ports (regexFind "[0-9]+" . | int) }}
{{- end }}
{{- toJson $ports }}
{{- end }}

{{/* The ports that settings name, as a JSON list. */}}
{{- define "bridge.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports }}
{{- if not $ports }}
{{- $ports = include "bridge.text" (dig "kafka" "bootstrap_servers" "" .Values.settings) | include "bridge.portsIn" | fromJsonArray }}
{{- end }}
{{- default (list 9092 9093 9094) $ports | uniq | toJson }}
{{- end }}

{{- define "bridge.redisPorts" -}}
{{- $ports := .Values.networkPolicy.redis.ports }}
{{- if not $ports }}
{{- $ports = include "bridge.portsIn" (dig "redis" "url" "" .Values.settings) | fromJsonArray }}
{{- $sentinels := dig "redis" "sentinel_service" "" .Values.settings }}
{{- if and $sentinels (not $ports) }}{{ $ports = append $ports 26379 }}{{ end }}
{{- if or $sentinels (not $ports) }}{{ $ports = append $ports 6379 }}{{ end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* Those at which the vendor's API is, and on its machines what gives out a role's credentials (http). */}}
{{- define "bridge.vendorPorts" -}}
{{- $ports := .Values.networkPolicy.vendor.ports }}
{{- range .Values.apps }}
{{- $app := default dict . }}
{{- if hasPrefix "pull" (dig "mode" "push" $app) }}
{{- $ports = concat $ports (include "bridge.portsIn" (dig "endpoint" "" $app) | fromJsonArray) }}
{{- if eq (dig "credentials_provider" "" $app) "cvm-role" }}{{ $ports = append $ports 80 }}{{ end }}
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
    {{- include "bridge.ports" (include "bridge.vendorPorts" . | fromJsonArray) | indent 4 }}
  {{- with $policy.vendor.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
