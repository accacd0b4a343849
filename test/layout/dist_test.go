package layout_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The programs that need the sources, and so are in no package.
var programs = []string{"examples/demo", "examples/llm-correlation", "dashboards/generate"}

// dist collects the files of a release into a temporary folder and returns it.
func dist(t *testing.T) string {
	t.Helper()
	build := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "dist", "BUILD_DIR="+build, "DIST="+build+"/dist")
	cmd.Dir = root(t)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(build, "dist")
}

// files returns the files below a folder, by path from there.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			path, err = filepath.Rel(dir, path)
			all = append(all, path)
		}
		return err
	}))
	return all
}

func TestDist_HasWhatUsersNeed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links the program")
	}
	dir := dist(t)
	var want []string
	for _, folder := range []string{"rules", "dashboards", "examples", "docs"} {
		for _, file := range files(t, filepath.Join(root(t), folder)) {
			path := filepath.Join(folder, file)
			tests := strings.HasSuffix(path, "_test.yml") || strings.Contains(path, "/testdata/")
			if filepath.Ext(path) != ".go" && !tests && !under(path, programs...) {
				want = append(want, path)
			}
		}
	}
	got := files(t, dir)
	require.ElementsMatch(t, append(want,
		"LICENSE", "README.md", "CHANGELOG.md",
		"man/anomaly-exporter.1", "completion/anomaly-exporter.bash", "completion/_anomaly-exporter"), got)

	for _, file := range got {
		info, err := os.Lstat(filepath.Join(dir, file))
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), "%s is a copy, not a link", file)
	}

	read := func(file string) string {
		b, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		return string(b)
	}
	number, err := os.ReadFile(filepath.Join(root(t), "VERSION"))
	require.NoError(t, err)
	require.Contains(t, read("man/anomaly-exporter.1"),
		`.TH anomaly-exporter 1 "" "anomaly-exporter `+strings.TrimSpace(string(number))+`"`)
	require.Contains(t, read("man/anomaly-exporter.1"), `anomaly-exporter \- Anomaly scores`)
	require.Contains(t, read("completion/anomaly-exporter.bash"), "complete -F")
	require.Contains(t, read("completion/_anomaly-exporter"), "#compdef anomaly-exporter")

	// A page that comes along links to what does, but for sources.
	link := regexp.MustCompile(`\]\(\.\./((?:examples|rules|dashboards)[^)#\s]*)`)
	links := 0
	for _, page := range got {
		if filepath.Dir(page) != "docs" || filepath.Ext(page) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(read(page), -1) {
			if !under(m[1], programs...) && filepath.Ext(m[1]) != ".go" {
				_, err := os.Stat(filepath.Join(dir, m[1]))
				require.NoError(t, err, page)
				links++
			}
		}
	}
	require.Greater(t, links, 20, "links were found")
}

// TestPackages_AgreeOnTheirFiles compares what the tarballs of promu, the image, the deb and the rpm are made of with
// what "make dist" collects.
func TestPackages_AgreeOnTheirFiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links the program")
	}
	entries, err := os.ReadDir(dist(t))
	require.NoError(t, err)
	var want []string
	for _, entry := range entries {
		want = append(want, "dist/"+entry.Name())
	}

	var promu struct {
		Tarball struct {
			Files []string `yaml:"files"`
		} `yaml:"tarball"`
	}
	decode(t, ".promu.yml", &promu)
	require.ElementsMatch(t, want, promu.Tarball.Files)

	var nfpm struct {
		Contents []struct {
			Src string `yaml:"src"`
			Dst string `yaml:"dst"`
		} `yaml:"contents"`
		Scripts map[string]string `yaml:"scripts"`
	}
	decode(t, "nfpm.yaml", &nfpm)
	packaged := map[string]bool{}
	for _, c := range nfpm.Contents {
		switch parts := strings.SplitN(c.Src, "/", 3); {
		case parts[0] == "dist":
			packaged[strings.Join(parts[:2], "/")] = true
		case !strings.HasPrefix(c.Src, ".build/"):
			require.FileExists(t, filepath.Join(root(t), c.Src))
		}
	}
	for _, entry := range want {
		require.True(t, packaged[entry], "nfpm.yaml packages %s", entry)
	}
	require.Len(t, nfpm.Scripts, 3)
	for _, script := range nfpm.Scripts {
		require.FileExists(t, filepath.Join(root(t), script))
	}

	dockerfile, err := os.ReadFile(filepath.Join(root(t), "Dockerfile"))
	require.NoError(t, err)
	ignore, err := os.ReadFile(filepath.Join(root(t), ".dockerignore"))
	require.NoError(t, err)
	var copied []string
	for _, m := range regexp.MustCompile(`(?m)^COPY (\S+)`).FindAllStringSubmatch(string(dockerfile), -1) {
		source := strings.ReplaceAll(m[1], "${TARGETARCH}", "*")
		require.Contains(t, strings.Split(string(ignore), "\n"), "!"+source)
		copied = append(copied, source)
	}
	require.Equal(t, []string{"dist", "examples/prometheus.yml", ".build/linux-*/anomaly-exporter"}, copied)

	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	for _, target := range []string{"docker: dist build-linux\n", "packages: dist build-linux ", "tarball: dist\n"} {
		require.Contains(t, string(makefile), "\n"+target)
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), file))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}
