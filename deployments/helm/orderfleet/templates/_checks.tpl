{{/* What cannot be meant, told before anything is installed. What the schema can tell, it tells. */}}
{{- define "orderfleet.checks" -}}
{{- $values := .Values }}
{{- if not (include "orderfleet.gatewayUrl" .) }}
{{- fail "gateway.url is empty: payment-service needs a card gateway (gatewaySim.enabled=true brings a simulator, quickstart=true a whole fleet)" }}
{{- end }}
{{- if not $values.quickstart }}
{{- with $values.nats }}
{{- if and (not .tls.enabled) (or .tls.caSecret .tls.clientSecret .tls.first) }}
{{- fail "nats.tls: what is given there is not used without nats.tls.enabled=true" }}
{{- end }}
{{- if not (or (eq .auth.method "none") (contains "{user}" (printf "%s %s" .auth.existingSecret .auth.key))) }}
{{- fail "nats.auth: existingSecret or key has to contain {user}, for each user has credentials of its own" }}
{{- end }}
{{- end }}
{{- end }}
{{- if $values.networkPolicy.enabled }}
{{- include "orderfleet.portChecks" . }}
{{- end }}
{{- with $values.nats }}
{{- if and .tls.enabled (not (or .tls.caSecret .tls.clientSecret .tls.first (hasPrefix "tls://" .url))) }}
{{- fail "nats.tls.enabled: nothing asks for TLS; begin nats.url with tls://, or name a caSecret" }}
{{- end }}
{{- end }}
{{- range $name := include "orderfleet.components" . | fromJsonArray }}
{{- $c := include "orderfleet.component" (dict "root" $ "name" $name) | fromJson }}
{{- if lt (int $c.grace) (int $c.stop) }}
{{- fail (printf "%s: terminationGracePeriodSeconds %d is too short: preStop %d + drainTimeout %d + 15 is %d" $name (int $c.grace) (int $c.preStop) (int $c.drainTimeout) (int $c.stop)) }}
{{- end }}
{{- if and (hasKey $c.pdb "minAvailable") (hasKey $c.pdb "maxUnavailable") }}
{{- fail (printf "%s: pdb.minAvailable and pdb.maxUnavailable exclude each other" $name) }}
{{- end }}
{{- if gt (int $c.autoscaling.minReplicas) (int $c.autoscaling.maxReplicas) }}
{{- fail (printf "%s: autoscaling.minReplicas is more than autoscaling.maxReplicas" $name) }}
{{- end }}
{{- if and (ne $c.autoscaling.kind "none") (not $c.facts.consumers) }}
{{- fail (printf "%s: autoscaling is for payment-service and notification-service" $name) }}
{{- end }}
{{- if and (eq $c.autoscaling.kind "keda") (or $values.quickstart (not $values.nats.monitoringEndpoint)) }}
{{- fail (printf "%s: autoscaling.kind keda needs nats.monitoringEndpoint, and no quickstart" $name) }}
{{- end }}
{{- if and $c.facts.gateway (ge (int (dig "settings" "GATEWAY_TIMEOUT" 10 $c)) (int $c.drainTimeout)) }}
{{- fail (printf "%s: GATEWAY_TIMEOUT has to be less than drainTimeout, or every deploy leaves charges without an answer" $name) }}
{{- end }}
{{- if and (eq $name "audit-service") (eq $c.sql "sqlite") (not $c.claims) (not $values.quickstart) }}
{{- fail "audit-service: the trail has to outlive its pod and the streams: persistence.enabled=true, or PostgreSQL by database.existingSecret" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Policies let through the ports they name. Another one in an address would be silence, not an error. */}}
{{- define "orderfleet.portChecks" -}}
{{- $policy := .Values.networkPolicy }}
{{- $addresses := list }}
{{- if not .Values.quickstart }}
{{- range splitList "," .Values.nats.url }}
{{- $addresses = append $addresses (list "nats.url" (trim .) "natsPort" $policy.natsPort) }}
{{- end }}
{{- end }}
{{- if not (include "orderfleet.simulated" .) }}
{{- $addresses = append $addresses (list "gateway.url" .Values.gateway.url "gatewayPort" $policy.gatewayPort) }}
{{- end }}
{{- with .Values.telemetry.otlpEndpoint }}
{{- $addresses = append $addresses (list "telemetry.otlpEndpoint" . "otlpPort" $policy.otlpPort) }}
{{- end }}
{{- range $addresses }}
{{- $port := include "orderfleet.port" (index . 1) }}
{{- if ne $port (toString (int (index . 3))) }}
{{- fail (printf "%s: the network policies let through port %d only, not %s; say networkPolicy.%s=%s" (index . 0) (int (index . 3)) $port (index . 2) $port) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of an address, be it said or its scheme's own. */}}
{{- define "orderfleet.port" -}}
{{- $said := regexFind ":[0-9]+$" (regexFind "^[a-z]+://[^/?#]+" .) }}
{{- $own := get (dict "nats" "4222" "tls" "4222" "http" "80" "https" "443") (regexFind "^[a-z]+" .) }}
{{- default $own (trimPrefix ":" $said) }}
{{- end }}
