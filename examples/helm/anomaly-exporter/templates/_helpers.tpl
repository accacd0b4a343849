{{- define "name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "config" -}}
{{- if .Values.config -}}
{{ .Values.config }}
{{- else -}}
{{- $config := .Files.Get "files/kubernetes.yml" -}}
{{- $config = $config | replace "http://prometheus-operated.monitoring.svc:9090" .Values.prometheus.url -}}
{{- with .Values.prometheus.externalLabels -}}
{{- $config = $config | replace "# external_labels: {prometheus: monitoring/k8s, prometheus_replica: prometheus-k8s-0}" (printf "external_labels: %s" (toJson .)) -}}
{{- end -}}
{{ $config }}
{{- end -}}
{{- end -}}

{{- /* The pod of the Deployment and of the StatefulSet. */ -}}
{{- define "pod" -}}
metadata:
  labels:
    {{- include "labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations (not .Values.existingSecret) }}
  annotations:
    {{- if not .Values.existingSecret }}
    # A changed configuration is a roll-out.
    checksum/config: {{ include "config" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  automountServiceAccountToken: false # it never talks to the Kubernetes API
  enableServiceLinks: false
  terminationGracePeriodSeconds: 10 # it stops within five seconds, also during fits
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if gt (add .Values.shards .Values.replicas) 2 }}
  # Each on a node of its own, where there are enough.
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "selector" . | nindent 10 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: anomaly-exporter
      image: {{ include "image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - --config.file=/etc/anomaly-exporter/anomaly-exporter.yml
        {{- if .Values.existingSecret }}
        - --config.auto-reload-interval=30s
        {{- end }}
        {{- if gt (int .Values.shards) 1 }}
        - --shard.index=auto # the ordinal, from the hostname
        - --shard.total={{ .Values.shards }}
        {{- end }}
        {{- range .Values.args }}
        - {{ . | quote }}
        {{- end }}
      ports:
        - {name: http, containerPort: 9942}
      # Until the configuration is loaded and the port is open. It does not wait for readiness: a start that reads much
      # history must not be restarted.
      startupProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 1
        failureThreshold: 60
      # Ready after a first cycle of every detector. Before that there is nothing to scrape.
      readinessProbe:
        httpGet: {path: /-/ready, port: http}
        periodSeconds: 5
      livenessProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 15
        failureThreshold: 4
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/anomaly-exporter, readOnly: true}
        {{- range .Values.secrets }}
        - {name: {{ printf "secret-%s" . }}, mountPath: {{ printf "/etc/anomaly-exporter-secrets/%s" . }}, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      {{- if .Values.existingSecret }}
      secret: {secretName: {{ .Values.existingSecret }}}
      {{- else }}
      configMap: {name: {{ include "name" . }}}
      {{- end }}
    {{- range .Values.secrets }}
    - name: {{ printf "secret-%s" . }}
      secret: {secretName: {{ . }}}
    {{- end }}
{{- end -}}
