{{/* What the bridge's pods and those of the Jobs have in common. */}}

{{- define "bridge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "bridge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

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
{{- end }}

{{/* The bridge's own pod template. */}}
{{- define "bridge.pod" -}}
metadata:
  labels:
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "bridge.labels" . | nindent 4 }}
    app.kubernetes.io/component: bridge
  annotations:
    checksum/settings: {{ include "bridge.variables" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "bridge.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # From the pod's removal: preStop, then 20 s in which the program ends, then some.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds 25 }}
  securityContext:
    {{- include "bridge.podSecurity" . | nindent 4 }}
  containers:
    - name: bridge
      image: {{ include "bridge.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      ports:
        - {name: http, containerPort: {{ include "bridge.httpPort" . }}, protocol: TCP}
        - {name: metrics, containerPort: {{ include "bridge.adminPort" . }}, protocol: TCP}
      envFrom:
        - configMapRef:
            name: {{ include "bridge.fullname" . }}
      {{- with .Values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # Nobody answers before the spool is read: 10 min for dozens of GiB on a slow disk. Not /readyz:
      # a bridge that waits for Kafka, its spool full, is to be there when Kafka is back, not in a restart's back-off.
      startupProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 300
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      # Never depends on Kafka or Redis. Slow to judge: a restart answers nobody.
      livenessProbe:
        httpGet: {path: /livez, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
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
  {{- with include "bridge.placing" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpread }}
  topologySpreadConstraints:
    {{- range .Values.topologySpread }}
    - topologyKey: {{ .topologyKey }}
      maxSkew: {{ .maxSkew }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "bridge.selector" $ | nindent 10 }}
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
    {{- if not $.inline }}
    envFrom:
      - configMapRef:
          name: {{ include "bridge.fullname" . }}
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
