{{/* How values become BRIDGE_* variables. No setting of the program is named here, so that a new one needs no template. */}}

{{/* A value as the program reads it: numbers without an exponent, lists with commas. */}}
{{- define "bridge.text" -}}
{{- if kindIs "slice" . }}
{{- range $place, $each := . }}{{ if $place }},{{ end }}{{ include "bridge.text" $each }}{{ end }}
{{- else if and (kindIs "float64" .) (eq (float64 .) (floor .)) }}{{ int64 . }}
{{- else }}{{ toString . }}
{{- end }}
{{- end }}

{{/* "apps.my-shop.sign_key" -> BRIDGE_APPS__MY_SHOP__SIGN_KEY */}}
{{- define "bridge.variable" -}}
BRIDGE_{{ . | replace "." "__" | replace "-" "_" | upper }}
{{- end }}

{{/* Of (list apps name place): fails where `apps` has no such one. A typing error would make a second application, and leave the meant one open. */}}
{{- define "bridge.requireApp" -}}
{{- if not (hasKey (default dict (first .)) (index . 1)) }}
{{- fail (printf "\n\n%s: there is no application %s under `apps`. Correct the name, or add it:\n  apps:\n    %s: {}\n" (index . 2) (index . 1) (index . 1)) }}
{{- end }}
{{- end }}

{{/* All variables as YAML, name: text. */}}
{{- define "bridge.variables" -}}
{{- $sections := deepCopy .Values.settings }}
{{- range $app, $values := .Values.apps }}
{{- /* Not `merge`, to which false is as good as absent. An application without any setting would not be there. */}}
{{- $own := deepCopy (default dict $values) }}
{{- if not (hasKey $own "mode") }}{{ $_ := set $own "mode" "push" }}{{ end }}
{{- $_ := set $sections (printf "apps.%s" $app) $own }}
{{- end }}
{{- if eq .Values.spool.kind "emptyDir" }}
{{- $spool := default dict $sections.spool }}
{{- if not (hasKey $spool "drain_on_stop") }}{{ $_ := set $spool "drain_on_stop" true }}{{ end }}
{{- $_ := set $sections "spool" $spool }}
{{- end }}
{{- if .Values.peers.enabled }}
{{- $admin := default dict $sections.admin }}
{{- if not (hasKey $admin "peers") }}{{ $_ := set $admin "peers" (printf "%s-pods" (include "bridge.fullname" .)) }}{{ end }}
{{- $_ := set $sections "admin" $admin }}
{{- end }}
{{- $all := dict }}
{{- range $section, $values := $sections }}
{{- range $name, $value := $values }}
{{- $place := printf "%s.%s" $section $name }}
{{- $text := include "bridge.text" $value }}
{{- if or (regexMatch "(password|sign_keys?|secret_id|secret_key|[.]token|read_token)$" $name) (eq $name "token") (regexMatch "^[a-z]+://[^/@]*:[^/]*@" $text) (regexMatch "[?&](ssl_)?password=" $text) }}
{{- fail (printf "\n\n%s would stand readable in a ConfigMap: put it into a Secret and name that under `secrets`:\n  - {setting: %s, secret: <its name>, key: <its key>}\n" $place $place) }}
{{- end }}
{{- $_ := set $all (include "bridge.variable" $place) $text }}
{{- end }}
{{- end }}
{{- range .Values.secrets }}
{{- if hasPrefix "apps." .setting }}
{{- include "bridge.requireApp" (list $.Values.apps (index (splitList "." .setting) 1) (printf "secrets: setting %s" .setting)) }}
{{- end }}
{{- /* What names a file by itself ends so; all others take one with _FILE. */}}
{{- $_ := set $all (printf "%s%s" (include "bridge.variable" .setting) (ternary "" "_FILE" (hasSuffix "file" .setting))) (printf "/etc/vod-event-bridge/secrets/%s" .setting) }}
{{- end }}
{{- range .Values.credentials }}
{{- include "bridge.requireApp" (list $.Values.apps .app (printf "credentials: app %s" .app)) }}
{{- $_ := set $all (include "bridge.variable" (printf "apps.%s.credentials_dir" .app)) (printf "/etc/vod-event-bridge/credentials/%s" .app) }}
{{- end }}
{{- with .Values.schemaIds }}
{{- if .configMap }}{{ $_ := set $all (include "bridge.variable" "schemas.ids_file") (printf "/etc/vod-event-bridge/schema-ids/%s" .key) }}{{ end }}
{{- end }}
{{- range $needed, $example := dict "kafka.bootstrap_servers" "my-cluster-kafka-bootstrap.kafka:9092" "redis.url" "redis://my-redis-master.redis:6379/0" }}
{{- $variable := include "bridge.variable" $needed }}
{{- if not (or (get $all $variable) (get $all (printf "%s_FILE" $variable))) }}
{{- fail (printf "\n\nsettings.%s is needed, e.g. --set settings.%s=%s\n" $needed $needed $example) }}
{{- end }}
{{- end }}
{{- toYaml $all }}
{{- end }}

{{/* Whether an application's queue has a length: the interface of pull-legacy names none. */}}
{{- define "bridge.reportsQueue" -}}
{{- range .Values.apps }}{{ if eq "pull" (dig "mode" "push" (default dict .)) }}yes{{ end }}{{ end }}
{{- end }}

{{/* Whether an application pulls. */}}
{{- define "bridge.pulls" -}}
{{- range .Values.apps }}{{ if hasPrefix "pull" (dig "mode" "push" (default dict .)) }}yes{{ end }}{{ end }}
{{- end }}
