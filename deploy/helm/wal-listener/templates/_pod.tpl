{{/* What the service's pods and the check's pod have in common: everything that the program reads. */}}

{{- define "wal-listener.podBase" -}}
serviceAccountName: {{ include "wal-listener.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
# A Service named wal-listener would put WAL_LISTENER_… variables into the pod.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "wal-listener.containerBase" -}}
image: {{ include "wal-listener.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  {{- if include "wal-listener.configText" . }}
  - name: WAL_CONFIG
    value: /etc/wal-listener/config.yml
  {{- end }}
  - name: WAL_LISTENER_SERVER_PORT
    value: {{ .Values.ports.http | quote }}
  - name: WAL_MONITORING_PROM_ADDR
    value: {{ printf ":%d" (int .Values.ports.metrics) | quote }}
  {{- if .Values.heapSnapshots.enabled }}
  - name: WAL_HEAP_SNAPSHOT_DIR
    value: /var/lib/wal-listener/heap
  {{- end }}
  {{- range $name, $_ := .Values.secretFiles }}
  - name: {{ $name }}_FILE
    value: /run/secrets/wal-listener/{{ $name }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .Values.secret .Values.existingSecret .Values.extraEnvFrom }}
envFrom:
  {{- if or .Values.secret .Values.existingSecret }}
  - secretRef:
      name: {{ default (include "wal-listener.fullname" .) .Values.existingSecret }}
  {{- end }}
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- if include "wal-listener.volumes" . | trim }}
volumeMounts:
  {{- if include "wal-listener.configText" . }}
  - name: config
    mountPath: /etc/wal-listener
    readOnly: true
  {{- end }}
  {{- if .Values.secretFiles }}
  - name: secret-files
    mountPath: /run/secrets/wal-listener
    readOnly: true
  {{- end }}
  {{- if .Values.heapSnapshots.enabled }}
  - name: heap-snapshots
    mountPath: /var/lib/wal-listener/heap
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "wal-listener.volumes" -}}
{{- if include "wal-listener.configText" . }}
- name: config
  configMap:
    name: {{ include "wal-listener.fullname" . }}
{{- end }}
{{- with .Values.secretFiles }}
- name: secret-files
  projected:
    # Read by the group: fsGroup.
    defaultMode: 0440
    sources:
      {{- range $name, $source := . }}
      - secret:
          name: {{ $source.name }}
          items:
            - key: {{ $source.key }}
              path: {{ $name }}
      {{- end }}
{{- end }}
{{- if .Values.heapSnapshots.enabled }}
- name: heap-snapshots
  emptyDir:
    sizeLimit: {{ .Values.heapSnapshots.sizeLimit }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "wal-listener.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .timing }}
{{- end -}}
