// Package kubernetes_test decodes the Kubernetes manifests of the examples, strictly, into the types that Kubernetes,
// the Prometheus operator, KEDA and Argo Events publish, and renders their kustomizations. A module of its own, for all
// that these bring along.
package kubernetes_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// published are the types by apiVersion and kind.
var published = map[string]func() any{
	"apps/v1 Deployment":                            func() any { return new(appsv1.Deployment) },
	"apps/v1 StatefulSet":                           func() any { return new(appsv1.StatefulSet) },
	"v1 ConfigMap":                                  func() any { return new(corev1.ConfigMap) },
	"v1 Namespace":                                  func() any { return new(corev1.Namespace) },
	"v1 Service":                                    func() any { return new(corev1.Service) },
	"v1 ServiceAccount":                             func() any { return new(corev1.ServiceAccount) },
	"batch/v1 Job":                                  func() any { return new(batchv1.Job) },
	"rbac.authorization.k8s.io/v1 Role":             func() any { return new(rbacv1.Role) },
	"rbac.authorization.k8s.io/v1 ClusterRole":      func() any { return new(rbacv1.ClusterRole) },
	"rbac.authorization.k8s.io/v1 RoleBinding":      func() any { return new(rbacv1.RoleBinding) },
	"argoproj.io/v1alpha1 EventBus":                 func() any { return new(argo.EventBus) },
	"argoproj.io/v1alpha1 EventSource":              func() any { return new(argo.EventSource) },
	"argoproj.io/v1alpha1 Sensor":                   func() any { return new(argo.Sensor) },
	"networking.k8s.io/v1 NetworkPolicy":            func() any { return new(networkingv1.NetworkPolicy) },
	"policy/v1 PodDisruptionBudget":                 func() any { return new(policyv1.PodDisruptionBudget) },
	"monitoring.coreos.com/v1 Prometheus":           func() any { return new(monitoringv1.Prometheus) },
	"monitoring.coreos.com/v1 PrometheusRule":       func() any { return new(monitoringv1.PrometheusRule) },
	"monitoring.coreos.com/v1 ServiceMonitor":       func() any { return new(monitoringv1.ServiceMonitor) },
	"monitoring.coreos.com/v1alpha1 ScrapeConfig":   func() any { return new(monitoringv1alpha1.ScrapeConfig) },
	"keda.sh/v1alpha1 ScaledObject":                 func() any { return new(kedav1alpha1.ScaledObject) },
	"keda.sh/v1alpha1 TriggerAuthentication":        func() any { return new(kedav1alpha1.TriggerAuthentication) },
	"kustomize.config.k8s.io/v1beta1 Kustomization": func() any { return new(kustomize.Kustomization) },
	"kustomize.config.k8s.io/v1alpha1 Component":    func() any { return new(kustomize.Kustomization) },
}

// decode decodes one YAML document, in which every key must be known.
func decode(t *testing.T, text, from string) any {
	t.Helper()
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &head), from)
	kind := head.APIVersion + " " + head.Kind
	require.Contains(t, published, kind, from)
	object := published[kind]()
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), object), from)
	return object
}

// decodeAs decodes one document of a file that holds an object of that type.
func decodeAs[T any](t *testing.T, file string) T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	object, ok := decode(t, string(text), file).(T)
	require.True(t, ok, file)
	return object
}

var separator = regexp.MustCompile(`(?m)^---$`)

func TestManifests_DecodeIntoThePublishedTypes(t *testing.T) {
	files := 0
	for _, dir := range []string{"examples", "rules/operator", "dashboards"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && path == chartDir {
				return fs.SkipDir // templates
			}
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, document := range separator.Split(string(text), -1) {
				if strings.TrimSpace(document) != "" {
					decode(t, document, path)
				}
			}
			return nil
		}))
	}
	require.Greater(t, files, 8)
}

func render(t *testing.T, fsys filesys.FileSystem, dir string) resmap.ResMap {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fsys, dir)
	require.NoError(t, err)
	for _, r := range rendered.Resources() {
		decode(t, r.MustYaml(), dir)
		applied, err := r.MarshalJSON()
		require.NoError(t, err)
		require.Less(t, len(applied), 256<<10, "%s: kubectl apply keeps it in an annotation", r.GetName())
	}
	return rendered
}

func kinds(rendered resmap.ResMap) []string {
	var all []string
	for _, r := range rendered.Resources() {
		all = append(all, r.GetKind())
	}
	return all
}

