{{/* What fits into what: refused while it is rendered, for in the cluster it would be an eviction or an endless wait. */}}

{{/* Bytes of a text with a unit, of Kubernetes (2Gi) or of the program (2GiB, 2GB). */}}
{{- define "bridge.bytes" -}}
{{- $text := include "bridge.text" . | lower | nospace }}
{{- $number := regexFind "^[0-9.]+" $text }}
{{- $factors := dict "" 1 "k" 1e3 "m" 1e6 "g" 1e9 "t" 1e12 "p" 1e15 "e" 1e18 "ki" 1024 "mi" 1048576 "gi" 1073741824 "ti" 1099511627776 "pi" 1125899906842624 }}
{{- mulf (float64 $number) (get $factors (trimPrefix $number $text | trimSuffix "b") | float64) | int64 }}
{{- end }}

{{/* Of (list root section name default): the bytes that a setting allows. */}}
{{- define "bridge.settingBytes" -}}
{{- include "bridge.bytes" (dig (index . 1) (index . 2) (index . 3) (first .).Values.settings) }}
{{- end }}

{{- define "bridge.mebibytes" -}}
{{ divf . 1048576 | ceil | int64 }}Mi
{{- end }}

{{/* The spool's volume holds what settings.spool allows. */}}
{{- define "bridge.checkSpool" -}}
{{- $most := include "bridge.settingBytes" (list . "spool" "max_bytes" "1GiB") | int64 }}
{{- $free := include "bridge.settingBytes" (list . "spool" "free_min_bytes" "64MiB") | int64 }}
{{- $size := include "bridge.bytes" .Values.spool.size | int64 }}
{{- $needed := add $most $free }}
{{- if and $most (lt $size $needed) }}
{{- fail (printf "\n\nspool.size %v is too small: settings.spool.max_bytes lets the spool grow to %s, and settings.spool.free_min_bytes leaves %s free. Set spool.size to %s or more (a file system takes some for itself), or settings.spool.max_bytes to %dMiB or less.\n" .Values.spool.size (include "bridge.mebibytes" $most) (include "bridge.mebibytes" $free) (include "bridge.mebibytes" $needed) (max 0 (divf (sub $size $free) 1048576 | floor | int64))) }}
{{- end }}
{{- $limit := dig "limits" "ephemeral-storage" "" .Values.resources }}
{{- if and $most $limit (eq .Values.spool.kind "emptyDir") (lt (include "bridge.bytes" $limit | int64) $needed) }}
{{- fail (printf "\n\nresources.limits.ephemeral-storage %v is too small: the spool is an emptyDir, which counts to it, and settings.spool.max_bytes lets it grow to %s; the pod would be evicted, and its spool lost. Set it to %s or more.\n" $limit (include "bridge.mebibytes" $most) (include "bridge.mebibytes" $needed)) }}
{{- end }}
{{- end }}

{{/* How many workers a pod has; 0 in settings means one for each core of the limit. */}}
{{- define "bridge.workers" -}}
{{- $workers := dig "http" "workers" 1 .Values.settings | int }}
{{- if eq $workers 0 }}
{{- $cpu := dig "limits" "cpu" "" .Values.resources | toString }}
{{- if not $cpu }}
{{- fail "\n\nsettings.http.workers 0 takes a worker for every core of the node, and no limit of memory can fit that. Name a number, or set resources.limits.cpu.\n" }}
{{- end }}
{{- $workers = ternary (divf (trimSuffix "m" $cpu | float64) 1000) (trimSuffix "m" $cpu | float64) (hasSuffix "m" $cpu) | ceil | int }}
{{- end }}
{{- $workers }}
{{- end }}

{{/* What a pod may need in memory: what its processes take, and what settings let wait in them (docs/howto/use-every-core.md). */}}
{{- define "bridge.memoryNeeded" -}}
{{- $workers := include "bridge.workers" . | int64 }}
{{- $bodies := include "bridge.settingBytes" (list . "http" "bodies_max_bytes" "128MiB") | int64 }}
{{- $body := include "bridge.settingBytes" (list . "http" "body_max_bytes" "4MiB") | int64 }}
{{- $held := include "bridge.settingBytes" (list . "http" "held_max_bytes" "64MiB") | int64 }}
{{- $inFlight := include "bridge.settingBytes" (list . "kafka" "in_flight_max_bytes" "64MiB") | int64 }}
{{- $processes := mul $workers 83886080 }}
{{- if gt $workers 1 }}
{{- $processes = add $processes 68157440 }}
{{- $bodies = max $bodies (mul $workers 2 $body) }}
{{- $inFlight = max $inFlight (mul $workers (min $inFlight 33554432)) }}
{{- end }}
{{- add $processes $bodies $held $inFlight }}
{{- end }}

{{- define "bridge.checkMemory" -}}
{{- $workers := include "bridge.workers" . | int }}
{{- $needed := include "bridge.memoryNeeded" . | int64 }}
{{- $limit := dig "limits" "memory" "" .Values.resources }}
{{- if and (gt $workers 1) $limit (lt (include "bridge.bytes" $limit | int64) $needed) }}
{{- fail (printf "\n\nresources.limits.memory %v is too small for %d workers: they (80 MiB each), their supervisor (65 MiB) and what settings let wait in memory (http.bodies_max_bytes, http.held_max_bytes, kafka.in_flight_max_bytes) come to %s. Set it to that or more, or settings.http.workers lower.\n" $limit $workers (include "bridge.mebibytes" $needed)) }}
{{- end }}
{{- end }}
