package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/files"
)

const server = "remote_read: [{url: 'http://localhost:9090/api/v1/read'}]\n"

// writeFiles writes files into a new directory, which it returns.
func writeFiles(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func TestLoadFile_MergesDetectorFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.yml": "global: {step: 5m}\n" + server +
			"detector_files: [detectors.d/*.yml, more/one.yml, none.d/*.yml, detectors.d/b.yml]\n" +
			"detectors: [{name: own, expr: up}]\n",
		"detectors.d/b.yml": "detectors:\n  - &d {name: b, expr: up, step: 1h}\n  - {<<: *d, name: b2}\n",
		"detectors.d/a.yml": "detectors: [{name: a, expr: up}]\n" +
			"scalers: [{name: a, load: up, capacity_per_replica: 1, max_replicas: 2}]\n",
		"detectors.d/ignored.txt": "not read",
		"more/one.yml":            "detectors: [{name: one, expr: up}]\n",
	})
	c, err := config.LoadFile(filepath.Join(dir, "main.yml"))
	require.NoError(t, err)
	var names []string
	for _, d := range c.Detectors {
		names = append(names, d.Name+" "+d.Step.String())
	}
	require.Equal(t, []string{"own 5m", "a 5m", "b 1h", "b2 1h", "one 5m"}, names, "each file once")
	require.Equal(t, "a", c.Scalers[0].Name)

	merged, err := config.Load([]byte(c.String()), "merged.yml")
	require.NoError(t, err, "String shows the result of the merge")
	require.Equal(t, c.Detectors, merged.Detectors)
	require.Equal(t, c.Scalers, merged.Scalers)
}

// What is wrong in each of the files is reported at once, with file and line.
func TestLoadFile_NamesFileAndLineInDetectorFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"main.yml": server + "detector_files:\n  - d/*.yml\n  - none.yml\n  - '*/x.yml'\n  - 'd/[.yml'\n" +
			"detectors:\n  - {name: own, expr: up}\n  - {name: bad, expr: up(}\n",
		"d/1.yml": "detectors:\n  - {name: x, expr: up}\nremote_read: []\n",
		"d/2.yml": "scalers: [{name: x, load: up, capacity_per_replica: 1, max_replicas: 2}]\ndetectors:\n" +
			"  - name: own\n    expr: up\n  - name: x\n    expr: up\n",
		"d/3.yml": "detectors: [*d]\n",
		"d/4.yml": "",
		"d/5.yml": "detectors: &a [{name: y, expr: up, labels: *a}]\n",
	})
	_, err := config.LoadFile(filepath.Join(dir, "main.yml"))
	require.Error(t, err)
	want := `main.yml:4: detector_files[1]: open DIR/none.yml: no such file or directory
main.yml:5: detector_files[2]: * may only be in the last part of a path
main.yml:6: detector_files[3]: not a pattern of files, such as detectors.d/*.yml
main.yml:9: detector "bad": expr: 1:4: parse error: unclosed left parenthesis
d/1.yml:3: remote_read: unknown key
d/2.yml:3: detector "own": name: is already used in DIR/main.yml:8
d/2.yml:5: detector "x": name: is already used in DIR/d/1.yml:2
d/3.yml:1: unknown anchor; a value that begins with * needs quotes
d/4.yml:1: the file is empty
d/5.yml:1: anchor 'a' value contains itself`
	var lines []string
	for line := range strings.Lines(want) {
		lines = append(lines, filepath.Join(dir, "x")[:len(dir)+1]+strings.ReplaceAll(line, "DIR", dir))
	}
	require.Equal(t, strings.Join(lines, ""), err.Error())
}

func TestLoad_ReadsNoOtherFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{"d.yml": "detectors: [{name: x, expr: up}]\n"})
	text := server + "detector_files: ['" + filepath.Join(dir, "*.yml") + "']\n"
	_, err := config.Load([]byte(text), filepath.Join(dir, "main.yml"))
	require.EqualError(t, err,
		filepath.Join(dir, "main.yml")+":2: detector_files[0]: no other files are read here")
}

// The hash changes with the content of each file, and with the files that there are.
func TestFiles_HashFollowsContent(t *testing.T) {
	contents := map[string]string{
		"main.yml": server + "detector_files: [d/*.yml, one.yml]\n",
		"d/a.yml":  "detectors: [{name: a, expr: up}]\n",
	}
	hash := func(dir string) [32]byte {
		t.Helper()
		set, err := files.Read(filepath.Join(dir, "main.yml"))
		require.NoError(t, err)
		return set.Hash()
	}
	dir := writeFiles(t, contents)
	seen := map[[32]byte]bool{hash(dir): true}
	require.Contains(t, seen, hash(writeFiles(t, contents)), "the same files elsewhere, a missing one included")
	for _, change := range [][2]string{
		{"d/a.yml", "detectors: [{name: a, expr: down}]\n"},
		{"d/b.yml", "detectors: [{name: b, expr: up}]\n"},
		{"one.yml", ""},
		{"main.yml", contents["main.yml"] + "# comment\n"},
		{"main.yml", "detector_files: ["},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, change[0]), []byte(change[1]), 0o600))
		require.NotContains(t, seen, hash(dir), "%s", change)
		seen[hash(dir)] = true
	}
}
