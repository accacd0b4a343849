package kubernetes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const remediation = "examples/remediation"

// notification is what Alertmanager posts, as examples/remediation/testdata has it, after a change of its one alert.
func notification(t *testing.T, name string, change func(note, alert map[string]any)) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, remediation, "testdata", name+".json"))
	require.NoError(t, err)
	var note map[string]any
	require.NoError(t, json.Unmarshal(text, &note))
	if change != nil {
		change(note, note["alerts"].([]any)[0].(map[string]any))
	}
	return note
}

// ofPod changes the pod of an alert, and its namespace.
func ofPod(namespace, pod string) func(note, alert map[string]any) {
	return func(_, alert map[string]any) {
		alert["labels"].(map[string]any)["namespace"] = namespace
		alert["annotations"].(map[string]any)["pod"] = pod
	}
}

// jobOf returns what the sensor makes of a notification, by Argo Events' own code; nil if its filters refuse it.
func jobOf(t *testing.T, sensor *argo.Sensor, note map[string]any) *batchv1.Job {
	t.Helper()
	require.Len(t, sensor.Spec.Dependencies, 1)
	require.Len(t, sensor.Spec.Triggers, 1)
	on := sensor.Spec.Dependencies[0]
	data, err := json.Marshal(map[string]any{"header": map[string]any{}, "body": note}) // as the EventSource passes it on
	require.NoError(t, err)
	event := &argo.Event{Context: &argo.EventContext{DataContentType: argo.MediaTypeJSON}, Data: data}
	ok, err := dependencies.Filter(event, on.Filters, on.FiltersLogicalOperator)
	if !ok {
		return nil
	}
	require.NoError(t, err)
	trigger := sensor.Spec.Triggers[0].Template.K8s
	require.Equal(t, argo.Create, trigger.Operation)
	var object unstructured.Unstructured
	require.NoError(t, json.Unmarshal(trigger.Source.Resource.Value, &object.Object))
	events := map[string]*argo.Event{on.Name: event}
	require.NoError(t, triggers.ApplyResourceParameters(events, trigger.Parameters, &object))
	text, err := yaml.Marshal(object.Object)
	require.NoError(t, err)
	require.NotContains(t, string(text), "set below")
	job, ok := decode(t, string(text), "job").(*batchv1.Job)
	require.True(t, ok)
	require.Empty(t, validation.IsDNS1123Label(job.Name), job.Name)
	return job
}

// evictionOf returns the eviction that a Job posts, of which the path and the content must agree.
func evictionOf(t *testing.T, job *batchv1.Job) *policyv1.Eviction {
	t.Helper()
	pod := job.Spec.Template
	require.Equal(t, "metadata.annotations['eviction']", pod.Spec.Volumes[0].DownwardAPI.Items[0].FieldRef.FieldPath)
	var eviction policyv1.Eviction
	require.NoError(t, yaml.UnmarshalStrict([]byte(pod.Annotations["eviction"]), &eviction))
	require.Equal(t, "policy/v1 Eviction", eviction.APIVersion+" "+eviction.Kind)
	require.Equal(t, []string{
		"create", "--raw", "/api/v1/namespaces/" + eviction.Namespace + "/pods/" + eviction.Name + "/eviction",
		"-f", filepath.Join(pod.Spec.Containers[0].VolumeMounts[0].MountPath, pod.Spec.Volumes[0].DownwardAPI.Items[0].Path),
	}, pod.Spec.Containers[0].Args)
	return &eviction
}

func TestRemediation_EvictsThePodOfAnAlert(t *testing.T) {
	sensor := decodeAs[*argo.Sensor](t, remediation+"/sensor.yaml")
	for name, pod := range map[string]string{"TimeToLimit": "api-0", "PredictivePodInstability": "payments-0"} {
		t.Run(name, func(t *testing.T) {
			job := jobOf(t, sensor, notification(t, name, nil))
			require.NotNil(t, job)
			require.Regexp(t, "^evict-"+strings.TrimSuffix(pod, "-0")+"-[0-9a-f]{10}$", job.Name)
			require.Regexp(t, "^"+name+": shop/[a-z]+/"+pod+" ", job.Annotations["alert"])
			eviction := evictionOf(t, job)
			require.Equal(t, "shop/"+pod, eviction.Namespace+"/"+eviction.Name)
			require.Equal(t, []string{"All"}, eviction.DeleteOptions.DryRun, "a dry run is the default")

			require.Equal(t, int32(1800), *job.Spec.TTLSecondsAfterFinished)
			require.Zero(t, *job.Spec.BackoffLimit)
			require.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)
			require.Equal(t, "pod-evictor", job.Spec.Template.Spec.ServiceAccountName)
		})
	}
}

func TestRemediation_EvictsOnceTheLineOfTheDryRunIsGone(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, remediation, "sensor.yaml"))
	require.NoError(t, err)
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `"dryRun"`) {
			kept = append(kept, line)
		}
	}
	require.Len(t, kept, strings.Count(string(text), "\n")-1)
	sensor := decode(t, strings.Join(kept, ""), "sensor").(*argo.Sensor)
	eviction := evictionOf(t, jobOf(t, sensor, notification(t, "TimeToLimit", nil)))
	require.Equal(t, "api-0", eviction.Name)
	require.Nil(t, eviction.DeleteOptions)
}

