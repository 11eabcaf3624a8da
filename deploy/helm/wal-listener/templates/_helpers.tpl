{{/* The name of the application; 63 characters is what a label and a Service's name may have. */}}
{{- define "wal-listener.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of what this release makes: the release's, with the chart's unless it says so already. No Service may have dots. */}}
{{- define "wal-listener.fullname" -}}
{{- $name := include "wal-listener.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wal-listener.releaseLabels" -}}
app.kubernetes.io/name: {{ include "wal-listener.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects the service's own pods; never changed, since a Deployment's selector cannot be. */}}
{{- define "wal-listener.selectorLabels" -}}
{{ include "wal-listener.releaseLabels" . }}
app.kubernetes.io/component: listener
{{- end -}}

{{- define "wal-listener.commonLabels" -}}
{{- with .Chart.AppVersion -}}
app.kubernetes.io/version: {{ . | quote }}
{{ end -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "wal-listener.labels" -}}
{{ include "wal-listener.selectorLabels" . }}
{{ include "wal-listener.commonLabels" . }}
{{- end -}}

{{- define "wal-listener.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "wal-listener.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "wal-listener.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The text of the configuration file; empty = none. */}}
{{- define "wal-listener.configText" -}}
{{- if kindIs "string" .Values.config -}}
{{- .Values.config -}}
{{- else if .Values.config -}}
{{- .Values.config | toYaml -}}
{{- end -}}
{{- end -}}

{{/* shutdownTimeout as the program will see it. */}}
{{- define "wal-listener.shutdownTimeout" -}}
{{- $timeout := include "wal-listener.configured" (dict "root" . "path" (list "shutdowntimeout")) -}}
{{- range $name, $value := .Values.secret -}}
{{- if eq (replace "_" "" $name) "WALSHUTDOWNTIMEOUT" }}{{ $timeout = $value }}{{ end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if and (eq (replace "_" "" .name) "WALSHUTDOWNTIMEOUT") (hasKey . "value") -}}
{{- $timeout = .value -}}
{{- end -}}
{{- end -}}
{{- default "25s" $timeout -}}
{{- end -}}

{{/* Seconds of a Go duration such as 1m30s, rounded up. */}}
{{- define "wal-listener.seconds" -}}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 "us" 0.000001 "µs" 0.000001 "ns" 0.000000001 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9.]+(h|ms|m|s|us|µs|ns)" . -1 -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- $total = addf $total (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- ceil $total | int -}}
{{- end -}}

{{/* How long the pod may take to end; the program itself ends 5 s after shutdownTimeout at the latest. */}}
{{- define "wal-listener.gracePeriod" -}}
{{- $needed := add (include "wal-listener.seconds" (include "wal-listener.shutdownTimeout" .) | int) 10 -}}
{{- default $needed .Values.terminationGracePeriodSeconds -}}
{{- end -}}

{{/*
The value at a path of the configuration, empty when it is not set. The names of the path are in lower case without
separators, since the program finds a key whatever its case and `_`/`-`. Arguments: root, path.
*/}}
{{- define "wal-listener.configured" -}}
{{- $node := include "wal-listener.configuredNode" . | fromJson -}}
{{- if hasKey $node "value" -}}
{{- if kindIs "slice" $node.value -}}
{{- join "," $node.value -}}
{{- else if not (kindIs "invalid" $node.value) -}}
{{- $node.value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The same as JSON, {"value": …} or {}. */}}
{{- define "wal-listener.configuredNode" -}}
{{- $node := dict "value" (include "wal-listener.configText" .root | fromYaml) -}}
{{- range $name := .path -}}
{{- $next := dict -}}
{{- if kindIs "map" $node.value -}}
{{- range $key, $value := $node.value -}}
{{- if eq (regexReplaceAll "[_-]" $key "" | lower) $name -}}
{{- $_ := set $next "value" $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $node = $next -}}
{{- end -}}
{{- $node | toJson -}}
{{- end -}}
