package kubernetes_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = root + "/examples/helm/anomaly-exporter"

// release is what the chart makes of values.
type release struct {
	kinds []string
	all   []any
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	require.NoError(t, err)
	return c
}

// install renders the chart as Helm does, and decodes every manifest strictly.
func install(t *testing.T, values map[string]any) release {
	t.Helper()
	c := loadChart(t)
	options := chartutil.ReleaseOptions{Name: "anomaly-exporter", Namespace: "monitoring", IsInstall: true}
	// This checks the values against the schema.
	merged, err := chartutil.ToRenderValues(c, values, options, chartutil.DefaultCapabilities)
	require.NoError(t, err)
	files, err := engine.Render(c, merged)
	require.NoError(t, err)
	var r release
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "NOTES.txt") || strings.TrimSpace(files[name]) == "" {
			continue
		}
		require.NotContains(t, files[name], "<no value>", name)
		for _, document := range separator.Split(files[name], -1) {
			if strings.TrimSpace(document) == "" {
				continue
			}
			object := decode(t, document, name)
			var head struct{ Kind string }
			require.NoError(t, yaml.Unmarshal([]byte(document), &head))
			r.kinds, r.all = append(r.kinds, head.Kind), append(r.all, object)
		}
	}
	return r
}

// one returns the only object of that type.
func one[T any](t *testing.T, r release) T {
	t.Helper()
	var found []T
	for _, object := range r.all {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// values reads one of the files in ci.
func values(t *testing.T, name string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValuesFile(filepath.Join(chartDir, "ci", name+"-values.yaml"))
	require.NoError(t, err)
	return v
}

func pod(t *testing.T, r release) corev1.PodSpec {
	t.Helper()
	if slices.Contains(r.kinds, "StatefulSet") {
		require.NotContains(t, r.kinds, "Deployment")
		return one[*appsv1.StatefulSet](t, r).Spec.Template.Spec
	}
	return one[*appsv1.Deployment](t, r).Spec.Template.Spec
}

func TestChart_PassesLintAndDecodesWithAllSetsOfValues(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	require.NoError(t, err)
	require.Len(t, files, 6)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		t.Run(name, func(t *testing.T) {
			for _, m := range lint.All(chartDir, values(t, name), "monitoring", true).Messages {
				// An icon is recommended.
				require.LessOrEqual(t, m.Severity, support.InfoSev, m.Error())
			}
			spec := pod(t, install(t, values(t, name)))
			mounted := slices.Clone(spec.Volumes)
			spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Secret != nil })
			leastPrivilege(t, &spec)
			for _, m := range spec.Containers[0].VolumeMounts {
				require.True(t, m.ReadOnly)
				require.True(t, slices.ContainsFunc(mounted, func(v corev1.Volume) bool { return v.Name == m.Name }))
			}
		})
	}
}

// The chart runs what the manifests of examples/kubernetes run.
func TestChart_HasThePodsOfTheManifests(t *testing.T) {
	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	require.NoError(t, err)
	for name, want := range map[string]corev1.PodSpec{
		"default": decodeAs[*appsv1.Deployment](t, "examples/kubernetes/plain/deployment.yaml").Spec.Template.Spec,
		"shards":  decodeAs[*appsv1.StatefulSet](t, "examples/kubernetes/shards/statefulset.yaml").Spec.Template.Spec,
	} {
		got := pod(t, install(t, values(t, name)))
		require.Equal(t, "anomaly-exporter:"+strings.TrimSpace(string(version)), got.Containers[0].Image)
		got.Containers[0].Image, got.Containers[0].ImagePullPolicy = want.Containers[0].Image, ""
		for i := range got.TopologySpreadConstraints {
			delete(got.TopologySpreadConstraints[i].LabelSelector.MatchLabels, "app.kubernetes.io/instance")
		}
		// Compared as JSON: quantities keep the text they were read from.
		wantText, err := json.MarshalIndent(want, "", " ")
		require.NoError(t, err)
		gotText, err := json.MarshalIndent(got, "", " ")
		require.NoError(t, err)
		require.Equal(t, string(wantText), string(gotText), name)
	}
	require.Equal(t, int32(3), *one[*appsv1.StatefulSet](t, install(t, values(t, "shards"))).Spec.Replicas)
}

