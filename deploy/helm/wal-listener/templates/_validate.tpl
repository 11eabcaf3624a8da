{{/* Ends with one message that lists every combination of values that cannot work. */}}
{{- define "wal-listener.validate" -}}
{{- $faults := concat
  (include "wal-listener.configFaults" . | fromJsonArray)
  (include "wal-listener.variableFaults" . | fromJsonArray)
  (include "wal-listener.podFaults" . | fromJsonArray) -}}
{{- if $faults -}}
{{- fail (printf "\n\nThe values cannot work together:\n  - %s\n" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end -}}

{{- define "wal-listener.configFaults" -}}
{{- $root := . -}}
{{- $faults := list -}}
{{- $file := include "wal-listener.configText" . | fromYaml -}}
{{- if and (kindIs "string" .Values.config) (hasKey $file "Error") -}}
{{- $faults = append $faults (printf "config: not YAML: %s" $file.Error) -}}
{{- end -}}
{{- /* What can only stand in the file or in variables that are all known here. */ -}}
{{- $hidden := or .Values.existingSecret .Values.extraEnvFrom -}}
{{- $names := list -}}
{{- range .Values.extraEnv }}{{ $names = append $names (trimSuffix "_FILE" .name) }}{{ end -}}
{{- range keys .Values.secret }}{{ $names = append $names (trimSuffix "_FILE" .) }}{{ end -}}
{{- $names = concat $names (keys .Values.secretFiles) -}}
{{- $type := include "wal-listener.configured" (dict "root" . "path" (list "publisher" "type")) -}}
{{- if not (or $type $hidden (has "WAL_PUBLISHER_TYPE" $names)) -}}
{{- $faults = append $faults "config.publisher.type: required: nats, kafka, rabbitmq, google_pubsub or stdout" -}}
{{- end -}}
{{- $database := or (include "wal-listener.configured" (dict "root" . "path" (list "database" "name"))) (include "wal-listener.configured" (dict "root" . "path" (list "database" "url"))) -}}
{{- if not (or $database $hidden (has "WAL_DATABASE_NAME" $names) (has "WAL_DATABASE_URL" $names)) -}}
{{- $faults = append $faults "config.database.name: required (or WAL_DATABASE_URL as a secret)" -}}
{{- end -}}
{{- range $key, $variable := dict "database.password" "WAL_DATABASE_PASSWORD" "database.url" "WAL_DATABASE_URL" "publisher.password" "WAL_PUBLISHER_PASSWORD" "publisher.token" "WAL_PUBLISHER_TOKEN" "monitoring.sentryDSN" "WAL_MONITORING_SENTRY_DSN" -}}
{{- if include "wal-listener.configured" (dict "root" $root "path" (lower $key | splitList ".")) -}}
{{- $faults = append $faults (printf "config.%s: a ConfigMap is no place for it; give it as %s under secret, existingSecret or secretFiles" $key $variable) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "://[^/@,]*:[^/@,]+@" (include "wal-listener.configured" (dict "root" . "path" (list "publisher" "address"))) -}}
{{- $faults = append $faults "config.publisher.address: holds a password; use publisher.username and WAL_PUBLISHER_PASSWORD, or give WAL_PUBLISHER_ADDRESS as a secret" -}}
{{- end -}}
{{- range $key, $value := dict "listener.serverPort" "ports.http" "monitoring.promAddr" "ports.metrics" "heapSnapshotDir" "heapSnapshots.enabled" -}}
{{- if include "wal-listener.configured" (dict "root" $root "path" (lower $key | splitList ".")) -}}
{{- $faults = append $faults (printf "config.%s: the chart sets it; use the value %s" $key $value) -}}
{{- end -}}
{{- end -}}
{{- if kindIs "map" .Values.config -}}
{{- $topics := (include "wal-listener.configuredNode" (dict "root" . "path" (list "listener" "topicsmap")) | fromJson).value -}}
{{- $patterns := list -}}
{{- range $key, $_ := (default dict $topics) }}{{ if hasPrefix "/" $key }}{{ $patterns = append $patterns $key }}{{ end }}{{ end -}}
{{- if gt (len $patterns) 1 -}}
{{- $faults = append $faults "config.listener.topicsMap: the order of several /regex/ keys matters and Helm sorts them; write config as a text (config: |)" -}}
{{- end -}}
{{- end -}}
{{- $faults | toJson -}}
{{- end -}}

{{- define "wal-listener.variableFaults" -}}
{{- $faults := list -}}
{{- if and .Values.secret .Values.existingSecret -}}
{{- $faults = append $faults "secret and existingSecret: set one of them" -}}
{{- end -}}
{{- range $name, $_ := .Values.secretFiles -}}
{{- if hasKey $.Values.secret $name -}}
{{- $faults = append $faults (printf "%s: is both in secret and in secretFiles; set one of them" $name) -}}
{{- end -}}
{{- end -}}
{{- $seen := dict -}}
{{- range $name, $_ := .Values.secretFiles }}{{ $_ := set $seen (printf "%s_FILE" $name) true }}{{ end -}}
{{- range .Values.extraEnv -}}
{{- /* Kubernetes would take the last one, and mix them up at the next upgrade. */ -}}
{{- if hasKey $seen .name -}}
{{- $faults = append $faults (printf "extraEnv %s: is there twice, or as one of secretFiles" .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- $name := replace "_" "" .name -}}
{{- $owner := get (dict "WALLISTENERSERVERPORT" "ports.http" "WALMONITORINGPROMADDR" "ports.metrics" "WALHEAPSNAPSHOTDIR" "heapSnapshots.enabled" "WALCONFIG" "config") $name -}}
{{- if $owner -}}
{{- $faults = append $faults (printf "extraEnv %s: the chart sets it; use the value %s" .name $owner) -}}
{{- end -}}
{{- if or (hasKey $.Values.secret .name) (hasKey $.Values.secretFiles .name) -}}
{{- $faults = append $faults (printf "extraEnv %s: is a secret as well; set one of them" .name) -}}
{{- end -}}
{{- end -}}
{{- $faults | toJson -}}
{{- end -}}

{{- define "wal-listener.podFaults" -}}
{{- $faults := list -}}
{{- $timeout := include "wal-listener.shutdownTimeout" . -}}
{{- if not (regexMatch "^(0|([0-9]+(\\.[0-9]+)?(h|ms|m|s|us|µs|ns))+)$" $timeout) -}}
{{- $faults = append $faults (printf "shutdownTimeout: %q is no duration such as 25s or 1m30s" $timeout) -}}
{{- end -}}
{{- with .Values.terminationGracePeriodSeconds -}}
{{- $needed := add (include "wal-listener.seconds" $timeout | int) 10 -}}
{{- if lt (int .) (int $needed) -}}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds: %d is too short for shutdownTimeout %s; at least %d" (int .) $timeout $needed) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.strategy.type "Recreate") .Values.strategy.rollingUpdate -}}
{{- $faults = append $faults "strategy.rollingUpdate: only with strategy.type RollingUpdate" -}}
{{- end -}}
{{- with .Values.serviceMonitor -}}
{{- if and .enabled (gt (include "wal-listener.seconds" .scrapeTimeout | int) (include "wal-listener.seconds" .interval | int)) -}}
{{- $faults = append $faults (printf "serviceMonitor.scrapeTimeout: %s is longer than the interval %s, which Prometheus refuses" .scrapeTimeout .interval) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- $faults = append $faults "serviceMonitor.enabled: needs service.enabled" -}}
{{- end -}}
{{- if eq (int .Values.ports.http) (int .Values.ports.metrics) -}}
{{- $faults = append $faults "ports: http and metrics must differ" -}}
{{- end -}}
{{- $faults | toJson -}}
{{- end -}}