// A second Job of the same name is refused while the first is there. So the name must be the workload's.
func TestRemediation_NamesTheJobAfterTheWorkload(t *testing.T) {
	sensor := decodeAs[*argo.Sensor](t, remediation+"/sensor.yaml")
	name := func(namespace, pod string) string {
		job := jobOf(t, sensor, notification(t, "TimeToLimit", ofPod(namespace, pod)))
		require.NotNil(t, job, pod)
		return job.Name
	}
	require.Equal(t, name("shop", "api-0"), name("shop", "api-11"))
	require.Equal(t, name("shop", "api-6d4f8b9c7d-x2k4z"), name("shop", "api-6d4f8b9c7d-bbbbb"))
	require.Equal(t, name("shop", "api-6d4f8b9c7d-x2k4z"), name("shop", "api-7f5c4d8b-l9zqw"), "of another revision")
	require.NotEqual(t, name("shop", "api-0"), name("bank", "api-0"))
	require.NotEqual(t, name("shop", "api-0"), name("shop", "api-v2-0"))
	long := strings.Repeat("a", 45)
	require.NotEqual(t, name("shop", long+"b-0"), name("shop", long+"c-0"))
}

func TestRemediation_RefusesWhatIsNotThePodOfAWorkload(t *testing.T) {
	sensor := decodeAs[*argo.Sensor](t, remediation+"/sensor.yaml")
	label := func(name, value string) func(note, alert map[string]any) {
		return func(_, alert map[string]any) { alert["labels"].(map[string]any)[name] = value }
	}
	for name, change := range map[string]func(note, alert map[string]any){
		"resolved":        func(note, _ map[string]any) { note["status"] = "resolved" },
		"several alerts":  func(note, alert map[string]any) { note["alerts"] = []any{alert, alert} },
		"no alert":        func(note, _ map[string]any) { note["alerts"] = []any{} },
		"no pod":          func(_, alert map[string]any) { delete(alert["annotations"].(map[string]any), "pod") },
		"no namespace":    func(_, alert map[string]any) { delete(alert["labels"].(map[string]any), "namespace") },
		"another alert":   label("alertname", "NotTimeToLimit"),
		"a volume":        label("detector", "volume_used"),
		"empty pod":       ofPod("shop", ""),
		"another path":    ofPod("shop", "../nodes/a-0"),
		"no name":         ofPod("shop/..", "api-0"),
		"lines":           ofPod("shop", "api-0\nx"),
		"of a DaemonSet":  ofPod("shop", "node-exporter-x7bqz"),
		"of a CronJob":    ofPod("shop", "backup-29470980-x7bqz"),
		"of a Job":        ofPod("shop", "migrate-x7bqz"),
		"of a Job's list": ofPod("shop", "work-5-x7bqz"),
		"bare":            ofPod("shop", "debug"),
	} {
		t.Run(name, func(t *testing.T) {
			require.Nil(t, jobOf(t, sensor, notification(t, "TimeToLimit", change)))
		})
	}
}

func TestRemediation_HasNoMoreRightsThanItNeeds(t *testing.T) {
	rendered := render(t, filesys.MakeFsOnDisk(), filepath.Join(root, remediation))
	rights := map[string][]rbacv1.PolicyRule{}
	for _, r := range rendered.Resources() {
		if r.GetKind() != "Namespace" && r.GetKind() != "ClusterRole" {
			require.Equal(t, "remediation", r.GetNamespace(), r.GetName())
		}
		switch object := decode(t, r.MustYaml(), r.GetName()).(type) {
		case *rbacv1.Role:
			rights[object.Name] = object.Rules
		case *rbacv1.ClusterRole:
			rights[object.Name] = object.Rules
		case *argo.Sensor:
			require.Equal(t, "sensor", object.Spec.Template.ServiceAccountName)
			pod := jobOf(t, object, notification(t, "TimeToLimit", nil)).Spec.Template.Spec
			require.True(t, *pod.SecurityContext.RunAsNonRoot)
			require.True(t, *pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem)
			require.False(t, *pod.Containers[0].SecurityContext.AllowPrivilegeEscalation)
			require.Equal(t, []corev1.Capability{"ALL"}, pod.Containers[0].SecurityContext.Capabilities.Drop)
		}
	}
	require.Equal(t, map[string][]rbacv1.PolicyRule{
		"sensor":      {{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"}}},
		"pod-evictor": {{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}}},
	}, rights)
	binding := decodeAs[*rbacv1.RoleBinding](t, remediation+"/namespaces/shop.yaml")
	require.Equal(t, "ClusterRole pod-evictor", binding.RoleRef.Kind+" "+binding.RoleRef.Name)
	require.Equal(t, []rbacv1.Subject{
		{Kind: "ServiceAccount", Name: "pod-evictor", Namespace: "remediation"},
	}, binding.Subjects)
}

func TestRemediation_AlertmanagerPostsToTheEventSource(t *testing.T) {
	source := decodeAs[*argo.EventSource](t, remediation+"/eventsource.yaml")
	sensor := decodeAs[*argo.Sensor](t, remediation+"/sensor.yaml")
	on := sensor.Spec.Dependencies[0]
	require.Equal(t, source.Name, on.EventSourceName)
	hook, ok := source.Spec.Webhook[on.EventName]
	require.True(t, ok)
	require.NotNil(t, hook.AuthSecret)
	require.Equal(t, "12000", hook.Port)
	require.Equal(t, int32(12000), source.Spec.Service.Ports[0].Port)
	config, err := os.ReadFile(filepath.Join(root, remediation, "alertmanager.yml"))
	require.NoError(t, err)
	require.Contains(t, string(config),
		"url: http://"+source.Name+"-eventsource-svc.remediation.svc:"+hook.Port+hook.Endpoint+"\n")
}