func TestChart_HasTheFilesOfTheRepository(t *testing.T) {
	r := install(t, values(t, "kube-prometheus-stack"))

	rule := one[*monitoringv1.PrometheusRule](t, r)
	require.Equal(t, decodeAs[*monitoringv1.PrometheusRule](t, "rules/operator/prometheusrule.yaml").Spec, rule.Spec)
	require.Equal(t, "kps", rule.Labels["release"])

	monitor := one[*monitoringv1.ServiceMonitor](t, r)
	plain := decodeAs[*monitoringv1.ServiceMonitor](t, "examples/kubernetes/operator/servicemonitor.yaml")
	require.Equal(t, plain.Spec.Endpoints, monitor.Spec.Endpoints)
	require.Equal(t, "kps", monitor.Labels["release"])

	configMaps := map[string]*corev1.ConfigMap{}
	for _, object := range r.all {
		if c, ok := object.(*corev1.ConfigMap); ok {
			configMaps[c.Name] = c
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	require.NoError(t, err)
	require.Len(t, configMaps, 1+len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := filepath.Base(file)
		dashboard := configMaps["anomaly-exporter-dashboard-"+strings.TrimSuffix(name, ".json")]
		require.Equal(t, "1", dashboard.Labels["grafana_dashboard"])
		require.Len(t, dashboard.Data, 1)
		require.JSONEq(t, string(text), dashboard.Data[name])
	}

	example, err := os.ReadFile(filepath.Join(root, "examples/kubernetes.yml"))
	require.NoError(t, err)
	const commented = "# external_labels: {prometheus: monitoring/k8s, prometheus_replica: prometheus-k8s-0}"
	require.Contains(t, string(example), commented)
	want := strings.NewReplacer(
		"http://prometheus-operated.monitoring.svc:9090", "http://kps-kube-prometheus-stack-prometheus:9090",
		commented, `external_labels: {"prometheus":"monitoring/kps-kube-prometheus-stack-prometheus",`+
			`"prometheus_replica":"prometheus-0"}`,
	).Replace(string(example))
	require.Equal(t, want, configMaps["anomaly-exporter"].Data["anomaly-exporter.yml"])
}

func TestChart_SelectsItsOwnPods(t *testing.T) {
	for _, name := range []string{"default", "shards"} {
		r := install(t, values(t, name))
		var labels, selector map[string]string
		if name == "shards" {
			s := one[*appsv1.StatefulSet](t, r).Spec
			labels, selector = s.Template.Labels, s.Selector.MatchLabels
			require.Equal(t, one[*corev1.Service](t, r).Name, s.ServiceName)
		} else {
			s := one[*appsv1.Deployment](t, r).Spec
			labels, selector = s.Template.Labels, s.Selector.MatchLabels
		}
		for key, value := range selector {
			require.Equal(t, value, labels[key])
		}
		require.Equal(t, selector, one[*corev1.Service](t, r).Spec.Selector)
		require.Equal(t, selector, one[*networkingv1.NetworkPolicy](t, r).Spec.PodSelector.MatchLabels)
		require.Equal(t, selector, one[*policyv1.PodDisruptionBudget](t, r).Spec.Selector.MatchLabels)
		monitored := one[*monitoringv1.ServiceMonitor](t, r).Spec.Selector.MatchLabels
		for key, value := range monitored {
			require.Equal(t, value, one[*corev1.Service](t, r).Labels[key])
		}
	}
}

func TestChart_TakesItsConfigurationFromASecret(t *testing.T) {
	r := install(t, values(t, "secret"))
	spec := pod(t, r)
	require.Equal(t, "anomaly-exporter-config", spec.Volumes[0].Secret.SecretName)
	require.Contains(t, spec.Containers[0].Args, "--config.auto-reload-interval=30s")
	require.Contains(t, spec.Containers[0].Args, "--log.format=json")
	require.Equal(t, "/etc/anomaly-exporter-secrets/prometheus-password", spec.Containers[0].VolumeMounts[1].MountPath)
	require.Len(t, slices.DeleteFunc(r.kinds, func(k string) bool { return k != "ConfigMap" }), 4, "of dashboards")
}

func TestChart_PassesValuesOn(t *testing.T) {
	r := install(t, values(t, "pair"))
	d := one[*appsv1.Deployment](t, r)
	require.Equal(t, int32(2), *d.Spec.Replicas)
	template := d.Spec.Template
	require.Equal(t, "sre", template.Labels["team"])
	require.Equal(t, "true", template.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"])
	require.Len(t, template.Annotations["checksum/config"], 64)
	require.Regexp(t, `^registry\.example/anomaly-exporter@sha256:0{64}$`, template.Spec.Containers[0].Image)
	require.Equal(t, "registry", template.Spec.ImagePullSecrets[0].Name)
	require.Equal(t, "monitoring", template.Spec.PriorityClassName)
	require.Equal(t, map[string]string{"kubernetes.io/os": "linux"}, template.Spec.NodeSelector)
	require.Equal(t, "monitoring", template.Spec.Tolerations[0].Key)
	require.NotNil(t, template.Spec.Affinity.PodAntiAffinity)
	require.Equal(t, "50%", one[*policyv1.PodDisruptionBudget](t, r).Spec.MaxUnavailable.StrVal)
	policy := one[*networkingv1.NetworkPolicy](t, r).Spec
	require.Len(t, policy.Ingress, 2)
	require.Equal(t, "10.0.0.10/32", policy.Egress[2].To[0].IPBlock.CIDR)

	r = install(t, values(t, "plain"))
	require.ElementsMatch(t, []string{
		"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service",
	}, r.kinds)
	require.Contains(t, one[*corev1.ConfigMap](t, r).Data["anomaly-exporter.yml"],
		"- url: http://prometheus.observability:80/prometheus/api/v1/read\n")
	policy = one[*networkingv1.NetworkPolicy](t, r).Spec
	require.Equal(t, "observability",
		policy.Ingress[0].From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
	require.Equal(t, 80, policy.Egress[0].Ports[0].Port.IntValue())
}

func TestChart_RefusesValuesThatCannotBeMeant(t *testing.T) {
	for text, want := range map[string]string{
		"replica: 2":                                  "replica",
		"shards: 0":                                   "shards",
		"{shards: 2, replicas: 2}":                    "replicas",
		"{config: 'a: b', existingSecret: mine}":      "config",
		"prometheus: {url: 'http://p:9090/'}":         "url",
		"prometheus: {url: 'p:9090'}":                 "url",
		"image: {digest: latest}":                     "digest",
		"args: ['--shard.total=2']":                   "args",
		"serviceMonitor: {interval: fast}":            "interval",
		"networkPolicy: {prometheus: []}":             "prometheus",
		"podDisruptionBudget: {maxUnavailable: none}": "maxUnavailable",
	} {
		v, err := chartutil.ReadValues([]byte(text))
		require.NoError(t, err)
		_, err = chartutil.ToRenderValues(loadChart(t), v, chartutil.ReleaseOptions{}, nil)
		require.ErrorContains(t, err, want, text)
	}
}

func TestChart_HasTheVersionOfTheProgram(t *testing.T) {
	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	require.NoError(t, err)
	meta := loadChart(t).Metadata
	require.Equal(t, strings.TrimSpace(string(version)), meta.Version)
	require.Equal(t, meta.Version, meta.AppVersion)
}
