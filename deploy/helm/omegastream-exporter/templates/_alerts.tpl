{{/* The number in an alert's expression: its threshold of the values, otherwise the default. Nothing reaches that of an
alert that is left out. */}}
{{- define "omegastream-exporter.limit" -}}
{{- $own := get .rule.alerts .name | default dict -}}
{{- if get .rule.disabled .name -}}
+Inf
{{- else if hasKey $own "threshold" -}}
{{ printf "%v" $own.threshold }}
{{- else -}}
{{ get .thresholds .name | regexFind "[0-9.]+" }}
{{- end -}}
{{- end -}}

{{/* The expression of an alert. Some alerts say nothing about what another one reports, so they follow the changes of that
one: otherwise nobody would report it. */}}
{{- define "omegastream-exporter.expression" -}}
{{- $rule := .rule -}}
{{- $thresholds := .thresholds -}}
{{- $expr := .expr -}}
{{- $limits := dict -}}
{{- range $name := list "OmegaStreamEndpointFailing" "OmegaStreamExporterBlind" "OmegaStreamExporterStale" -}}
{{- $_ := set $limits $name (include "omegastream-exporter.limit" (dict "name" $name "rule" $rule "thresholds" $thresholds) | printf "${1}%s") -}}
{{- end -}}
{{- /* The budget alerts leave to EndpointFailing endpoints at which every delivery fails. */ -}}
{{- $expr = regexReplaceAll "(webhook_endpoint_consecutive_failures:max (?:>=|<) )[0-9.]+" $expr $limits.OmegaStreamEndpointFailing -}}
{{- /* Blind and Stale leave to others a key that is rejected and a state that fails. */ -}}
{{- if hasPrefix "OmegaStreamExporter" .alert -}}
{{- if $rule.disabled.OmegaStreamAPIKeyRejected -}}
{{- $expr = regexReplaceAll "\n *unless .*code=~\"401.*" $expr "" -}}
{{- end -}}
{{- if $rule.disabled.OmegaStreamStateFailing -}}
{{- $expr = regexReplaceAll "\n *unless .*omegastream_exporter_state_failing.*" $expr "" -}}
{{- end -}}
{{- end -}}
{{- if eq .alert "OmegaStreamExporterStale" -}}
{{- /* Stale leaves to Blind what is older still. */ -}}
{{- $expr = regexReplaceAll (get $thresholds "OmegaStreamExporterBlind" | regexFind "[0-9.]+" | printf "([<>]=? )%s\\b") $expr $limits.OmegaStreamExporterBlind -}}
{{- else if and (ne .alert "OmegaStreamExporterBlind") (ne $limits.OmegaStreamExporterStale (get $thresholds "OmegaStreamExporterStale" | regexFind "[0-9.]+" | printf "${1}%s")) -}}
{{- /* The others leave old data to Stale. */ -}}
{{- $expr = regexReplaceAll "(exporter_data_age:seconds [<>] )[0-9.]+" $expr $limits.OmegaStreamExporterStale -}}
{{- end -}}
{{- $own := get $rule.alerts .alert | default dict -}}
{{- if hasKey $own "threshold" -}}
{{- $default := get $thresholds .alert | required (printf "prometheusRule.alerts.%s has no threshold to change; the error budget follows prometheusRule.objective" .alert) | trim -}}
{{- $expr = regexReplaceAll (printf "%s([^0-9.]|$)" $default) $expr (printf "%s %v${1}" (regexFind "^[<>=]+" $default) $own.threshold) -}}
{{- end -}}
{{- $expr -}}
{{- end -}}

{{/* A dashboard with the objective of the values: its thresholds, the budget that it divides by, and its texts. */}}
{{- define "omegastream-exporter.objective" -}}
{{- $budget := round (subf 1.0 .objective) 6 -}}
{{- $text := .text -}}
{{- $text = regexReplaceAll "(\"value\": )0[.]95\\b" $text (printf "${1}%v" (round (maxf 0.0 (subf .objective 0.04)) 6)) -}}
{{- $text = regexReplaceAll "(\"value\": )0[.]99\\b" $text (printf "${1}%v" .objective) -}}
{{- $text = regexReplaceAll "( / )0[.]01\\b" $text (printf "${1}%v" $budget) -}}
{{- $text = regexReplaceAll "([Oo]bjective(?: is|,|:) )99 %" $text (printf "${1}%v %%" (round (mulf 100 .objective) 4)) -}}
{{- $text | replace "Up to 1 % of" (printf "Up to %v %% of" (round (mulf 100 $budget) 4)) -}}
{{- end -}}