func TestKustomizations_RenderAllResources(t *testing.T) {
	disk := filesys.MakeFsOnDisk()
	plain := render(t, disk, filepath.Join(root, "examples/kubernetes/plain"))
	require.ElementsMatch(t, []string{
		"ConfigMap", "Service", "Deployment", "NetworkPolicy", "PodDisruptionBudget",
	}, kinds(plain))
	operator := render(t, disk, filepath.Join(root, "examples/kubernetes/operator"))
	require.ElementsMatch(t, []string{
		"ConfigMap", "ConfigMap", "ConfigMap", "ConfigMap", "ConfigMap", "Service", "Deployment", "NetworkPolicy",
		"PodDisruptionBudget", "ServiceMonitor", "PrometheusRule",
	}, kinds(operator))

	shards := render(t, disk, filepath.Join(root, "examples/kubernetes/shards"))
	require.ElementsMatch(t, []string{
		"ConfigMap", "ConfigMap", "ConfigMap", "ConfigMap", "ConfigMap", "Service", "StatefulSet", "NetworkPolicy",
		"PodDisruptionBudget", "ServiceMonitor", "PrometheusRule",
	}, kinds(shards))

	correlation := render(t, disk, filepath.Join(root, "examples/llm-correlation/kubernetes"))
	require.ElementsMatch(t, []string{"Service", "Deployment", "NetworkPolicy", "NetworkPolicy"}, kinds(correlation))

	demo := render(t, disk, filepath.Join(root, "examples/demo/kubernetes"))
	require.Equal(t, map[string]int{
		"Namespace": 1, "Deployment": 6, "Service": 6, "ConfigMap": 3, "NetworkPolicy": 1, "PodDisruptionBudget": 1,
		"ScaledObject": 1,
	}, count(kinds(demo)))
	for _, r := range demo.Resources() {
		if r.GetKind() != "Namespace" {
			require.Equal(t, "shop", r.GetNamespace(), r.GetName())
		}
	}

	version, err := os.ReadFile(filepath.Join(root, "VERSION"))
	require.NoError(t, err)
	for _, r := range append(plain.Resources(), shards.Resources()...) {
		require.Equal(t, "monitoring", r.GetNamespace())
		var pod corev1.PodSpec
		switch o := decode(t, r.MustYaml(), "").(type) {
		case *appsv1.Deployment:
			pod = o.Spec.Template.Spec
		case *appsv1.StatefulSet:
			pod = o.Spec.Template.Spec
		default:
			continue
		}
		require.Equal(t, "anomaly-exporter:"+strings.TrimSpace(string(version)), pod.Containers[0].Image)
		require.Regexp(t, `^anomaly-exporter-[a-z0-9]{10}$`, pod.Volumes[0].ConfigMap.Name,
			"a changed configuration is a rollout")
	}
}

// The pods differ from those of the Deployment in their share of the series, and in what that takes.
func TestShards_ArePodsOfTheDeploymentWithAnOrdinal(t *testing.T) {
	s := decodeAs[*appsv1.StatefulSet](t, "examples/kubernetes/shards/statefulset.yaml")
	d := decodeAs[*appsv1.Deployment](t, "examples/kubernetes/plain/deployment.yaml")
	service := decodeAs[*corev1.Service](t, "examples/kubernetes/plain/service.yaml")
	require.Equal(t, service.Name, s.Spec.ServiceName)
	require.Equal(t, corev1.ClusterIPNone, service.Spec.ClusterIP)
	require.Equal(t, d.Spec.Selector, s.Spec.Selector)

	pod, alone := s.Spec.Template.Spec, d.Spec.Template.Spec
	leastPrivilege(t, &pod)
	require.Equal(t, append(slices.Clone(alone.Containers[0].Args),
		"--shard.index=auto", fmt.Sprintf("--shard.total=%d", *s.Spec.Replicas)), pod.Containers[0].Args)
	pod.Containers[0].Args, pod.Containers[0].Resources = alone.Containers[0].Args, alone.Containers[0].Resources
	pod.TopologySpreadConstraints = nil
	require.Equal(t, alone, pod)
}

func count(all []string) map[string]int {
	n := map[string]int{}
	for _, one := range all {
		n[one]++
	}
	return n
}

