{{/* What the bridge's pods and those of the Jobs have in common. */}}

{{/* Whole folders, never single files of them (subPath): only so changes reach a living pod. */}}
{{- define "bridge.volumes" -}}
{{- if .Values.secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .Values.secrets }}
      - secret:
          name: {{ .secret | quote }}
          items:
            - {key: {{ .key | quote }}, path: {{ .setting | quote }}}
      {{- end }}
{{- end }}
{{- range .Values.credentials }}
- name: credentials-{{ .app }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
{{- end }}
{{- range .Values.certificates }}
- name: certificates-{{ .name }}
  {{- if .configMap }}
  configMap:
    name: {{ .configMap | quote }}
    defaultMode: 0440
  {{- else }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
  {{- end }}
{{- end }}
{{- with .Values.schemaIds.configMap }}
- name: schema-ids
  configMap:
    name: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bridge.mounts" -}}
{{- if .Values.secrets }}
- {name: secrets, mountPath: /etc/vod-event-bridge/secrets, readOnly: true}
{{- end }}
{{- range .Values.credentials }}
- {name: credentials-{{ .app }}, mountPath: /etc/vod-event-bridge/credentials/{{ .app }}, readOnly: true}
{{- end }}
{{- range .Values.certificates }}
- {name: certificates-{{ .name }}, mountPath: /etc/vod-event-bridge/certificates/{{ .name }}, readOnly: true}
{{- end }}
{{- if .Values.schemaIds.configMap }}
- {name: schema-ids, mountPath: /etc/vod-event-bridge/schema-ids, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bridge.placing" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The bridge's own pod template. */}}
{{- define "bridge.pod" -}}
{{- $checksum := dict "checksum/settings" (include "bridge.variables" . | sha256sum) }}
metadata:
  labels:
    {{- include "bridge.labelsUnder" (list . .Values.podLabels) | nindent 4 }}
    app.kubernetes.io/component: bridge
  {{- include "bridge.annotations" (list . $checksum .Values.podAnnotations) | nindent 2 }}
spec:
  serviceAccountName: {{ include "bridge.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # From the pod's removal: preStop, then 20 s in which the program ends, then some.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds 25 }}
  securityContext:
    {{- include "bridge.podSecurity" . | nindent 4 }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: bridge
      image: {{ include "bridge.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      ports:
        - {name: http, containerPort: {{ include "bridge.httpPort" . }}, protocol: TCP}
        - {name: metrics, containerPort: {{ include "bridge.adminPort" . }}, protocol: TCP}
      envFrom: # of one name the last counts
        {{- with .Values.extraEnvFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        - configMapRef:
            name: {{ include "bridge.fullname" . }}
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
      {{- with index $.Values $probe }}
      {{ $probe }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if .Values.preStopSeconds }}
      lifecycle:
        preStop:
          {{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
          sleep:
            seconds: {{ .Values.preStopSeconds }}
          {{- else }}
          exec:
            command: [python, -c, "import time; time.sleep({{ .Values.preStopSeconds }})"]
          {{- end }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "bridge.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: spool, mountPath: {{ include "bridge.spoolPath" . }}}
        {{- with include "bridge.mounts" . | trim }}
        {{- . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "bridge.placing" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpread }}
  topologySpreadConstraints:
    {{- $own := dict "labelSelector" (dict "matchLabels" (include "bridge.selector" . | fromYaml)) }}
    {{- range .Values.topologySpread }}
    - {{- toYaml (ternary . (merge (deepCopy .) $own) (hasKey . "labelSelector")) | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- $volumes := include "bridge.volumes" . | trim }}
  {{- if or $volumes (eq .Values.spool.kind "emptyDir") }}
  volumes:
    {{- if eq .Values.spool.kind "emptyDir" }}
    - name: spool
      emptyDir:
        sizeLimit: {{ .Values.spool.size }}
    {{- end }}
    {{- with $volumes }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/*
A pod that does one thing and ends: the spec, from (dict "root" $ "name" … "command" […] "args" […]) and, where they
are wanted, "inline" true (no ConfigMap is there yet), "env" […], "volumes" […], "mounts" […].
*/}}
{{- define "bridge.oncePod" -}}
{{- with .root -}}
# The ServiceAccount of the release may not be there yet; nothing here speaks to Kubernetes.
serviceAccountName: {{ ternary "default" (include "bridge.serviceAccount" .) (default false $.inline) }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: Never
securityContext:
  {{- include "bridge.podSecurity" . | nindent 2 }}
containers:
  - name: {{ $.name }}
    image: {{ include "bridge.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    {{- with $.command }}
    command:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    args:
      {{- toYaml $.args | nindent 6 }}
    {{- if or (not $.inline) .Values.extraEnvFrom }}
    envFrom:
      {{- with .Values.extraEnvFrom }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- if not $.inline }}
      - configMapRef:
          name: {{ include "bridge.fullname" . }}
      {{- end }}
    {{- end }}
    {{- $env := concat (default list $.env) .Values.extraEnv }}
    {{- if or $.inline $env }}
    env:
      {{- if $.inline }}
      {{- range $name, $text := include "bridge.variables" . | fromYaml }}
      {{- /* In `env` Kubernetes takes $(NAME) for a variable; in a ConfigMap it does not. */}}
      - {name: {{ $name }}, value: {{ $text | replace "$" "$$" | quote }}}
      {{- end }}
      {{- end }}
      {{- with $env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
    resources:
      {{- toYaml .Values.jobResources | nindent 6 }}
    securityContext:
      {{- include "bridge.containerSecurity" . | nindent 6 }}
    {{- $mounts := include "bridge.mounts" . | trim }}
    {{- if or $mounts $.mounts }}
    volumeMounts:
      {{- with $.mounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with $mounts }}
      {{- . | nindent 6 }}
      {{- end }}
    {{- end }}
{{- with include "bridge.placing" . | trim }}
{{ . }}
{{- end }}
{{- $volumes := include "bridge.volumes" . | trim }}
{{- if or $volumes $.volumes }}
volumes:
  {{- with $.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $volumes }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
