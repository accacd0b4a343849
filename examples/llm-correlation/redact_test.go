package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedactor_ReplacesTheSameValueByTheSamePlaceholder(t *testing.T) {
	r, err := newRedactor("user|tenant", "")
	require.NoError(t, err)
	got, n := r.apply(map[string]any{
		"labels":  map[string]any{"user": "alice", "tenant": "1", "pod": "p1"},
		"other":   map[string]any{"user": "bob", "tenant": "alice"},
		"account": map[string]any{"user": "carol", "value": 1.0}, // no labels
		"text":    "alice, malice, 1 of 11, user%3Dalice, user",
	})
	require.Equal(t, map[string]any{
		"labels":  map[string]any{"user": "[tenant-1]", "tenant": "[tenant-2]", "pod": "p1"},
		"other":   map[string]any{"user": "[user-1]", "tenant": "[tenant-1]"},
		"account": map[string]any{"user": "carol", "value": 1.0},
		"text":    "[tenant-1], m[tenant-1], [tenant-2] of 11, user%3D[tenant-1], user",
	}, got)
	require.Equal(t, 8, n)
}

func TestRedactor_FindsAllWaysToWriteAValue(t *testing.T) {
	r, err := newRedactor("user", `\b\d{16}\b`)
	require.NoError(t, err)
	got, _ := r.apply(map[string]any{
		"labels": map[string]any{"user": `a "b"/c`},
		"texts":  []any{`x{user="a \"b\"/c"}`, "?user=a+%22b%22%2Fc&x", "/a%20%22b%22%2Fc/", "card 1234567812345678"},
	})
	require.Equal(t, []any{`x{user="[user-1]"}`, "?user=[user-1]&x", "/[user-1]/", "card [redacted]"},
		got.(map[string]any)["texts"])
}

// FuzzRedactor: no denied value of some length is left, whatever the text and the values are.
func FuzzRedactor(f *testing.F) {
	f.Add("alice", "bobby", "alice and bobby")
	f.Add("user", "tenant", "user tenant [user-1]")
	f.Add("aaaa", "aaaaaa", "aaaaaaaaaaa")
	f.Add("\U000F0000abc", "1", "\U000F0000abc")
	f.Fuzz(func(t *testing.T, a, b, s string) {
		r, err := newRedactor("x|y", "")
		require.NoError(t, err)
		got, _ := r.apply(map[string]any{"labels": map[string]any{"x": a, "y": b, "z": s}})
		text := got.(map[string]any)["labels"].(map[string]any)["z"].(string)
		for _, placeholder := range []string{"[x-1]", "[x-2]", "[y-1]", "[y-2]"} {
			text = strings.ReplaceAll(text, placeholder, "\n") // what is left is what was not denied
		}
		for _, v := range []string{a, b} {
			if len(v) >= anywhere && !strings.Contains(v, "\n") {
				require.NotContains(t, text, v)
			}
		}
	})
}

func TestEncode_LeavesOutTheLastOfLists(t *testing.T) {
	var list []any
	for range 100 {
		labels := map[string]any{"url": "y"}
		list = append(list, map[string]any{"text": strings.Repeat("é", 2000), "url": "/x", "labels": labels})
	}
	text, err := encode(map[string]any{"list": list}, 10_000)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), 10_000)
	var got struct {
		List []struct {
			Text, URL string
			Labels    map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Len(t, got.List, 5)
	require.Equal(t, strings.Repeat("é", 498)+"…", got.List[0].Text)
	require.Empty(t, got.List[0].URL)
	require.Equal(t, "y", got.List[0].Labels["url"], "a label is no noise")
	_, err = encode(map[string]any{"list": list}, 100)
	require.ErrorContains(t, err, "more than 100 bytes")
}

func TestOnlyReads_RefusesWhatMayChangeSomething(t *testing.T) {
	for _, good := range []string{
		"kubectl get pods", "kubectl -n shop describe pod api-1", "kubectl --context=prod -n shop logs deploy/api --since=1h",
		"kubectl -n shop rollout history deployment/api", "kubectl top pods -n shop",
		`promtool query instant http://prometheus:9090 'sum(rate(x{job=~"a|b"}[5m])) > 1'`, "amtool alert query job=api",
	} {
		require.True(t, onlyReads(good), good)
	}
	for _, bad := range []string{
		"", "kubectl", "kubectl delete pod x", "kubectl rollout restart deploy/api", "kubectl exec x -- get y", "rm -rf /",
		"kubectl get pods; rm x", "kubectl get pods | sh", "kubectl get pods && x", "kubectl get $(x)", "kubectl get `x`",
		"kubectl get pods > /etc/x", "kubectl get pods\nrm x", "kubectl get secret x", "kubectl get --raw /x",
		"kubectl get 'x",
		"kubectl get 'a'$(x)'b'", "amtool silence expire x", "amtool silence add query x", "promtool push x",
		"kubectl get pods \u202e", "sudo kubectl get pods", " kubectl get pods",
	} {
		require.False(t, onlyReads(bad), bad)
	}
}