func TestKustomizations_HaveAllRulesAndDashboards(t *testing.T) {
	for dir, pattern := range map[string]string{"rules": "*.yml", "dashboards": "*.json"} {
		files, err := filepath.Glob(filepath.Join(root, dir, pattern))
		require.NoError(t, err)
		var want, got []string
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.yml") {
				want = append(want, filepath.Base(file))
			}
		}
		for _, r := range render(t, filesys.MakeFsOnDisk(), filepath.Join(root, dir)).Resources() {
			for file := range decode(t, r.MustYaml(), dir).(*corev1.ConfigMap).Data {
				got = append(got, file)
			}
		}
		require.ElementsMatch(t, want, got)
	}
}

func TestSidecar_AddsTheExporterToAPrometheus(t *testing.T) {
	memory := filesys.MakeFsInMemory()
	component := filepath.Join(root, "examples/kubernetes/sidecar")
	files, err := os.ReadDir(component)
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(component, file.Name()))
		require.NoError(t, err)
		require.NoError(t, memory.WriteFile("/sidecar/"+file.Name(), text))
	}
	mine := "resources: [prometheus.yaml]\ncomponents: [../sidecar]\n"
	require.NoError(t, memory.WriteFile("/mine/kustomization.yaml", []byte(mine)))
	require.NoError(t, memory.WriteFile("/mine/prometheus.yaml", []byte(`
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata:
  name: k8s
  namespace: monitoring
spec:
  replicas: 2
`)))
	rendered := render(t, memory, "/mine")
	require.ElementsMatch(t, []string{"Prometheus", "ConfigMap", "ScrapeConfig"}, kinds(rendered))
	for _, r := range rendered.Resources() {
		if p, ok := decode(t, r.MustYaml(), "").(*monitoringv1.Prometheus); ok {
			require.Equal(t, "k8s", p.Name)
			require.Equal(t, int32(2), *p.Spec.Replicas)
			require.Len(t, p.Spec.Containers, 1)
			require.Regexp(t, `^anomaly-exporter:\d`, p.Spec.Containers[0].Image)
			leastPrivilege(t, &corev1.PodSpec{
				AutomountServiceAccountToken: new(bool), // Prometheus itself needs one
				Containers:                   p.Spec.Containers, Volumes: p.Spec.Volumes,
			})
		}
	}
}

func TestDeployment_RunsWithLeastPrivilege(t *testing.T) {
	d := decodeAs[*appsv1.Deployment](t, "examples/kubernetes/plain/deployment.yaml")
	leastPrivilege(t, &d.Spec.Template.Spec)
	c := d.Spec.Template.Spec.Containers[0]
	require.Equal(t, "/-/ready", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/-/healthy", c.LivenessProbe.HTTPGet.Path)
}

func TestLLMCorrelation_RunsWithLeastPrivilegeAndTakesItsSecretsFromASecret(t *testing.T) {
	d := decodeAs[*appsv1.Deployment](t, "examples/llm-correlation/kubernetes/deployment.yaml")
	pod := d.Spec.Template.Spec
	for _, v := range []string{"ANTHROPIC_API_KEY", "WEBHOOK_URL"} {
		i := slices.IndexFunc(pod.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == v })
		require.NotEqual(t, -1, i, v)
		require.Equal(t, "llm-correlation", pod.Containers[0].Env[i].ValueFrom.SecretKeyRef.Name)
	}
	require.NotNil(t, pod.Volumes[0].EmptyDir, "its state")
	pod.Volumes = pod.Volumes[1:]
	leastPrivilege(t, &pod)
}

// leastPrivilege checks what the restricted profile of the pod security standards asks for, and more.
func leastPrivilege(t *testing.T, pod *corev1.PodSpec) {
	t.Helper()
	require.False(t, *pod.AutomountServiceAccountToken)
	require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)
	for _, v := range pod.Volumes {
		require.NotNil(t, v.ConfigMap, v.Name)
	}
	for _, c := range pod.Containers {
		own, shared := c.SecurityContext, pod.SecurityContext
		if shared == nil {
			shared = &corev1.PodSecurityContext{RunAsNonRoot: own.RunAsNonRoot, SeccompProfile: own.SeccompProfile}
		}
		require.True(t, *shared.RunAsNonRoot)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, shared.SeccompProfile.Type)
		require.False(t, *own.AllowPrivilegeEscalation)
		require.True(t, *own.ReadOnlyRootFilesystem)
		require.Equal(t, []corev1.Capability{"ALL"}, own.Capabilities.Drop)
		require.Empty(t, own.Capabilities.Add)
		require.False(t, c.Resources.Requests.Memory().IsZero())
		require.Equal(t, c.Resources.Requests.Memory(), c.Resources.Limits.Memory())
	}
}

