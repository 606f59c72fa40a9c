{{/* The flags as a tree, in JSON. The values override what the chart sets. */}}
{{- define "omegastream-exporter.flags" -}}
{{- $flags := .Values.flags | default dict -}}
{{- $own := dict -}}
{{- if not $flags.demo -}}
{{- if eq (include "omegastream-exporter.mountsKey" .) "true" -}}
{{- $own = mergeOverwrite $own (dict "api" (dict "key-file" (printf "/etc/omegastream/api-key/%s" .Values.apiKey.key))) -}}
{{- end -}}
{{- if eq (include "omegastream-exporter.mountsState" .) "true" -}}
{{- $own = mergeOverwrite $own (dict "state" (dict "url-file" (printf "/etc/omegastream/state/%s" .Values.state.key))) -}}
{{- else if and (eq .Values.mode "standalone") (not (dig "state" "url" "" $flags)) (not (dig "state" "url-file" "" $flags)) -}}
{{- $own = mergeOverwrite $own (dict "state" (dict "url" "file:/data/ledger.db")) -}}
{{- end -}}
{{- end -}}
{{- with .Values.webExternalURL -}}
{{- $own = mergeOverwrite $own (dict "web" (dict "external-url" .)) -}}
{{- end -}}
{{- mergeOverwrite $own (deepCopy $flags) | toJson -}}
{{- end -}}

{{/* The arguments of a tree of flags. */}}
{{- define "omegastream-exporter.args" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .flags -}}
{{- $name := printf "%s%s" $prefix $key -}}
{{- if kindIs "map" $value -}}
{{- include "omegastream-exporter.args" (dict "prefix" (printf "%s." $name) "flags" $value) -}}
{{- else if kindIs "slice" $value -}}
{{- range $value }}
- {{ printf "--%s=%s" $name (include "omegastream-exporter.text" .) | quote }}
{{- end -}}
{{- else if kindIs "bool" $value }}
- {{ printf "--%s%s" (ternary "" "no-" $value) $name }}
{{- else if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
- {{ printf "--%s=%s" $name (include "omegastream-exporter.text" $value) | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A value as people write it: ten million must not become 1e+07. */}}
{{- define "omegastream-exporter.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{- define "omegastream-exporter.mountsKey" -}}
{{- and (not (.Values.flags).demo) (not (dig "api" "key-file" "" (.Values.flags | default dict))) (or .Values.apiKey.existingSecret .Values.apiKey.value) | not | not -}}
{{- end -}}

{{- define "omegastream-exporter.mountsState" -}}
{{- and (eq .Values.mode "replicated") (or .Values.state.existingSecret .Values.state.url) | not | not -}}
{{- end -}}

{{/* Whether there is a folder for a state file. */}}
{{- define "omegastream-exporter.mountsData" -}}
{{- and (eq .Values.mode "standalone") (not (.Values.flags).demo) (not (hasPrefix "memory:" (dig "state" "url" "" (.Values.flags | default dict) | toString))) | not | not -}}
{{- end -}}

{{- define "omegastream-exporter.port" -}}
{{- $addresses := dig "web" "listen-address" list (.Values.flags | default dict) -}}
{{- $address := ":9877" -}}
{{- if kindIs "slice" $addresses }}{{ if $addresses }}{{ $address = first $addresses }}{{ end }}{{ else if $addresses }}{{ $address = $addresses }}{{ end -}}
{{- regexFind "[0-9]+$" $address | required "flags.web.listen-address: the first address ends in no port" -}}
{{- end -}}

{{/* The URL at which people reach the exporter. */}}
{{- define "omegastream-exporter.externalURL" -}}
{{- dig "web" "external-url" "" (include "omegastream-exporter.flags" . | fromJson) | trimSuffix "/" -}}
{{- end -}}

{{/* A text of dashboards/ with the addresses of the values. If a value is empty, the text keeps its example. */}}
{{- define "omegastream-exporter.linked" -}}
{{- $text := .text -}}
{{- $exporter := include "omegastream-exporter.externalURL" .values -}}
{{- $runbooks := .values.Values.runbookURL -}}
{{- if and $exporter (not $runbooks) }}{{ $runbooks = printf "%s/runbooks" $exporter }}{{ end -}}
{{- with .values.Values.grafanaURL }}{{ $text = $text | replace "https://grafana.example.com" (trimSuffix "/" .) }}{{ end -}}
{{- with $runbooks }}{{ $text = $text | replace "https://git.example.com/omegastream_exporter/docs/runbooks.md" . }}{{ end -}}
{{- with $exporter }}{{ $text = $text | replace "http://localhost:9877" . }}{{ end -}}
{{- $text -}}
{{- end -}}

{{/* The prefix of every path. */}}
{{- define "omegastream-exporter.prefix" -}}
{{- $web := dig "web" dict (include "omegastream-exporter.flags" . | fromJson) -}}
{{- $prefix := index $web "route-prefix" -}}
{{- if not $prefix }}{{ $prefix = (index $web "external-url" | default "" | urlParse).path }}{{ end -}}
{{- $prefix | trimSuffix "/" -}}
{{- end -}}

{{- define "omegastream-exporter.metricsPath" -}}
{{ include "omegastream-exporter.prefix" . }}{{ dig "web" "telemetry-path" "" (.Values.flags | default dict) | default "/metrics" }}
{{- end -}}

{{/* The request of a probe. The kubelet sends no password and no client certificate, but the command healthcheck counts an
exporter that asks for one as healthy. It needs the flags that change the address of its page. */}}
{{- define "omegastream-exporter.asks" -}}
{{- $web := dig "web" dict (include "omegastream-exporter.flags" .values | fromJson) -}}
{{- if dig "config" "file" "" $web -}}
exec:
  command:
    - /bin/omegastream_exporter
    - healthcheck
    {{- include "omegastream-exporter.args" (dict "prefix" "web." "flags" $web) | trim | nindent 4 }}
{{- else -}}
httpGet:
  path: {{ include "omegastream-exporter.prefix" .values }}{{ .page }}
  port: http
{{- end -}}
{{- end -}}

{{/* Refuses combinations that cannot work, and says what to change. */}}
{{- define "omegastream-exporter.validate" -}}
{{- $flags := .Values.flags | default dict -}}
{{- $environment := or .Values.env .Values.envFrom -}}
{{- $keys := 0 -}}
{{- if .Values.apiKey.existingSecret }}{{ $keys = add1 $keys }}{{ end -}}
{{- if .Values.apiKey.value }}{{ $keys = add1 $keys }}{{ end -}}
{{- if dig "api" "key-file" "" $flags }}{{ $keys = add1 $keys }}{{ end -}}
{{- if and (eq (int $keys) 0) (not $flags.demo) (not $environment) -}}
{{- fail "there is no API key: set apiKey.existingSecret to the name of a Secret, or try flags.demo=true" -}}
{{- end -}}
{{- if gt (int $keys) 1 -}}
{{- fail "the API key is given more than once: keep one of apiKey.existingSecret, apiKey.value and flags.api.key-file" -}}
{{- end -}}
{{- if eq .Values.mode "replicated" -}}
{{- if $flags.demo -}}
{{- fail "flags.demo keeps its state in memory, which replicas cannot share: use mode=standalone" -}}
{{- end -}}
{{- $states := 0 -}}
{{- if .Values.state.existingSecret }}{{ $states = add1 $states }}{{ end -}}
{{- if .Values.state.url }}{{ $states = add1 $states }}{{ end -}}
{{- if dig "state" "url" "" $flags }}{{ $states = add1 $states }}{{ end -}}
{{- if dig "state" "url-file" "" $flags }}{{ $states = add1 $states }}{{ end -}}
{{- if and (eq (int $states) 0) (not $environment) -}}
{{- fail "mode=replicated needs a state in PostgreSQL: set state.existingSecret to the name of a Secret with its URL" -}}
{{- end -}}
{{- if gt (int $states) 1 -}}
{{- fail "the state is given more than once: keep one of state.existingSecret, state.url, flags.state.url and flags.state.url-file" -}}
{{- end -}}
{{- if regexMatch "^(file|memory):" (dig "state" "url" "" $flags | toString) -}}
{{- fail "mode=replicated: flags.state.url is not shared by the replicas: it must be a postgres:// URL" -}}
{{- end -}}
{{- else if or .Values.state.existingSecret .Values.state.url -}}
{{- fail "state.existingSecret and state.url belong to mode=replicated: set it, or leave them out" -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.httpRoute.enabled -}}
{{- fail "ingress and httpRoute would serve the same address: enable one of the two" -}}
{{- end -}}
{{- range $name, $_ := merge (dict) .Values.prometheusRule.alerts .Values.prometheusRule.disabled -}}
{{- if not (contains (printf "alert: %s\n" $name) (printf "%s%s" ($.Files.Get "files/prometheusrule.yaml") ($.Files.Get "files/prometheusrule-videos.yaml"))) -}}
{{- fail (printf "prometheusRule: there is no alert %s" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor and podMonitor would scrape every pod twice: enable one of the two" -}}
{{- end -}}
{{- end -}}