// Results keep their own labels: the scrape honours them, and adds none of the exporter's.
func TestScrapes_KeepTheLabelsOfResults(t *testing.T) {
	monitor := decodeAs[*monitoringv1.ServiceMonitor](t, "examples/kubernetes/operator/servicemonitor.yaml")
	endpoint := monitor.Spec.Endpoints[0]
	require.True(t, endpoint.HonorLabels)
	require.Equal(t, "labeldrop", endpoint.RelabelConfigs[0].Action)
	dropped := regexp.MustCompile("^(?:" + endpoint.RelabelConfigs[0].Regex + ")$")
	for _, label := range []string{"namespace", "pod", "container", "service", "endpoint", "node"} {
		require.True(t, dropped.MatchString(label), label)
	}
	require.False(t, dropped.MatchString("job") || dropped.MatchString("instance"))

	scrape := decodeAs[*monitoringv1alpha1.ScrapeConfig](t, "examples/kubernetes/sidecar/scrapeconfig.yaml")
	require.True(t, *scrape.Spec.HonorLabels)
}

// The configurations beside the manifests are copies of the examples, except for the address: kustomize reads no file
// of a parent folder.
func TestConfigs_AreCopiesOfTheExamples(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile(filepath.Join(root, "examples", file))
		require.NoError(t, err)
		return string(text)
	}
	const operated, local = "http://prometheus-operated.monitoring.svc:9090", "http://localhost:9090"
	want := read("kubernetes.yml")
	require.Contains(t, want, operated)
	require.Equal(t, want, read("kubernetes/plain/anomaly-exporter.yml"))
	require.Equal(t, strings.Replace(want, operated, local, 1), read("kubernetes/sidecar/anomaly-exporter.yml"))
	demo := read("demo/anomaly-exporter.yml")
	require.Contains(t, demo, local)
	inCluster := strings.Replace(demo, local, "http://prometheus:9090", 1)
	require.Equal(t, inCluster, read("demo/kubernetes/exporter/anomaly-exporter.yml"))
}

// What the command resources writes, as its own test keeps it, patches the manifests that people have.
func TestResources_PatchesAreForKustomize(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "cmd/anomaly-exporter/resources/testdata/requests.yaml"))
	require.NoError(t, err)
	for _, document := range separator.Split(string(text), -1) {
		decode(t, document, "requests.yaml")
	}
	const base = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api%[1]s}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - {name: proxy, image: proxy}
        - name: api
          image: api
          resources: {requests: {cpu: "2", ephemeral-storage: 1Gi}, limits: {cpu: "4"}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db%[1]s}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db}]}
`
	for name, tc := range map[string]struct{ manifests, base string }{
		"namespace in the manifests": {", namespace: shop", ""},
		"namespace in the base":      {"", "namespace: shop\n"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := filesys.MakeFsInMemory()
			for file, text := range map[string]string{
				"app/app.yaml": fmt.Sprintf(base, tc.manifests), "overlay/requests.yaml": string(text),
				"app/kustomization.yaml":     "resources: [app.yaml]\n" + tc.base,
				"overlay/kustomization.yaml": "resources: [../app]\npatches: [{path: requests.yaml}]\n",
			} {
				require.NoError(t, fsys.WriteFile(file, []byte(text)))
			}
			rendered := render(t, fsys, "overlay").Resources()
			require.Len(t, rendered, 2)
			var api appsv1.Deployment
			require.NoError(t, yaml.UnmarshalStrict([]byte(rendered[0].MustYaml()), &api))
			containers := api.Spec.Template.Spec.Containers
			require.Len(t, containers, 2)
			for _, c := range containers {
				require.Equal(t, c.Name, c.Image, "the rest stays")
				if c.Name != "api" {
					require.Empty(t, c.Resources)
					continue
				}
				require.Equal(t, "460m", c.Resources.Requests.Cpu().String())
				require.Equal(t, "230Mi", c.Resources.Requests.Memory().String())
				require.Equal(t, "1Gi", c.Resources.Requests.StorageEphemeral().String())
				require.Equal(t, "4", c.Resources.Limits.Cpu().String())
			}
		})
	}
}
